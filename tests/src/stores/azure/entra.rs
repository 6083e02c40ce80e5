//! The kit's own Entra: checks who signs in, and issues tokens that a vault can verify. Its answers are those of the real
//! service, code by code.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::rs256::{self, Issuer, is_time_of, now};
use crate::fault::{Answer, Asked};
use crate::form;

/// The tenant of the kit.
pub const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// A tenant whose tokens no vault of the kit accepts.
pub const OTHER_TENANT: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";

/// The audiences of the vaults of each cloud.
pub const AUDIENCES: [&str; 3] =
    ["https://vault.azure.net", "https://vault.azure.cn", "https://vault.usgovcloudapi.net"];

/// An application of the tenant.
#[derive(Debug, Clone, Default)]
pub struct App {
    /// Its secret, and whether its time is over.
    pub secret: Option<(String, bool)>,
    /// Whether it has the kit's certificate.
    pub has_certificate: bool,
    /// The subject that it trusts, of the issuer `https://cluster.test`.
    pub subject: Option<String>,
    /// Whether it is switched off.
    pub is_disabled: bool,
}

/// A running service.
#[derive(Debug)]
pub struct Entra {
    issuer: Issuer,
    client: Issuer,
    apps: Mutex<HashMap<String, App>>,
}

impl Entra {
    /// One that knows no application.
    pub fn new() -> Self {
        Self { issuer: Issuer::new(rs256::ENTRA), client: Issuer::new(rs256::CLIENT), apps: Mutex::default() }
    }

    /// Makes an application known.
    pub fn app(&self, client: &str, app: App) {
        self.apps.lock().expect("the applications").insert(client.to_owned(), app);
    }

    /// The token of a cluster for a service account.
    pub fn cluster_token(&self, subject: &str) -> String {
        let claims = json!({
            "iss": "https://cluster.test", "sub": subject, "aud": "api://AzureADTokenExchange", "exp": now() + 3600,
        });
        self.client.sign(&claims)
    }

    /// Answers a request for a token: `POST /TENANT/oauth2/v2.0/token`.
    pub fn answer(&self, asked: &Asked, host: &str) -> Answer {
        let path = asked.path.trim_start_matches('/');
        if let Some((tenant, "v2.0/.well-known/openid-configuration")) = path.split_once('/') {
            return configuration(tenant, host);
        }
        let Some((tenant, "oauth2/v2.0/token")) = path.split_once('/') else {
            return Answer::new(404, "");
        };
        let url = format!("https://{host}{}", asked.path);
        match self.judge(tenant, &form::fields(&asked.body), &url) {
            Ok(token) => {
                let body = json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token});
                Answer::new(200, body.to_string()).header("content-type", "application/json; charset=utf-8")
            }
            Err((status, error, code, text)) => refusal(status, error, code, text),
        }
    }

    fn judge(&self, tenant: &str, form: &HashMap<String, String>, url: &str) -> Result<String, Refusal> {
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        if ![TENANT, OTHER_TENANT].contains(&tenant) {
            return Err((
                400,
                "invalid_request",
                90_002,
                "Tenant not found. Check to make sure you have the correct tenant ID.",
            ));
        }
        let client = field("client_id");
        let app = self.apps.lock().expect("the applications").get(client).cloned();
        let Some(app) = app else {
            return Err((400, "unauthorized_client", 700_016, "Application was not found in the directory."));
        };
        if app.is_disabled {
            return Err((400, "unauthorized_client", 7_000_112, "Application is disabled."));
        }
        let audience = field("scope").trim_end_matches("/.default");
        if !AUDIENCES.contains(&audience) {
            return Err((
                400,
                "invalid_resource",
                500_011,
                "The resource principal was not found in the tenant.",
            ));
        }
        match (field("client_assertion"), field("client_secret")) {
            ("", "") => {
                return Err((
                    401,
                    "invalid_client",
                    7_000_216,
                    "'client_assertion' or 'client_secret' is required.",
                ));
            }
            ("", secret) => app.check_secret(secret)?,
            (assertion, _) => self.check_assertion(&app, client, assertion, url)?,
        }
        Ok(self.issue(client, tenant, audience, 3599))
    }

    fn check_assertion(&self, app: &App, client: &str, assertion: &str, url: &str) -> Result<(), Refusal> {
        const INVALID: Refusal = (
            401,
            "invalid_client",
            700_027,
            "The certificate used to sign the client assertion is not registered.",
        );
        let (head, claims) = self.client.verify(assertion).ok_or(INVALID)?;
        if !is_time_of(&claims) {
            return Err((
                401,
                "invalid_client",
                700_024,
                "Client assertion is not within its valid time range.",
            ));
        }
        if claims["iss"] == "https://cluster.test" {
            let is_trusted = app.subject.as_deref() == claims["sub"].as_str()
                && claims["aud"] == "api://AzureADTokenExchange";
            return if is_trusted {
                Ok(())
            } else {
                Err((401, "invalid_client", 700_213, "No matching federated identity record found."))
            };
        }
        let is_named = head.get("x5t#S256").or_else(|| head.get("x5t")).is_some();
        let is_own = claims["iss"] == client && claims["sub"] == client && claims["jti"].is_string();
        match () {
            () if !app.has_certificate || !is_named || !is_own => Err(INVALID),
            () if claims["aud"] != url => {
                Err((401, "invalid_client", 700_023, "Client assertion audience claim does not match."))
            }
            () => Ok(()),
        }
    }

    /// Answers a request for the token of a machine: the instance metadata service, the service that App Service has next to
    /// a program, or a false agent of Azure Arc, which wants to see another file than its own.
    pub fn answer_machine(&self, asked: &Asked) -> Answer {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let pairs: HashMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let pair = |name: &str| pairs.get(name).map(|value| form::decoded(value)).unwrap_or_default();
        let header =
            |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_allowed = match path {
            "/metadata/identity/oauth2/token" => header("metadata") == "true",
            "/msi/token" => header("x-identity-header") == "header-of-the-kit",
            "/arc/false" => {
                return Answer::new(401, "").header("www-authenticate", "Basic realm=/etc/passwd.key");
            }
            "/arc/token" if header("metadata") != "true" => return Answer::new(400, ""),
            "/arc/token" if !is_shown(header("authorization")) => {
                return Answer::new(401, "").header("www-authenticate", format!("Basic realm={ARC_KEY}"));
            }
            "/arc/token" => true,
            _ => return Answer::new(404, ""),
        };
        if !is_allowed {
            return Answer::new(401, "");
        }
        let (client, object) = (pair("client_id"), pair("object_id"));
        let is_known = client.is_empty() || self.apps.lock().expect("the applications").contains_key(&client);
        if !is_known || !object.is_empty() {
            let body = json!({"error": "invalid_request", "error_description": "Identity not found"});
            return Answer::new(400, body.to_string());
        }
        let token = self.issue(CLIENT_ID, TENANT, &pair("resource"), 86_400);
        let end = (now() + 86_400).to_string();
        if path == "/msi/token" {
            let body = json!({
                "access_token": token, "client_id": CLIENT_ID, "expires_on": end, "resource": pair("resource"),
                "token_type": "Bearer",
            });
            return Answer::new(200, body.to_string());
        }
        let body = json!({
            "access_token": token, "refresh_token": "", "expires_in": "86400", "expires_on": end, "not_before": "1",
            "resource": pair("resource"), "token_type": "Bearer",
        });
        Answer::new(200, body.to_string())
    }

    /// A token for an application.
    pub fn issue(&self, client: &str, tenant: &str, audience: &str, lasts: u64) -> String {
        self.issuer.sign(&json!({
            "aud": audience, "iss": format!("https://sts.windows.net/{tenant}/"), "iat": now(), "nbf": now(),
            "exp": now() + lasts, "appid": client, "appidacr": "1", "idtyp": "app",
            "oid": "99990000-aaaa-1111-bbbb-2222cccc3333", "tid": tenant, "ver": "1.0",
        }))
    }

    /// The claims of a token that is good for this audience.
    pub fn verify(&self, token: &str, audience: &str) -> Option<Value> {
        let (_, claims) = self.issuer.verify(token)?;
        Some(claims).filter(|claims| claims["aud"] == audience && is_time_of(claims))
    }
}

impl Default for Entra {
    fn default() -> Self {
        Self::new()
    }
}

impl App {
    fn check_secret(&self, secret: &str) -> Result<(), Refusal> {
        match &self.secret {
            Some((own, false)) if own == secret => Ok(()),
            Some((own, true)) if own == secret => {
                Err((401, "invalid_client", 7_000_222, "The provided client secret keys are expired."))
            }
            _ => Err((401, "invalid_client", 7_000_215, "Invalid client secret provided.")),
        }
    }
}

/// The client id of the machine's identity.
const CLIENT_ID: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

/// The file whose content the agent of Azure Arc wants to see.
pub const ARC_KEY: &str = "/var/opt/azcmagent/tokens/8e0f1d.key";

/// Whether an authorization is the content of that file.
fn is_shown(authorization: &str) -> bool {
    let key = std::fs::read_to_string(ARC_KEY);
    key.is_ok_and(|key| authorization.strip_prefix("Basic ") == Some(key.trim()))
}

/// What Microsoft's clients ask for before they sign in (`OpenID` Connect Discovery 1.0).
fn configuration(tenant: &str, host: &str) -> Answer {
    if ![TENANT, OTHER_TENANT].contains(&tenant) {
        return refusal(400, "invalid_tenant", 90_002, "Tenant not found.");
    }
    let base = format!("https://{host}/{tenant}");
    let body = json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"), "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
    });
    Answer::new(200, body.to_string()).header("content-type", "application/json; charset=utf-8")
}

/// Status, error, code and text.
type Refusal = (u16, &'static str, u32, &'static str);

/// A refusal as Entra writes one.
fn refusal(status: u16, error: &str, code: u32, text: &str) -> Answer {
    let trace = "0000aaaa-11bb-cccc-dd22-eeeeee333333";
    let text = format!(
        "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: aaaa0000-bb11-2222-33cc-444444dddddd Timestamp: 2026-11-30 10:00:00Z"
    );
    let body = json!({
        "error": error, "error_description": text, "error_codes": [code], "timestamp": "2026-11-30 10:00:00Z",
        "trace_id": trace, "correlation_id": "aaaa0000-bb11-2222-33cc-444444dddddd",
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    Answer::new(status, body.to_string()).header("content-type", "application/json; charset=utf-8")
}
