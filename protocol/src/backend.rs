//! What a resolver implements for its store: [`Backend`], which reads, and [`Manage`], for the commands of a person.

use std::fmt;
use std::hash::Hash;

use futures_util::future::LocalBoxFuture;

use crate::document::Metadata;
use crate::failure::Failure;
use crate::fetch_sink::FetchSink;
use crate::secret::Secret;
use crate::selector::{Field, Name};
use crate::settings::Settings;
use crate::store::Store;

/// A store that secrets are read from.
///
/// `locate`, `scope` and `batches` are pure: they decide what to read. `session` and `fetch` do it. The engine calls them in
/// this order. It also retries and keeps the deadline, so a backend does neither.
pub trait Backend: Sized + 'static {
    /// The store, and the settings it takes.
    const STORE: Store;

    /// Whether the store's host name is looked up. Then a profile refuses environment variables that change the lookup.
    const LOOKS_UP_HOSTS: bool = true;

    /// Variables that a library of the store reads from the environment by itself. A profile refuses to run with them, as it
    /// cannot shut them out.
    const LIBRARY_VARIABLES: &'static [&'static str] = &[];

    /// The ways to sign in (`auth`) that start a program. A gateway's start has them only from a profile.
    const PROGRAMS: &'static [&'static str] = &[];

    /// Whether every read needs a connection. Then `doctor` shows the connection as a step even if the run did not get there.
    const CONNECTS: bool = true;

    /// The place of one document. Ids that read the same document have equal locators.
    type Locator: Clone + Eq + Hash + fmt::Display;

    /// The unit of one session: a namespace, a region and role, a bus.
    type Scope: Clone + Eq + Hash;

    /// A session: signed in, and ready to read.
    type Session;

    /// Creates the backend from the settings. It connects to nothing.
    ///
    /// # Errors
    ///
    /// `MISCONFIGURED`, with the name of the setting, if one is missing or cannot work.
    fn configure(settings: &Settings) -> Result<Self, Failure>;

    /// Returns the document that a name asks for, and the part of it.
    ///
    /// # Errors
    ///
    /// `INVALID_ID` if the name is not valid for this store.
    fn locate(&self, name: &Name) -> Result<(Self::Locator, Field), Failure>;

    /// Returns how to write an id that repeats what the settings say, as ids of the store's own tools do; as a remedy:
    /// `leave … out: …`.
    fn surplus(&self, _locator: &Self::Locator) -> Option<String> {
        None
    }

    /// Returns the variables that a gateway has to pass on besides those of the settings, for its `passEnv`.
    #[must_use]
    fn passed(_settings: &Settings) -> &'static [&'static str] {
        &[]
    }

    /// Returns the default scope, from the settings.
    ///
    /// # Errors
    ///
    /// `MISCONFIGURED` if the settings name none.
    fn default_scope(&self) -> Result<Self::Scope, Failure>;

    /// Returns the scope that `logout` ends besides those of the entries in `[ids]`: the default one, unless a session belongs
    /// to less than that.
    ///
    /// # Errors
    ///
    /// As [`default_scope`](Self::default_scope).
    fn sign_out_scope(&self) -> Result<Self::Scope, Failure> {
        self.default_scope()
    }

    /// Returns the scope of a locator.
    fn scope(&self, locator: &Self::Locator) -> Self::Scope;

    /// Groups the locators of one scope into reads: one read each, unless the store can read several at once.
    fn batches(&self, locators: Vec<Self::Locator>) -> Vec<Vec<Self::Locator>> {
        locators.into_iter().map(|locator| vec![locator]).collect()
    }

    /// Signs in. The engine calls it once for each scope; `planned` are the batches that it will read with the session.
    ///
    /// The engine calls it once more if reads failed with [`Retry::Reauthenticate`](crate::Retry::Reauthenticate): `refused` is then the
    /// session that the store no longer accepts.
    ///
    /// # Errors
    ///
    /// The failure of the sign-in. Its [`Retry`](crate::Retry) says whether the engine tries again.
    fn session(
        &self,
        scope: &Self::Scope,
        planned: &[Vec<Self::Locator>],
        refused: Option<&Self::Session>,
    ) -> impl Future<Output = Result<Self::Session, Failure>>;

    /// Asks the store about a session, and records with [`Run::fact`](crate::Run::fact) whose it is, when it expires and what
    /// it may do. Only `check` and `doctor` do this.
    ///
    /// # Errors
    ///
    /// The failure of the request, for the report.
    fn inspect(&self, _session: &Self::Session) -> impl Future<Output = Result<(), Failure>> {
        std::future::ready(Ok(()))
    }

    /// Ends the cached session of a scope, in the store too. Returns what was ended; `None` if there was nothing.
    ///
    /// # Errors
    ///
    /// The failure of the store to end the session.
    fn sign_out(&self, _scope: &Self::Scope) -> impl Future<Output = Result<Option<&'static str>, Failure>> {
        std::future::ready(Ok(None))
    }

    /// Reads a batch, and settles each locator in `sink` as soon as its document or failure is known.
    fn fetch(
        &self,
        session: &Self::Session,
        batch: &[Self::Locator],
        sink: &FetchSink<'_, Self::Locator>,
    ) -> impl Future<Output = ()>;
}

/// What a person lists and changes in a store. No resolve needs it, and a store leaves out what it does not offer.
///
/// Nothing here is retried. Only a failure with [`Retry::Reauthenticate`](crate::Retry::Reauthenticate) makes the engine call
/// it once more, with a new session.
pub trait Manage: Backend {
    /// The keys of the settings that `install` asks for at a terminal, in this order. One that the way to sign in does not use
    /// is left out.
    const ASKED: &'static [&'static str] = &[];

    /// The keys among them that must have a value, each with the ways to sign in that need it; none if all do.
    const REQUIRED: &'static [(&'static str, &'static [&'static str])] = &[];

    /// Whether `delete` has the flag `--force`, which deletes a secret for good.
    const HAS_FORCE: bool = false;

    /// How a person unlocks the store. The command `unlock` exists if this is set.
    const UNLOCK: Option<Unlock<Self>> = None;

    /// Returns an id for a new secret with this path, such as `providers`, `openai`, `apiKey`. The segments have only letters,
    /// digits and `.`, `_`, `-`.
    #[must_use]
    fn new_id(path: &[String]) -> String {
        path.join("/")
    }

    /// Returns the scope in which ids that begin with `prefix` are.
    ///
    /// # Errors
    ///
    /// `MISCONFIGURED` if there is no default scope.
    fn scope_of_prefix(&self, _prefix: &str) -> Result<Self::Scope, Failure> {
        self.default_scope()
    }

    /// Lists the ids that begin with `prefix`, with all pages and folders.
    ///
    /// # Errors
    ///
    /// The failure of the first request. A folder that cannot be read is one of [`Listing::unread`].
    fn list(
        &self,
        _session: &Self::Session,
        _prefix: &str,
    ) -> impl Future<Output = Result<Listing, Failure>> {
        not_offered("listed")
    }

    /// Writes the whole content of a secret: the JSON object of its fields, or its text.
    ///
    /// `over` is the metadata of the secret when it was read, `None` if it did not exist. Returns the command that restores the
    /// old content, if the store keeps it.
    ///
    /// # Errors
    ///
    /// The failure of the write. If the store can tell that the secret has changed since it was read, nothing is written.
    fn put(
        &self,
        _session: &Self::Session,
        _locator: &Self::Locator,
        _content: &Secret,
        _over: Option<&Metadata>,
    ) -> impl Future<Output = Result<Option<String>, Failure>> {
        not_offered("written")
    }

    /// Returns a warning about the place that a secret was written to, if there is one.
    fn caution(
        &self,
        _session: &Self::Session,
        _locator: &Self::Locator,
    ) -> impl Future<Output = Option<String>> {
        std::future::ready(None)
    }

    /// Deletes a secret, or its newest version if the store keeps versions. Returns what is left, and how to undo it.
    ///
    /// `over` is the metadata of the secret when it was read.
    ///
    /// # Errors
    ///
    /// The failure of the deletion. If the store can tell that the secret has changed since it was read, nothing is deleted.
    fn delete(
        &self,
        _session: &Self::Session,
        _locator: &Self::Locator,
        _over: &Metadata,
    ) -> impl Future<Output = Result<String, Failure>> {
        not_offered("deleted")
    }

    /// Deletes a secret at once, with all its versions and without a way to undo it. Returns what is left.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    fn delete_for_good(
        &self,
        _session: &Self::Session,
        _locator: &Self::Locator,
        _over: &Metadata,
    ) -> impl Future<Output = Result<String, Failure>> {
        not_offered("deleted for good")
    }
}

fn not_offered<T>(what: &str) -> impl Future<Output = Result<T, Failure>> + use<T> {
    let what = format!("secrets of this store cannot be {what} with this command");
    std::future::ready(Err(Failure::misconfigured(what, "use the store's own tools")))
}

/// Unlocks the store with its password, or the part of it that the locator is in. Creates the store with this password if
/// there is none. Without a password it unlocks only what needs none.
pub type Unlock<B> = for<'a> fn(
    &'a B,
    &'a <B as Backend>::Session,
    Option<&'a <B as Backend>::Locator>,
    Option<&'a Secret>,
) -> LocalBoxFuture<'a, Result<Lock, Failure>>;

/// The lock state of a store, for `unlock`.
#[derive(Debug)]
pub enum Lock {
    /// Unlocked, with a note for a person.
    Open(String),
    /// Locked with a password, with the name of what is locked.
    Closed(String),
    /// Not created yet, with a note for a person.
    Absent(&'static str),
}

/// The contents of a store.
#[derive(Debug, Default)]
pub struct Listing {
    /// What ids can ask for: a field of a secret, or the secret itself.
    pub found: Vec<Listed>,
    /// The folders and secrets that could not be read, by name, and why.
    pub unread: Vec<(String, Failure)>,
}

/// A field or secret that an id can ask for.
#[derive(Debug)]
pub struct Listed {
    /// Its id. It can have characters that are not valid in an id.
    pub id: String,
    /// Its name, for an entry of `[ids]`, which accepts any characters.
    pub name: Name,
    /// Why it may have no value, such as `disabled`.
    pub state: Option<String>,
}
