//! Takes each document from a backend, and gives every id that reads it its field.

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

/// The ids that read each document: the index of each, and the field.
pub(crate) type Wanted<L> = HashMap<L, Vec<(usize, Field)>>;

/// Takes each document or failure from a backend, as soon as the backend has it.
pub struct FetchSink<'s, L> {
    wanted: &'s Wanted<L>,
    json: bool,
    outcomes: &'s Outcomes,
    again: RefCell<Vec<(L, Failure)>>,
}

impl<'s, L: Clone + Eq + Hash + Display> FetchSink<'s, L> {
    /// Creates a sink that settles in `outcomes` the ids in `wanted`. With `json`, objects and arrays come out as JSON.
    pub(crate) fn new(wanted: &'s Wanted<L>, json: bool, outcomes: &'s Outcomes) -> Self {
        Self { wanted, json, outcomes, again: RefCell::default() }
    }

    /// Returns the locators whose failure may pass, since the last call.
    pub(crate) fn take_transient(&self) -> Vec<(L, Failure)> {
        self.again.take()
    }

    /// Settles one locator: every id that reads it gets its field, or the failure. A failure that may pass is tried again.
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

    /// Settles one locator with a failure, even one that may pass.
    pub(crate) fn fail(&self, locator: &L, failure: &Failure) {
        for (at, _) in self.wanted.get(locator).into_iter().flatten() {
            self.outcomes.settle(*at, Err(failure.clone()));
        }
    }

    /// Records a failure that may pass. It is the outcome if there is no other by the deadline.
    pub fn note(&self, locator: &L, failure: &Failure) {
        for (at, _) in self.wanted.get(locator).into_iter().flatten() {
            self.outcomes.note(*at, failure.clone());
        }
    }
}

/// Runs `work`, and turns a panic in it into a failure that names the `place`.
pub(crate) async fn caught<T>(
    work: impl Future<Output = Result<T, Failure>>,
    place: &str,
) -> Result<T, Failure> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(Failure::internal(place)))
}

/// Runs the code for one id, and turns a panic in it into the failure of this id.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Failure::internal("a panic while reading the id")))
}
