//! The session cache: sessions and refusals of earlier starts.
//!
//! A gateway starts a resolver again and again: once for each provider, once more for each id of an audit, and about four
//! times when its own start fails. A sign-in at each start would flood the store with leases, spend credentials that can
//! be used once, and lock the account after a few refusals. So a session is cached until shortly before it expires,
//! processes that start together sign in once, and a refused credential is not sent again for a while.
//!
//! The cache is in the user's runtime folder, which is usually in memory. If there is no such folder, nothing is cached
//! and every start signs in; that is not an error.

mod folder;
mod record;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest;

use crate::failure::Failure;
use crate::hex::hex;
use crate::secret::Secret;
use crate::settings::Settings;
use folder::{File, Folder};
use record::Choice;

/// The cache of sessions, in a folder of this user.
pub struct SessionCache {
    /// The folder, or why there is none.
    folder: Result<Folder, String>,
    /// How long to wait while another process signs in for the same identity.
    lock_timeout: Duration,
}

/// The key of a cached session: who signs in, to which store and how.
#[derive(Debug, Clone)]
pub struct CacheKey {
    name: String,
}

/// The result of a sign-in.
pub struct NewSession {
    /// The token of the store, or another text that restores the session.
    pub secret: Secret,
    /// The time until it expires: [`Duration::MAX`] if it never does, zero if it must not be cached.
    pub lasts: Duration,
}

/// Why a sign-in failed.
#[derive(Debug)]
pub enum LoginError {
    /// The store refused the credential. It is not sent again for a while, which gets longer each time.
    Refused(Failure),
    /// A refusal that may have another cause than the credential. It is not sent again for a minute.
    Unclear(Failure),
    /// Any other failure, which does not affect the next attempt.
    Failed(Failure),
}

/// A session in use.
pub struct CachedSession {
    /// The token of the store, or another text that restores the session.
    pub secret: Secret,
    /// The time since the sign-in, if the session is from the cache; `None` if this process signed in.
    pub age: Option<Duration>,
}

impl From<Failure> for LoginError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl CacheKey {
    /// Makes the key of these parts, such as store, address, mount and role. None of them may be a secret.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            hash.update(&part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self { name: hex(&hash.finish().as_ref()[..16]) }
    }
}

impl SessionCache {
    /// Opens the cache that `keep_session` names.
    ///
    /// # Errors
    /// `MISCONFIGURED` if it is a path that cannot be used. With `auto` that is no error, and nothing is cached.
    pub fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self { folder: Folder::from_settings(settings)?, lock_timeout: settings.timeout() / 2 })
    }

    /// Returns the folder of the cache.
    ///
    /// # Errors
    /// The reason, in words, if nothing is cached.
    pub fn place(&self) -> Result<&Path, &str> {
        self.folder.as_ref().map(Folder::path).map_err(String::as_str)
    }

    /// Whether a session of `identity` can be cached. It writes the file to find out, for a session that must not be lost.
    #[must_use]
    pub fn can_keep(&self, identity: &CacheKey) -> bool {
        self.file(identity).is_some_and(|file| file.write(&file.read()))
    }

    /// Returns the cached session of `identity` and `credential`, if it has not expired and is not the `refused` one;
    /// otherwise the result of `sign_in`.
    ///
    /// If several processes start together, one signs in and the others wait for its session. A cached session is replaced
    /// only by another session.
    ///
    /// # Errors
    /// The failure of `sign_in`; or of an earlier one, if the store refused the same credential a short time ago.
    pub async fn obtain(
        &self,
        identity: &CacheKey,
        credential: &[u8],
        refused: Option<&Secret>,
        sign_in: impl AsyncFnOnce() -> Result<NewSession, LoginError>,
    ) -> Result<CachedSession, Failure> {
        let file = match &self.folder {
            Ok(folder) => folder.file(&identity.name),
            Err(why) => return sign_in().await.map(CachedSession::fresh).map_err(|miss| miss.uncached(why)),
        };
        let choose = || file.read().choose(credential, refused, now());
        let _lock = match choose() {
            Choice::Decided(decided) => return decided,
            Choice::SignInAlone => None,
            Choice::SignIn => {
                let lock = file.lock(self.lock_timeout).await;
                // The process that held the lock before may have signed in.
                if let Choice::Decided(decided) = choose() {
                    return decided;
                }
                lock
            }
        };
        let signed = sign_in().await;
        let at = now();
        let record = file.read().after(&signed, credential, at);
        file.write(&record);
        match (signed, record.choose(credential, refused, at)) {
            (Ok(grant), _) => Ok(CachedSession::fresh(grant)),
            (Err(_), Choice::Decided(Err(refusal))) => Err(refusal),
            (Err(miss), _) => Err(miss.failure()),
        }
    }

    /// Returns the cached session of an identity, for any credential.
    #[must_use]
    pub fn session(&self, identity: &CacheKey) -> Option<Secret> {
        self.file(identity)?.read().into_session()
    }

    /// Whether a refusal of an identity is cached.
    #[must_use]
    pub fn was_refused(&self, identity: &CacheKey) -> bool {
        self.file(identity).is_some_and(|file| file.read().has_refusals())
    }

    /// Removes the session, but not the refusals.
    pub fn forget(&self, identity: &CacheKey) {
        if let Some(file) = self.file(identity) {
            file.write(&file.read().without_session());
        }
    }

    /// Removes the session and the refusals of an identity.
    pub fn remove(&self, identity: &CacheKey) {
        if let Some(file) = self.file(identity) {
            file.remove();
        }
    }

    fn file(&self, identity: &CacheKey) -> Option<File<'_>> {
        Some(self.folder.as_ref().ok()?.file(&identity.name))
    }
}

impl CachedSession {
    fn fresh(grant: NewSession) -> Self {
        Self { secret: grant.secret, age: None }
    }
}

impl LoginError {
    fn failure(self) -> Failure {
        match self {
            Self::Refused(failure) | Self::Unclear(failure) | Self::Failed(failure) => failure,
        }
    }

    /// Returns the failure, with a hint if it is a refusal, which cannot be cached because of `why`.
    fn uncached(self, why: &str) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            refusal => {
                let again =
                    "every start will send the credential again, because refusals cannot be cached here";
                refusal.failure().hint(format!("{again}: {why}"))
            }
        }
    }
}

/// Returns the time since the epoch. If the clock is set, a session seems older or newer than it is; the store decides
/// whether it is valid.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
