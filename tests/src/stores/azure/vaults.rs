//! The kit's own Key Vault: secrets in memory, read with a token that it verifies. Its answers are those of the real
//! service, code by code.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use http::Method;
use serde_json::{Value, json};

use super::entra::{AUDIENCES, Entra, TENANT};
use crate::fault::{Answer, Asked};

/// How many secrets a page of a list has; the real one has 25.
const PAGE: usize = 25;

/// Vaults by host.
#[derive(Debug, Default)]
pub struct Vaults(Mutex<HashMap<String, BTreeMap<String, Secret>>>);

/// A secret, with its name as it was first written.
#[derive(Debug, Clone)]
pub struct Secret {
    name: String,
    versions: Vec<Version>,
    is_deleted: bool,
}

/// A version of a secret.
#[derive(Debug, Clone)]
pub struct Version {
    /// The value.
    pub value: String,
    /// Whether it may be read.
    pub enabled: bool,
    /// When it begins to be valid, in seconds since the epoch.
    pub nbf: Option<i64>,
    /// When it ceases to be valid.
    pub exp: Option<i64>,
    /// What the value is.
    pub content_type: Option<&'static str>,
    /// Whether it belongs to a certificate.
    pub managed: bool,
}

impl Version {
    /// An ordinary one.
    pub fn new(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            enabled: true,
            nbf: None,
            exp: None,
            content_type: None,
            managed: false,
        }
    }
}

impl Vaults {
    /// Adds a version of a secret.
    pub fn put(&self, host: &str, name: &str, version: Version) {
        let mut vaults = self.0.lock().expect("the vaults");
        let vault = vaults.entry(host.to_owned()).or_default();
        let fresh = || Secret { name: name.to_owned(), versions: Vec::new(), is_deleted: false };
        vault.entry(name.to_ascii_lowercase()).or_insert_with(fresh).versions.push(version);
    }

    /// Deletes a secret; it can be recovered.
    pub fn delete(&self, host: &str, name: &str) {
        let mut vaults = self.0.lock().expect("the vaults");
        let secret = vaults.get_mut(host).and_then(|vault| vault.get_mut(&name.to_ascii_lowercase()));
        secret.expect("a secret").is_deleted = true;
    }

    /// Answers a request to the vault at `host`.
    pub fn answer(&self, asked: &Asked, host: &str, entra: &Entra) -> Answer {
        let token = asked.headers.get("authorization").and_then(|value| value.to_str().ok());
        let audience =
            AUDIENCES.iter().find(|audience| host.ends_with(audience.trim_start_matches("https://")));
        let audience = audience.unwrap_or(&AUDIENCES[0]);
        let claims = token
            .and_then(|token| token.strip_prefix("Bearer "))
            .and_then(|token| entra.verify(token, audience))
            .filter(|claims| claims["tid"] == TENANT);
        let Some(claims) = claims else {
            let text = if token.is_some() { "AKV10022: Invalid audience." } else { NO_TOKEN };
            let challenge = format!(
                "Bearer authorization=\"https://login.windows.net/{TENANT}\", resource=\"{audience}\""
            );
            return error(401, "Unauthorized", text, None).header("www-authenticate", challenge);
        };
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        if !query.contains("api-version=") {
            return error(400, "BadParameter", "api-version must be specified", None);
        }
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let mut vaults = self.0.lock().expect("the vaults");
        let vault = vaults.entry(host.to_owned()).or_default();
        match (&asked.method, &parts[..]) {
            (&Method::GET, ["secrets"]) => list(vault, host, query),
            (&Method::GET, ["secrets", name, version @ ..]) => {
                let name = name.to_ascii_lowercase();
                let answer = refused(&name, &claims)
                    .unwrap_or_else(|| read(vault.get(&name), &name, version.first().copied(), host));
                write_meanwhile(vault, &name);
                answer
            }
            (&Method::PUT, ["secrets", name]) => write(vault, name, &asked.body, host),
            (&Method::DELETE, ["secrets", name]) => remove(vault, &name.to_ascii_lowercase(), host),
            (&Method::GET, ["deletedsecrets", name]) => {
                deleted(vault.get(&name.to_ascii_lowercase()), name, host)
            }
            _ => error(404, "NotFound", "no such resource", None),
        }
    }
}

const NO_TOKEN: &str = "AKV10000: Request is missing a Bearer or PoP token.";

/// What a secret with such a name answers, whatever it holds.
fn refused(name: &str, claims: &Value) -> Option<Answer> {
    let who = claims["appid"].as_str().unwrap_or_default();
    let denied = |inner: &str, text: String| Some(error(403, "Forbidden", &text, Some(inner)));
    match name.split('-').next().unwrap_or_default() {
        "rbac" => denied(
            "ForbiddenByRbac",
            format!(
                "Caller is not authorized to perform action on resource.\r\nCaller: appid={who};oid=1;iss=x\r\nAction: \
                 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '/subscriptions/1/vaults/v'"
            ),
        ),
        "policy" => denied(
            "AccessDenied",
            format!("The user, group or application 'appid={who}' does not have secrets get permission on key vault 'v'."),
        ),
        "firewall" => denied(
            "ForbiddenByFirewall",
            format!(
                "Client address is not authorized and caller is not a trusted service.\r\nClient address: 192.0.2.7\r\nCaller: \
                 appid={who}"
            ),
        ),
        "private" => denied(
            "ForbiddenByConnection",
            "Public network access is disabled and request is not from a trusted service nor via an approved private link."
                .to_owned(),
        ),
        "throttled" => Some(
            error(429, "Throttled", "Request was not processed because too many requests were received.", None)
                .header("retry-after", "30"),
        ),
        _ => None,
    }
}

/// What another client does to a secret whose name begins with `raced`: it adds a version after each read.
fn write_meanwhile(vault: &mut BTreeMap<String, Secret>, name: &str) {
    if let Some(secret) = vault.get_mut(name).filter(|_| name.starts_with("raced")) {
        let number = secret.versions.len();
        secret.versions.push(Version::new(&format!("value-of-another-{number}")));
    }
}

fn read(secret: Option<&Secret>, name: &str, version: Option<&str>, host: &str) -> Answer {
    let Some(secret) = secret.filter(|secret| !secret.is_deleted) else { return missing(name) };
    let number = match version.filter(|version| !version.is_empty()) {
        None => secret.versions.len(),
        Some(version) => usize::from_str_radix(version, 16).unwrap_or(0),
    };
    match number.checked_sub(1).and_then(|at| secret.versions.get(at)) {
        None => missing(name),
        Some(version) if !version.enabled => {
            let text = "Operation get is not allowed on a disabled secret.";
            error(403, "Forbidden", text, Some("SecretDisabled"))
        }
        Some(_) => json_answer(&secret.bundle(host, number, true)),
    }
}

impl Secret {
    /// A version as the service writes it. The id of version 3 is `00…03`.
    fn bundle(&self, host: &str, number: usize, with_value: bool) -> Value {
        let version = &self.versions[number - 1];
        let id = format!("https://{host}/secrets/{}", self.name);
        let mut attributes = json!({
            "enabled": version.enabled, "created": 1_767_225_600, "updated": 1_767_225_600,
            "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
        });
        for (key, time) in [("nbf", version.nbf), ("exp", version.exp)] {
            if let Some(time) = time {
                attributes[key] = json!(time);
            }
        }
        let mut bundle = json!({"id": id, "attributes": attributes, "tags": {}});
        if with_value {
            bundle["id"] = json!(format!("{id}/{number:032x}"));
            bundle["value"] = json!(version.value);
        }
        if let Some(content_type) = version.content_type {
            bundle["contentType"] = json!(content_type);
        }
        if version.managed {
            bundle["managed"] = json!(true);
        }
        bundle
    }
}

/// A page of the secrets. A secret `link` is the link to the next page. After each page that has secrets comes an empty one, as the real service may send it.
fn list(vault: &BTreeMap<String, Secret>, host: &str, query: &str) -> Answer {
    let token = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("$skiptoken=").or(pair.strip_prefix("%24skiptoken=")));
    let at: usize = token.and_then(|token| token.parse().ok()).unwrap_or(0);
    let all: Vec<_> = vault.values().filter(|secret| !secret.is_deleted).collect();
    let page = if at.is_multiple_of(2) { all.chunks(PAGE).nth(at / 2).unwrap_or_default() } else { &[] };
    let more = at / 2 + 1 < all.len().div_ceil(PAGE) || (at.is_multiple_of(2) && all.len() > PAGE);
    // The port is in the link although it is the usual one.
    let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
    let next = more.then(|| {
        format!("https://{authority}/secrets?api-version=7.5&$skiptoken={}&maxresults={PAGE}", at + 1)
    });
    let entries: Vec<_> =
        page.iter().map(|secret| secret.bundle(host, secret.versions.len(), false)).collect();
    let link = vault.get("link").and_then(|secret| Some(secret.versions.last()?.value.clone()));
    json_answer(&json!({"value": entries, "nextLink": link.or(next)}))
}

fn write(vault: &mut BTreeMap<String, Secret>, name: &str, body: &[u8], host: &str) -> Answer {
    let key = name.to_ascii_lowercase();
    let Some(value) =
        serde_json::from_slice::<Value>(body).ok().and_then(|body| Some(body["value"].as_str()?.to_owned()))
    else {
        return error(400, "BadParameter", "value must be specified", None);
    };
    if value.len() > 25 * 1024 {
        return error(400, "BadParameter", "Secret value is too long.", None);
    }
    let fresh = || Secret { name: name.to_owned(), versions: Vec::new(), is_deleted: false };
    let secret = vault.entry(key).or_insert_with(fresh);
    if secret.is_deleted {
        let text = "Secret is currently in a deleted but recoverable state, and its name cannot be reused.";
        return error(409, "Conflict", text, Some("ObjectIsDeletedButRecoverable"));
    }
    secret.versions.push(Version::new(&value));
    json_answer(&secret.bundle(host, secret.versions.len(), true))
}

fn remove(vault: &mut BTreeMap<String, Secret>, name: &str, host: &str) -> Answer {
    let Some(secret) = vault.get_mut(name).filter(|secret| !secret.is_deleted) else { return missing(name) };
    secret.is_deleted = true;
    deleted(Some(secret), name, host)
}

fn deleted(secret: Option<&Secret>, name: &str, host: &str) -> Answer {
    let Some(secret) = secret.filter(|secret| secret.is_deleted) else {
        return error(404, "SecretNotFound", &format!("Deleted Secret not found: {name}"), None);
    };
    let mut bundle = secret.bundle(host, secret.versions.len(), false);
    bundle["recoveryId"] = json!(format!("https://{host}/deletedsecrets/{}", secret.name));
    bundle["deletedDate"] = json!(1_796_000_000);
    bundle["scheduledPurgeDate"] = json!(1_803_776_000);
    json_answer(&bundle)
}

fn missing(name: &str) -> Answer {
    let text = format!(
        "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may be able to \
         recover it using the correct recovery command."
    );
    error(404, "SecretNotFound", &text, None)
}

fn json_answer(body: &Value) -> Answer {
    Answer::new(200, body.to_string()).header("content-type", "application/json; charset=utf-8")
}

fn error(status: u16, code: &str, text: &str, inner: Option<&str>) -> Answer {
    let mut body = json!({"error": {"code": code, "message": text}});
    if let Some(inner) = inner {
        body["error"]["innererror"] = json!({"code": inner});
    }
    let answer =
        Answer::new(status, body.to_string()).header("content-type", "application/json; charset=utf-8");
    answer.header("x-ms-request-id", "0000aaaa-0000-0000-0000-00000000aaaa")
}
