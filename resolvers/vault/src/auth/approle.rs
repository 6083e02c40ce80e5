//! `auth = "approle"`: a role id and a secret id, which may be wrapped.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use secretref_protocol::session_cache::{LoginError, NewSession, SessionCache};
use secretref_protocol::{Failure, Kind, Secret, Settings};
use serde::Deserialize;
use vaultrs::api::sys::requests::UnwrapRequest;

use super::login::{LOCKED, Login, Proof, json};
use super::shape;
use crate::client;
use crate::server::{Server, envelope, speaks_vault, stranger};
use crate::settings::{BIND_SECRET_ID, ROLE_ID, SECRET_ID, SECRET_ID_WRAPPED};

/// Reads the role id and the secret id. With `bind_secret_id` = false, the role id alone is enough.
pub(super) fn login(settings: &Settings) -> Result<Login, Failure> {
    let role_id = settings.required(&ROLE_ID)?.to_owned();
    let wrapped = settings.is_on(&SECRET_ID_WRAPPED);
    let (secret_id, origin) = match settings.credential(&SECRET_ID)? {
        Some(found) => {
            // One that is wrapped is a token.
            let (secret_id, origin) =
                if wrapped { shape::word(found, "secret id") } else { shape::secret_id(found) }?;
            (Some(secret_id), origin)
        }
        None if settings.is_on(&BIND_SECRET_ID) || wrapped => {
            let none = settings.no_credential("secret id", &SECRET_ID);
            return Err(none.hint("if the role needs no secret id, set `bind_secret_id` = false here, too"));
        }
        None => (None, "`secret_id_file`".to_owned()),
    };
    let mount = Login::mount(settings, "approle")?;
    let proof = if wrapped {
        Proof::Wrapped { role_id: role_id.clone() }
    } else {
        Proof::Body(body(&role_id, secret_id.as_ref()))
    };
    Ok(Login {
        method: "approle",
        remedy: if wrapped {
            format!(
                "put a new wrapped secret id into {origin} (bao write -f -wrap-ttl=1h -field=wrapping_token auth/{mount}/role/ROLE/secret-id)"
            )
        } else {
            let alone = match secret_id {
                Some(_) => "check `role_id`",
                None => "check `role_id`, which was sent alone (`bind_secret_id` = false)",
            };
            format!(
                "{alone}, and put a new secret id into {origin} (bao write -f -field=secret_id auth/{mount}/role/ROLE/secret-id); \
                 if it is wrapped, set `secret_id_wrapped`"
            )
        },
        mount,
        who: role_id,
        path: "/login".into(),
        // Without a secret id there is only the role id, which is in the cache key already.
        credential: secret_id.unwrap_or_else(|| Secret::new(String::new())),
        proof,
        forbidden: LOCKED,
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

/// An unwrapped secret id.
pub(super) struct SecretId {
    pub(super) secret: Secret,
    /// Whether it can be used for one sign-in only.
    pub(super) is_for_one_use: bool,
}

/// The prefix in the cache of a secret id that can be used for one sign-in only.
const ONCE: &str = "once ";

/// Returns the secret id in the wrapping token. That can be unwrapped only once, so nothing is sent unless the secret id can be
/// cached.
pub(super) async fn unwrapped(
    login: &Login,
    server: &Server,
    cache: &SessionCache,
) -> Result<SecretId, Failure> {
    let identity = login.identity(server, "secret_id");
    if !cache.can_keep(&identity) {
        return Err(Failure::misconfigured(
            "a wrapped secret id can be unwrapped only once, and the secret id in it cannot be cached",
            "set `keep_session` to a folder in memory that this user can write, or give the unit a RuntimeDirectory",
        ));
    }
    let unwrap = async || unwrap(login, server).await;
    let held = cache.obtain(&identity, login.credential.expose().as_bytes(), None, unwrap).await?;
    Ok(match held.secret.expose().strip_prefix(ONCE) {
        Some(secret) => SecretId { secret: Secret::new(secret.to_owned()), is_for_one_use: true },
        None => SecretId { secret: held.secret, is_for_one_use: false },
    })
}

/// <https://developer.hashicorp.com/vault/api-docs/system/wrapping-unwrap>
async fn unwrap(login: &Login, server: &Server) -> Result<NewSession, LoginError> {
    let mut token = HeaderValue::try_from(login.credential.expose()).map_err(|_| spent(login))?;
    token.set_sensitive(true);
    let request = client::request(&UnwrapRequest { token: None });
    let response = server.send(request, Some(&token), None).await?;
    match response.status {
        StatusCode::OK => {}
        status if status.is_client_error() && !speaks_vault(&response) => {
            return Err(stranger(server.route()).into());
        }
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => return Err(spent(login)),
        _ => return Err(server.state(&response).await.into()),
    }
    let data = envelope(&response).and_then(|envelope| envelope.data);
    let found: Option<Unwrapped> = data.and_then(|data| serde_json::from_str(data.get()).ok());
    let found = found.ok_or_else(|| {
        Failure::misconfigured("the wrapping token does not contain a secret id", &login.remedy)
    })?;
    let once = if found.uses == 1 { ONCE } else { "" };
    let lasts = if found.ttl == 0 { Duration::MAX } else { Duration::from_secs(found.ttl) };
    Ok(NewSession { secret: Secret::new(format!("{once}{}", found.secret)), lasts })
}

fn spent(login: &Login) -> LoginError {
    LoginError::Refused(Failure::new(
        Kind::Unauthenticated,
        format!(
            "the wrapped secret id of {login} cannot be unwrapped: it was unwrapped already, has expired, or is not a wrapping token"
        ),
        format!(
            "{}; for a secret id that is not wrapped, set `secret_id_wrapped` = false; if another person or program unwrapped it, treat it as stolen",
            login.remedy
        ),
    ))
}
