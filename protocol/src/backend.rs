//! What a resolver must know about its store. Adding a store means implementing [`Backend`], which reads, and [`Manage`],
//! which a person's commands want; nothing else here.

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
/// `locate`, `scope` and `batches` are pure: they decide where to go. `session` and `fetch` go there. The engine calls
/// them in this order, retries what asks for it, and holds the deadline; a backend does neither.
pub trait Backend: Sized + 'static {
    /// The store, and the settings it takes.
    const STORE: Store;

    /// Whether a host's name is looked up. Then variables that change the look-up are refused where there is a profile.
    const LOOKS_UP_HOSTS: bool = true;

    /// Whether every read connects to something, which `doctor` then shows as a step even where it was not reached.
    const CONNECTS: bool = true;

    /// Where one document is; two ids that read the same document have equal locators.
    type Locator: Clone + Eq + Hash + fmt::Display;

    /// What shares one session: a namespace, a region and role, a bus.
    type Scope: Clone + Eq + Hash;

    /// A way to read that has been signed in.
    type Session;

    /// Reads the settings. Fails with `MISCONFIGURED`, naming the setting, where one is missing or cannot work.
    fn configure(settings: &Settings) -> Result<Self, Failure>;

    /// Finds where a name leads and which part of the document it asks for.
    fn locate(&self, name: &Name) -> Result<(Self::Locator, Field), Failure>;

    /// What an id repeats that its settings say already, as a person writes it who comes from the store's own tools; as a
    /// remedy: `leave … out: …`.
    fn surplus(&self, _locator: &Self::Locator) -> Option<String> {
        None
    }

    /// The scope that the settings name, for what has no locator. Fails with `MISCONFIGURED` where they name none.
    fn default_scope(&self) -> Result<Self::Scope, Failure>;

    /// Which session a locator is read in.
    fn scope(&self, locator: &Self::Locator) -> Self::Scope;

    /// Groups the locators of one scope into reads; one read each, unless the store can do better.
    fn batches(&self, locators: Vec<Self::Locator>) -> Vec<Vec<Self::Locator>> {
        locators.into_iter().map(|locator| vec![locator]).collect()
    }

    /// Signs in; called once for each scope. `planned` are the batches that will be read with it.
    ///
    /// Called once more where reads failed with [`Retry::Reauthenticate`](crate::Retry::Reauthenticate): `refused` is then the
    /// session that is not to be given again.
    fn session(
        &self,
        scope: &Self::Scope,
        planned: &[Vec<Self::Locator>],
        refused: Option<&Self::Session>,
    ) -> impl Future<Output = Result<Self::Session, Failure>>;

    /// Asks the store what it thinks of a session, for somebody who watches, and notes it with
    /// [`Run::fact`](crate::Run::fact): whose it is, how long it holds, what it may do. A resolve does not.
    fn inspect(&self, _session: &Self::Session) -> impl Future<Output = Result<(), Failure>> {
        std::future::ready(Ok(()))
    }

    /// Ends the cached session of a scope, in the store too. Says what there was to end; a store without sessions has none.
    fn sign_out(&self, _scope: &Self::Scope) -> impl Future<Output = Result<Option<&'static str>, Failure>> {
        std::future::ready(Ok(None))
    }

    /// Reads a batch, and settles each of its locators in `sink` as soon as its document or failure is known.
    fn fetch(
        &self,
        session: &Self::Session,
        batch: &[Self::Locator],
        sink: &FetchSink<'_, Self::Locator>,
    ) -> impl Future<Output = ()>;
}

/// What a person changes in a store, and looks for; no resolve needs it. What a store does not offer, it leaves out.
///
/// None of these is called again after it failed, but for once more with a new session where the failure says
/// [`Retry::Reauthenticate`](crate::Retry::Reauthenticate).
pub trait Manage: Backend {
    /// Whether there is `import`, which writes the lines of a `.env` file.
    const HAS_IMPORT: bool = false;

    /// How a person unlocks the store. There is `unlock` where this is set.
    const UNLOCK: Option<Unlock<Self>> = None;

    /// The scope to look in for ids that begin with `prefix`.
    fn scope_of_prefix(&self, _prefix: &str) -> Result<Self::Scope, Failure> {
        self.default_scope()
    }

    /// Lists what can be asked for by ids that begin with `prefix`; all pages and folders.
    fn list(
        &self,
        _session: &Self::Session,
        _prefix: &str,
    ) -> impl Future<Output = Result<Listing, Failure>> {
        not_offered("listed")
    }

    /// Writes the whole content of a secret: the JSON object of its fields, or its text.
    ///
    /// `over` is what was known of the secret when it was read, `None` where there was none. Where the store can tell that
    /// it has changed since, nothing is written, and that is the failure. Gives the command that brings back what was there,
    /// where the store keeps it.
    fn put(
        &self,
        _session: &Self::Session,
        _locator: &Self::Locator,
        _content: &Secret,
        _over: Option<&Metadata>,
    ) -> impl Future<Output = Result<Option<String>, Failure>> {
        not_offered("written")
    }

    /// What a person should know of the place that a secret was written to, if there is anything.
    fn caution(
        &self,
        _session: &Self::Session,
        _locator: &Self::Locator,
    ) -> impl Future<Output = Option<String>> {
        std::future::ready(None)
    }

    /// Deletes a secret, or its newest version where the store keeps versions. Says what that leaves, and how it is undone.
    ///
    /// `over` is what was known of it when it was read. Where the store can tell that it has changed since, that is the failure.
    fn delete(
        &self,
        _session: &Self::Session,
        _locator: &Self::Locator,
        _over: &Metadata,
    ) -> impl Future<Output = Result<String, Failure>> {
        not_offered("deleted")
    }
}

fn not_offered<T>(what: &str) -> impl Future<Output = Result<T, Failure>> + use<T> {
    let what = format!("secrets of this store cannot be {what} from here");
    std::future::ready(Err(Failure::misconfigured(what, "use the store's own tools")))
}

/// Unlocks the store with its password, or what the locator is in; makes the store with it where there is none yet.
/// Without a password it unlocks what has none, and changes nothing else.
pub type Unlock<B> = for<'a> fn(
    &'a B,
    &'a <B as Backend>::Session,
    Option<&'a <B as Backend>::Locator>,
    Option<&'a Secret>,
) -> LocalBoxFuture<'a, Result<Lock, Failure>>;

/// The state of a store that is to be unlocked.
#[derive(Debug)]
pub enum Lock {
    /// It is unlocked; what there is to say of it.
    Open(String),
    /// It is locked, and has a password; what it is called.
    Closed(String),
    /// There is none yet; what there is to say of that.
    Absent(&'static str),
}

/// What a store has.
#[derive(Debug, Default)]
pub struct Listing {
    /// What can be asked for: a field of a secret, or the secret itself.
    pub found: Vec<Listed>,
    /// What is there and could not be looked into, by name, and why.
    pub unread: Vec<(String, Failure)>,
}

/// What an id can ask for.
#[derive(Debug)]
pub struct Listed {
    /// The id, as it would be written; its characters may be others than an id may have.
    pub id: String,
    /// The same for an entry of `[ids]`, where any name will do.
    pub name: Name,
}
