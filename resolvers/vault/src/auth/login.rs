//! What a sign-in takes: who signs in, where, and with what.

use std::fmt;

use secretref_protocol::session_cache::CacheKey;
use secretref_protocol::{Failure, Secret, Settings};

use super::aws::signer::Signer;
use crate::server::Server;
use crate::settings::AUTH_MOUNT;

/// Who signs in, where, and with what.
pub(crate) struct Login {
    /// The method, as the setting `auth` has it.
    pub(super) method: &'static str,
    /// Where it is mounted, without `auth/`.
    pub(super) mount: String,
    /// The role or user, for the identity; no secret.
    pub(super) who: String,
    /// What the path ends in: `/login`, and the user where the method has it there.
    pub(super) path: String,
    /// What is shown; the session is kept for this one alone.
    pub(super) credential: Secret,
    /// What the request holds.
    pub(super) proof: Proof,
    /// What to do when it is refused.
    pub(super) remedy: String,
    /// What to do when it is refused with 403, if the mount is the right one.
    pub(super) forbidden: &'static str,
}

/// What 403 may mean where the server counts failed tries.
/// <https://openbao.org/docs/concepts/user-lockout/>
pub(super) const LOCKED: &str = "if they are right, the account may be locked after failed tries, which ends by itself after 15 minutes, or this \
                                 machine's address is not one that the role allows";

/// How the body of the request comes about.
pub(super) enum Proof {
    /// It is this.
    Body(Secret),
    /// The credential is a token that wraps the secret id for this role id.
    Wrapped { role_id: String },
    /// It is a request to AWS, signed.
    Aws(Box<Signer>),
}

impl Login {
    /// The mount of `method`, from `auth_mount` or where servers have it as a rule.
    pub(super) fn mount(settings: &Settings, method: &'static str) -> Result<String, Failure> {
        let mount = settings.text(&AUTH_MOUNT).unwrap_or(method);
        let mount = mount.trim_matches('/').trim_start_matches("auth/");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let walks = mount.split('/').any(|segment| matches!(segment, "" | "." | ".."));
        if walks || !mount.bytes().all(is_plain) {
            return Err(Failure::misconfigured(
                "`auth_mount` is no path",
                "write where the method is mounted, without auth/",
            ));
        }
        Ok(mount.to_owned())
    }

    /// For whom `what` is kept.
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
