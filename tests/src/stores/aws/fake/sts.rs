//! STS: who a caller is, and credentials for a role.

use std::collections::HashMap;

use super::super::signature::iso;
use super::{Principal, Refusal, State};
use crate::fault::{Answer, Asked};
use crate::form;

/// The XML namespace of STS.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

type Form = HashMap<String, String>;

impl State {
    pub(super) fn sts(&self, asked: &Asked) -> Answer {
        let form = form::fields(&asked.body);
        let action = form.get("Action").map(String::as_str).unwrap_or_default();
        let answered = match action {
            "GetCallerIdentity" => self.caller_identity(asked),
            "AssumeRole" => self.assume_role(asked, &form),
            "AssumeRoleWithWebIdentity" => self.assume_role_with_web_identity(&form),
            _ => Err(Refusal::new("InvalidAction", "The action is not valid.")),
        };
        let (status, xml) = match answered {
            Ok(result) => (
                200,
                format!(
                    "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
                     <ResponseMetadata><RequestId>kit</RequestId></ResponseMetadata></{action}Response>"
                ),
            ),
            Err(Refusal { code, message, .. }) => (
                // A query API refuses with another status and other codes than a JSON API.
                if code.contains("Invalid") && code != "InvalidClientTokenId" { 400 } else { 403 },
                format!(
                    "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code>\
                     <Message>{message}</Message></Error><RequestId>kit</RequestId></ErrorResponse>"
                ),
            ),
        };
        Answer::new(status, xml).header("content-type", "text/xml")
    }

    fn caller(&self, asked: &Asked, action: &str) -> Result<Principal, Refusal> {
        let caller = self.authenticate(asked, "sts").map_err(query_code)?;
        self.count(action, &caller.region, &caller.key_id);
        Ok(caller.principal)
    }

    fn caller_identity(&self, asked: &Asked) -> Result<String, Refusal> {
        let principal = self.caller(asked, "GetCallerIdentity")?;
        Ok(format!(
            "<Arn>{}</Arn><UserId>AIDAKIT</UserId><Account>{}</Account>",
            principal.arn(),
            principal.account
        ))
    }

    fn assume_role(&self, asked: &Asked, form: &Form) -> Result<String, Refusal> {
        let principal = self.caller(asked, "AssumeRole")?;
        let arn = form.get("RoleArn").cloned().unwrap_or_default();
        let role = self.roles.lock().expect("roles").get(&arn).cloned();
        let external_id = role.as_ref().and_then(|role| role.external_id.as_ref());
        if role.is_none() || !principal.may(&["AssumeRole"]) || form.get("ExternalId") != external_id {
            let message = format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                principal.arn()
            );
            return Err(Refusal::new("AccessDenied", message));
        }
        Ok(self.credentials(&arn, form))
    }

    fn assume_role_with_web_identity(&self, form: &Form) -> Result<String, Refusal> {
        self.count("AssumeRoleWithWebIdentity", "-", "-");
        let arn = form.get("RoleArn").cloned().unwrap_or_default();
        let role = self.roles.lock().expect("roles").get(&arn).cloned();
        let accepted = role.and_then(|role| role.web_identity);
        if accepted.is_none() || form.get("WebIdentityToken") != accepted.as_ref() {
            let message = "Couldn't retrieve verification key from your identity provider,  please reference \
                           AssumeRoleWithWebIdentity documentation for requirements";
            return Err(Refusal::new("InvalidIdentityToken", message));
        }
        Ok(self.credentials(&arn, form))
    }

    /// New credentials for a role, as XML.
    fn credentials(&self, arn: &str, form: &Form) -> String {
        let role = self.roles.lock().expect("roles").get(arn).cloned().unwrap_or_default();
        let asked = form.get("DurationSeconds").and_then(|text| text.parse().ok()).unwrap_or(3600);
        let expires = self.now() + role.seconds.unwrap_or(asked);
        let account = arn.split(':').nth(4).unwrap_or_default();
        let name = arn.rsplit('/').next().unwrap_or_default();
        let session = form.get("RoleSessionName").cloned().unwrap_or_default();
        let number = self.version_id();
        let key = self.new_key("ASIA", Some(format!("session-token-of-the-kit/{number}==")));
        let principal = Principal {
            account: account.to_owned(),
            name: format!("assumed-role/{name}/{session}"),
            denied: role.denied,
            expires: Some(expires),
        };
        let xml = format!(
            "<AssumedRoleUser><AssumedRoleId>AROAKIT:{session}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>\
             <Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
            principal.arn(),
            key.id,
            key.secret,
            key.token.as_deref().unwrap_or_default(),
            iso(expires)
        );
        self.keys.lock().expect("keys").insert(key.id.clone(), (key, principal));
        xml
    }
}

/// The code that a query API has for what a JSON API refuses.
fn query_code(refusal: Refusal) -> Refusal {
    let code = match refusal.code {
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "ExpiredTokenException" => "ExpiredToken",
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        code => code,
    };
    Refusal { code, ..refusal }
}
