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

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest;

use crate::failure::Failure;
use crate::hex::hex;
use crate::secret::Secret;
use crate::settings::Settings;
use folder::{File, Folder};
use record::{Choice, Record};

/// The place where sessions are kept, if there is one.
pub struct Kept {
    folder: Option<Folder>,
}

/// For whom a session is kept: who signs in, where and how.
#[derive(Debug, Clone)]
pub struct Identity {
    name: String,
}

/// What a sign-in returned.
pub struct Grant {
    /// What the store gave: a token, or whatever text brings a session back.
    pub secret: Secret,
    /// How long it holds from now on: [`Duration::MAX`] for good, nothing where it must not be kept.
    pub lasts: Duration,
}

/// A grant in use.
pub struct Held {
    /// What the store gave.
    pub secret: Secret,
    /// How long ago, if it was kept; `None` where this process signed in itself.
    pub age: Option<Duration>,
}

impl Identity {
    /// The identity with these parts, such as store, address, mount and role. None of them may be a secret.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            hash.update(&part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self { name: hex(&hash.finish().as_ref()[..16]) }
    }
}

impl Kept {
    /// The place that `keep_session` names.
    ///
    /// Fails with `MISCONFIGURED` where it is a path that cannot serve; with `auto` there is then no place.
    pub fn of(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self { folder: Folder::of(settings)? })
    }

    /// Whether anything can be kept.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.folder.is_some()
    }

    /// What an earlier sign-in of `identity` with this very `credential` returned, if it still holds; else what `sign_in`
    /// returns.
    ///
    /// Only one of the processes that come together signs in; the others wait for what it gets. After a refusal it is not
    /// tried again with the same credential for a while: the failure is then the earlier one.
    pub async fn obtain(
        &self,
        identity: &Identity,
        credential: &[u8],
        sign_in: impl AsyncFnOnce() -> Result<Grant, Failure>,
    ) -> Result<Held, Failure> {
        let fresh = |grant: Grant| Held { secret: grant.secret, age: None };
        let Some(folder) = &self.folder else { return sign_in().await.map(fresh) };
        let file = folder.file(&identity.name);
        if let Some(decided) = earlier(&file, credential) {
            return decided;
        }
        let Some(_lock) = file.lock().await else { return sign_in().await.map(fresh) };
        // Whoever held the lock before may have signed in meanwhile.
        if let Some(decided) = earlier(&file, credential) {
            return decided;
        }
        let signed = sign_in().await;
        let record = file.read().unwrap_or_else(Record::new).after(&signed, credential, now());
        file.write(&record);
        signed.map(fresh)
    }

    /// Keeps a session no longer: the store refused it. One that another process has put in its place stays.
    pub fn forget(&self, identity: &Identity, refused: &Secret) {
        let Some(file) = self.file(identity) else { return };
        if let Some(record) = file.read().filter(|record| record.holds(refused)) {
            file.write(&record.without_session());
        }
    }

    /// Removes all that is kept of an identity, refusals too, and returns the session if there was one.
    #[must_use = "it is to be revoked"]
    pub fn remove(&self, identity: &Identity) -> Option<Secret> {
        let file = self.file(identity)?;
        let record = file.read();
        file.remove();
        record?.into_session()
    }

    fn file(&self, identity: &Identity) -> Option<File<'_>> {
        Some(self.folder.as_ref()?.file(&identity.name))
    }
}

/// What an earlier process leaves this one: a session, or a refusal that still counts.
fn earlier(file: &File, credential: &[u8]) -> Option<Result<Held, Failure>> {
    match file.read()?.choose(credential, now()) {
        Choice::Session(held) => Some(Ok(held)),
        Choice::Refusal(failure) => Some(Err(failure)),
        Choice::SignIn => None,
    }
}

/// The time, as records have it. A clock that is set back makes what is kept look older or newer than it is; the store
/// has the last word on both.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
