//! What a resolver must know about its store. Adding a store means implementing [`Backend`], and nothing else here.

use std::fmt;
use std::future::Future;
use std::hash::Hash;

use crate::failure::Failure;
use crate::selector::{Field, Name};
use crate::settings::Settings;
use crate::sink::Sink;
use crate::store::Store;

/// A store that secrets are read from.
///
/// `locate`, `scope` and `batches` are pure: they decide where to go. `session` and `fetch` go there. The engine calls
/// them in this order, retries what asks for it, and holds the deadline; a backend does neither.
pub trait Backend: Sized + 'static {
    /// The store, and the settings it takes.
    const STORE: Store;

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

    /// Which session a locator is read in.
    fn scope(&self, locator: &Self::Locator) -> Self::Scope;

    /// Groups the locators of one scope into reads; one read each, unless the store can do better.
    fn batches(&self, locators: Vec<Self::Locator>) -> Vec<Vec<Self::Locator>> {
        locators.into_iter().map(|locator| vec![locator]).collect()
    }

    /// Signs in; called once for each scope. `reads` is how many batches will follow.
    ///
    /// Called once more where reads failed with [`Retry::SignInAnew`](crate::Retry::SignInAnew): `refused` is then the
    /// session that is not to be given again.
    fn session(
        &self,
        scope: &Self::Scope,
        reads: usize,
        refused: Option<&Self::Session>,
    ) -> impl Future<Output = Result<Self::Session, Failure>>;

    /// Ends the session that is kept, in the store too. Says what there was to end; a store without sessions has none.
    fn sign_out(&self) -> impl Future<Output = Result<Option<&'static str>, Failure>> {
        std::future::ready(Ok(None))
    }

    /// Reads a batch, and settles each of its locators in `sink` as soon as its document or failure is known.
    fn fetch(
        &self,
        session: &Self::Session,
        batch: &[Self::Locator],
        sink: &Sink<'_, Self::Locator>,
    ) -> impl Future<Output = ()>;
}
