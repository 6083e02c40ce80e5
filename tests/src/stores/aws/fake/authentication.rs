//! Who sent a request: the signature, as AWS checks it.

use super::super::signature::{self, Scope};
use super::{Principal, Refusal, State};
use crate::fault::Asked;

/// How far apart the clocks may be, in seconds.
const SKEW: u64 = 5 * 60;

/// Who sent a request, and for which region.
pub(super) struct Caller {
    pub principal: Principal,
    pub region: String,
    pub key_id: String,
}

impl State {
    /// The caller of a request that is signed for this service.
    pub(super) fn authenticate(&self, asked: &Asked, service: &str) -> Result<Caller, Refusal> {
        let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        let missing = || Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token");
        let Signed { key_id, scope, names, signature } =
            header("authorization").and_then(Signed::parse).ok_or_else(missing)?;
        let (key, principal) = self.keys.lock().expect("keys").get(&key_id).cloned().ok_or_else(unknown)?;
        let time = header("x-amz-date").ok_or_else(missing)?;
        let invalid = |message: String| Refusal::new("InvalidSignatureException", message);
        self.check_time(time).map_err(invalid)?;
        if scope.service != service || !time.starts_with(&scope.date) {
            return Err(invalid(format!("Credential should be scoped to correct service: '{service}'.")));
        }
        if header("x-amz-security-token") != key.token.as_deref() {
            return Err(unknown());
        }
        if principal.expires.is_some_and(|end| end <= self.now()) {
            let message = "The security token included in the request is expired";
            return Err(Refusal::new("ExpiredTokenException", message));
        }
        // Over HTTP/2 the host is not a header.
        let hosts = self.hosts.lock().expect("hosts").clone();
        let signed_right = hosts.iter().any(|host| {
            let value = |name: &String| {
                let value = if name == "host" { host } else { header(name).unwrap_or_default() };
                (name.clone(), value.to_owned())
            };
            let headers: Vec<_> = names.iter().map(value).collect();
            signature::signature(&key, &scope, time, &headers, &asked.body) == signature
        });
        let is_whole = ["host", "x-amz-date"].iter().all(|name| names.iter().any(|signed| signed == name));
        if !signed_right || !is_whole {
            let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.";
            return Err(invalid(message.to_owned()));
        }
        Ok(Caller { principal, region: scope.region, key_id })
    }

    fn check_time(&self, time: &str) -> Result<(), String> {
        let (now, signed) = (self.now(), signature::seconds(time).unwrap_or(0));
        let text = signature::timestamp;
        if signed + SKEW < now {
            let earliest = text(now - SKEW);
            return Err(format!(
                "Signature expired: {time} is now earlier than {earliest} ({} - 5 min.)",
                text(now)
            ));
        }
        if signed > now + SKEW {
            let latest = text(now + SKEW);
            return Err(format!(
                "Signature not yet current: {time} is still later than {latest} ({} + 5 min.)",
                text(now)
            ));
        }
        Ok(())
    }
}

fn unknown() -> Refusal {
    Refusal::new("UnrecognizedClientException", "The security token included in the request is invalid.")
}

/// The parts of an `Authorization` header.
struct Signed {
    key_id: String,
    scope: Scope,
    names: Vec<String>,
    signature: String,
}

impl Signed {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part = |name: &str| rest.split(", ").find_map(|part| part.strip_prefix(name));
        let [key_id, date, region, service, "aws4_request"] =
            part("Credential=")?.split('/').collect::<Vec<_>>()[..]
        else {
            return None;
        };
        Some(Self {
            key_id: key_id.to_owned(),
            scope: Scope { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() },
            names: part("SignedHeaders=")?.split(';').map(str::to_owned).collect(),
            signature: part("Signature=")?.to_owned(),
        })
    }
}
