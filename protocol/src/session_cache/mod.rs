//! What a sign-in returned, kept between starts.
//!
//! A gateway starts a resolver again and again: once for each provider, once more for each id of an audit, and about four
//! times over when its own start fails. Signing in each time floods the store with leases, spends credentials that are
//! good for one use, and locks the account after a few refusals. So what a sign-in returned is kept for as long as it
//! holds, starts that come together sign in once, and a credential that was refused is left alone for a while.
//!
//! It is kept in the user's runtime folder, as a rule in memory. Where there is none, nothing is kept, and every start
//! signs in: never an error.

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

/// The place where sessions are kept, if there is one.
pub struct SessionCache {
    /// Or why there is none.
    folder: Result<Folder, String>,
    /// How long to wait for another process that signs in for the same identity.
    patience: Duration,
}

/// For whom a session is kept: who signs in, where and how.
#[derive(Debug, Clone)]
pub struct CacheKey {
    name: String,
}

/// What a sign-in returned.
pub struct NewSession {
    /// What the store gave: a token, or whatever text brings a session back.
    pub secret: Secret,
    /// How long it holds from now on: [`Duration::MAX`] for good, nothing where it must not be kept.
    pub lasts: Duration,
}

/// Why a sign-in returned nothing.
#[derive(Debug)]
pub enum LoginError {
    /// The store's own verdict on the credential: not shown again for a while, for longer each time.
    Refused(Failure),
    /// A refusal that need not be the credential's: not shown again for a minute.
    Unclear(Failure),
    /// Anything else, which says nothing about the next try.
    Failed(Failure),
}

/// A grant in use.
pub struct CachedSession {
    /// What the store gave.
    pub secret: Secret,
    /// How long ago, if it was kept; `None` where this process signed in itself.
    pub age: Option<Duration>,
}

impl From<Failure> for LoginError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl CacheKey {
    /// The identity with these parts, such as store, address, mount and role. None of them may be a secret.
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
    /// The place that `keep_session` names.
    ///
    /// Fails with `MISCONFIGURED` where it is a path that cannot serve; with `auto` there is then no place.
    pub fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self { folder: Folder::from_settings(settings)?, patience: settings.timeout() / 2 })
    }

    /// Where sessions are kept, or why they are not.
    pub fn place(&self) -> Result<&Path, &str> {
        self.folder.as_ref().map(Folder::path).map_err(String::as_str)
    }

    /// Whether what is kept of `identity` can be written: tried, not guessed, for what must not be lost.
    #[must_use]
    pub fn can_keep(&self, identity: &CacheKey) -> bool {
        self.file(identity).is_some_and(|file| file.write(&file.read()))
    }

    /// What an earlier sign-in of `identity` with this very `credential` returned, if it still holds and is not what was
    /// `refused`; else what `sign_in` returns.
    ///
    /// Of the processes that come together one signs in, and the others wait for what it gets. After a refusal the same
    /// credential is not shown again for a while: the failure is then the earlier one. A session is given up only for
    /// another.
    pub async fn obtain(
        &self,
        identity: &CacheKey,
        credential: &[u8],
        refused: Option<&Secret>,
        sign_in: impl AsyncFnOnce() -> Result<NewSession, LoginError>,
    ) -> Result<CachedSession, Failure> {
        let file = match &self.folder {
            Ok(folder) => folder.file(&identity.name),
            Err(why) => return sign_in().await.map(CachedSession::fresh).map_err(|miss| miss.unkept(why)),
        };
        let choose = || file.read().choose(credential, refused, now());
        let _lock = match choose() {
            Choice::Decided(decided) => return decided,
            Choice::SignInAlone => None,
            Choice::SignIn => {
                let lock = file.lock(self.patience).await;
                // Whoever held the lock before may have signed in meanwhile.
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

    /// The session that is kept of an identity, whatever credential it is of.
    #[must_use]
    pub fn session(&self, identity: &CacheKey) -> Option<Secret> {
        self.file(identity)?.read().into_session()
    }

    /// Whether a refusal of an identity is kept.
    #[must_use]
    pub fn was_refused(&self, identity: &CacheKey) -> bool {
        self.file(identity).is_some_and(|file| file.read().has_refusals())
    }

    /// Keeps the session no longer: it is spent. What is known of its credential stays.
    pub fn forget(&self, identity: &CacheKey) {
        if let Some(file) = self.file(identity) {
            file.write(&file.read().without_session());
        }
    }

    /// Removes all that is kept of an identity, refusals too.
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

    /// The failure, where a refusal cannot be remembered.
    fn unkept(self, why: &str) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            refusal => {
                let again = "the credential is tried again at each start, since no refusal can be remembered";
                refusal.failure().hint(format!("{again}: {why}"))
            }
        }
    }
}

/// The time, as records have it. A clock that is set makes what is kept look older or newer than it is; the store has
/// the last word on both.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
