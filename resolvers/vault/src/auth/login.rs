//! The data of a sign-in: who signs in, where, and with which credential.

use std::fmt;

use secretref_protocol::session_cache::CacheKey;
use secretref_protocol::{Failure, Secret, Settings};

use super::aws::Signer;
use crate::server::Server;
use crate::settings::AUTH_MOUNT;

/// The data of a sign-in.
pub(crate) struct Login {
    /// The method, as in the setting `auth`.
    pub(super) method: &'static str,
    /// The mount of the method, without `auth/`.
    pub(super) mount: String,
    /// The role or user, for the cache key. Not a secret.
    pub(super) who: String,
    /// The end of the path: `/login`, and the user if the method has it there.
    pub(super) path: String,
    /// The credential. A cached session belongs to one credential.
    pub(super) credential: Secret,
    /// The source of the request's body.
    pub(super) proof: Proof,
    /// The remedy if the sign-in is refused.
    pub(super) remedy: String,
    /// The remedy if it is refused with 403 and the mount is right.
    pub(super) forbidden: &'static str,
}

/// The remedy for a 403 of a method that counts failed tries.
/// <https://openbao.org/docs/concepts/user-lockout/>
pub(super) const LOCKED: &str = "if they are right, the account may be locked after failed tries (the lock ends after 15 minutes), or the role does \
                                 not allow this machine's address";

/// The source of the request's body.
pub(super) enum Proof {
    /// The body itself.
    Body(Secret),
    /// The credential is a response-wrapping token with the secret id of this role id.
    Wrapped { role_id: String },
    /// A signed request to AWS.
    Aws(Box<Signer>),
}

impl Login {
    /// The mount of `method`: `auth_mount`, or else the usual one.
    pub(super) fn mount(settings: &Settings, method: &'static str) -> Result<String, Failure> {
        let mount = settings.text(&AUTH_MOUNT).unwrap_or(method);
        let mount = mount.trim_matches('/').trim_start_matches("auth/");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let walks = mount.split('/').any(|segment| matches!(segment, "" | "." | ".."));
        if walks || !mount.bytes().all(is_plain) {
            return Err(Failure::misconfigured(
                "`auth_mount` is not a path",
                "set it to the mount of the method, without auth/: `bao auth list` shows it",
            ));
        }
        Ok(mount.to_owned())
    }

    /// The cache key of `what`.
    pub(super) fn identity(&self, server: &Server, what: &str) -> CacheKey {
        CacheKey::new(&["vault", what, &server.place(), self.method, &self.mount, &self.who])
    }
}

/// `approle at auth/approle`.
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at auth/{}", self.method, self.mount)
    }
}

/// Writes texts, some of them secret, as the JSON object of a body.
pub(super) fn json(members: &[(&str, &str)]) -> Secret {
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let members: Vec<_> =
        members.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    Secret::new(format!("{{{}}}", members.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted() {
        let body = json(&[("role_id", "r\"1"), ("secret_id", "a\\b\n")]);
        let parsed: serde_json::Value = serde_json::from_str(body.expose()).unwrap();
        assert_eq!(parsed, serde_json::json!({"role_id": "r\"1", "secret_id": "a\\b\n"}));
    }
}
