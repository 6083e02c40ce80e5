//! `auth = "approle"`: a role id, and a secret id that may be wrapped.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use secretref_protocol::kept::{Grant, Kept};
use secretref_protocol::{Failure, Kind, Secret, Settings};
use serde::Deserialize;

use super::body::json;
use super::login::{Login, Proof};
use crate::server::{Server, envelope, speaks_vault, stranger};
use crate::settings::SECRET_ID;

/// Reads role id and secret id; a role without a secret id is signed in to by its role id alone.
pub(super) fn login(settings: &Settings, kept: &Kept) -> Result<Login, Failure> {
    let role_id = settings.required("role_id")?.to_owned();
    let (secret_id, origin) = match settings.credential(&SECRET_ID, "secret_id_file")? {
        Some((secret_id, origin)) => (Some(secret_id), origin),
        None => (None, "`secret_id_file`".to_owned()),
    };
    let wrapped = settings.is_on("secret_id_wrapped");
    if wrapped && secret_id.is_none() {
        return Err(Failure::misconfigured(
            "`secret_id_wrapped` is set, and there is no secret id",
            "set `secret_id_file` to the file with the wrapping token",
        ));
    }
    if wrapped && !kept.is_possible() {
        return Err(Failure::misconfigured(
            "a wrapped secret id can be unwrapped once, and there is no folder to keep what was in it",
            "set `keep_session` to a folder in memory, or give the unit a RuntimeDirectory",
        ));
    }
    let proof = if wrapped {
        Proof::Wrapped { role_id: role_id.clone() }
    } else {
        Proof::Body(body(&role_id, secret_id.as_ref()))
    };
    Ok(Login {
        method: "approle",
        mount: Login::mount(settings, "approle")?,
        who: role_id,
        path: "/login".into(),
        // Without a secret id the role id, which is the identity already, is all there is.
        credential: secret_id.unwrap_or_else(|| Secret::new(String::new())),
        proof,
        remedy: format!(
            "check `role_id`, and put a new secret id into {origin} (bao write -f auth/approle/role/ROLE/secret-id)"
        ),
    })
}

pub(super) fn body(role_id: &str, secret_id: Option<&Secret>) -> Secret {
    let secret_id = secret_id.map(|secret_id| ("secret_id", secret_id.expose()));
    json(&[Some(("role_id", role_id)), secret_id].into_iter().flatten().collect::<Vec<_>>())
}

/// <https://developer.hashicorp.com/vault/api-docs/auth/approle#generate-new-secret-id>
#[derive(Deserialize)]
struct Unwrapped<'a> {
    #[serde(borrow, rename = "secret_id")]
    secret: Cow<'a, str>,
    #[serde(default, rename = "secret_id_ttl")]
    ttl: u64,
    #[serde(default, rename = "secret_id_num_uses")]
    uses: u64,
}

/// The secret id in the wrapping token, which can be asked for once; so it is kept, if it can be used again.
/// <https://developer.hashicorp.com/vault/api-docs/system/wrapping-unwrap>
pub(super) async fn unwrapped(login: &Login, server: &Server, kept: &Kept) -> Result<Secret, Failure> {
    let identity = login.identity(server, "secret_id");
    let unwrap = async || unwrap(login, server).await;
    Ok(kept.obtain(&identity, login.credential.expose().as_bytes(), unwrap).await?.secret)
}

async fn unwrap(login: &Login, server: &Server) -> Result<Grant, Failure> {
    let none = || {
        Failure::new(
            Kind::Unauthenticated,
            format!(
                "the wrapped secret id of {login} cannot be unwrapped: it was unwrapped already, has expired, or is none"
            ),
            format!("if nobody else unwrapped it, {}; if somebody did, treat it as stolen", login.remedy),
        )
    };
    let token = HeaderValue::try_from(login.credential.expose()).map_err(|_| none())?;
    let reply = server.post("/v1/sys/wrapping/unwrap", Some(&token), &Secret::new(String::new())).await?;
    match reply.status {
        StatusCode::OK => {}
        status if status.is_client_error() && !speaks_vault(&reply) => {
            return Err(stranger(server.route()));
        }
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => return Err(none()),
        _ => return Err(server.state(&reply).await),
    }
    let data = envelope(&reply).and_then(|envelope| envelope.data);
    let found: Option<Unwrapped> = data.and_then(|data| serde_json::from_str(data.get()).ok());
    let found = found.ok_or_else(|| {
        Failure::misconfigured("the wrapping token holds something else than a secret id", &login.remedy)
    })?;
    let lasts = match (found.uses, found.ttl) {
        (1, _) => Duration::ZERO,
        (_, 0) => Duration::MAX,
        (_, seconds) => Duration::from_secs(seconds),
    };
    Ok(Grant { secret: Secret::new(found.secret.into_owned()), lasts })
}
