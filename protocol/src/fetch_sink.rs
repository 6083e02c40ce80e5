//! Where a backend puts each document: from there every id that reads it gets its field.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;

use crate::document::Document;
use crate::failure::{Failure, Retry};
use crate::outcomes::Outcomes;
use crate::selector::Field;

/// For each document, the ids that read it: the place on the board, and the field.
pub(crate) type Wanted<L> = HashMap<L, Vec<(usize, Field)>>;

/// Where a backend puts each document or failure as soon as it knows it.
pub struct FetchSink<'s, L> {
    wanted: &'s Wanted<L>,
    json: bool,
    outcomes: &'s Outcomes,
    again: RefCell<Vec<(L, Failure)>>,
}

impl<'s, L: Clone + Eq + Hash + Display> FetchSink<'s, L> {
    /// A sink that settles on `outcomes` what `wanted` lists; with `json`, objects and arrays come out as JSON.
    pub(crate) fn new(wanted: &'s Wanted<L>, json: bool, outcomes: &'s Outcomes) -> Self {
        Self { wanted, json, outcomes, again: RefCell::default() }
    }

    /// What failed in a way that may pass, since this was last asked.
    pub(crate) fn take_transient(&self) -> Vec<(L, Failure)> {
        self.again.take()
    }

    /// Settles one locator: every id that reads it gets its field, or the failure.
    pub fn settle(&self, locator: &L, read: Result<Document, Failure>) {
        match read {
            Ok(document) => {
                for (at, field) in self.wanted.get(locator).into_iter().flatten() {
                    let outcome = guarded(|| document.value(field, self.json));
                    self.outcomes.settle(*at, outcome.map_err(|failure| failure.context(locator)));
                }
            }
            Err(failure) if failure.retry() == Retry::No => self.fail(locator, &failure),
            Err(failure) => {
                self.note(locator, &failure);
                self.again.borrow_mut().push((locator.clone(), failure));
            }
        }
    }

    /// Settles one locator with a failure, however passing it may be.
    pub(crate) fn fail(&self, locator: &L, failure: &Failure) {
        for (at, _) in self.wanted.get(locator).into_iter().flatten() {
            self.outcomes.settle(*at, Err(failure.clone()));
        }
    }

    /// Notes a failure that stands if nothing better is known by the deadline.
    pub fn note(&self, locator: &L, failure: &Failure) {
        for (at, _) in self.wanted.get(locator).into_iter().flatten() {
            self.outcomes.note(*at, failure.clone());
        }
    }
}

/// Runs what may fail: a panic in it is a failure that says at which `place`.
pub(crate) async fn caught<T>(
    work: impl Future<Output = Result<T, Failure>>,
    place: &str,
) -> Result<T, Failure> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(Failure::internal(place)))
}

/// Runs one id's own code: a panic in it is that id's failure.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Failure::internal("a panic while it took the id apart")))
}
