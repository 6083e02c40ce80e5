//! The outcomes of a run, collected as they arrive and taken once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::failure::Failure;
use crate::outcome::{Outcome, does_not_fit};
use crate::run::Run;

/// One slot for each id of a request. Every id gets an outcome by construction: an id that is not settled becomes a failure
/// when the outcomes are taken.
pub struct Outcomes {
    run: Run,
    slots: Mutex<Option<Slots>>,
}

struct Slots {
    slots: Vec<Slot>,
    /// How many bytes of values still fit in the response.
    room: usize,
}

enum Slot {
    /// Not settled; with the last failure that may pass, if there is one.
    Open(Option<Failure>),
    /// Settled, at this time from the start of the run.
    Settled(Outcome, Duration),
}

impl Outcomes {
    /// Creates the outcomes of a run for `count` ids. Their values together have at most `room` bytes, since more would not
    /// fit in the response.
    #[must_use]
    pub fn new(run: &Run, count: usize, room: usize) -> Self {
        let slots = (0..count).map(|_| Slot::Open(None)).collect();
        Self { run: run.clone(), slots: Mutex::new(Some(Slots { slots, room })) }
    }

    /// Settles one id, by its index. A second outcome for the same id is dropped.
    pub fn settle(&self, at: usize, outcome: Outcome) {
        let now = self.run.elapsed();
        self.change(at, |slot, room| {
            let outcome = match outcome {
                Ok(value) if value.expose().len() > *room => Err(does_not_fit()),
                Ok(value) => {
                    *room -= value.expose().len();
                    Ok(value)
                }
                Err(failure) => Err(failure),
            };
            *slot = Slot::Settled(outcome, now);
        });
    }

    /// Records a failure that may pass. It is the outcome of the id if there is no other.
    pub fn note(&self, at: usize, failure: Failure) {
        self.change(at, |slot, _| *slot = Slot::Open(Some(failure)));
    }

    /// Takes all outcomes, each with the time at which it was settled. An id that is not settled gets its last failure, else
    /// `rest`. Returns `None` for all calls but the first: a run is answered once.
    pub fn take(&self, rest: &Failure) -> Option<Vec<(Outcome, Duration)>> {
        let slots = self.slots().take()?.slots;
        let now = self.run.elapsed();
        let outcome = |slot| match slot {
            Slot::Settled(outcome, time) => (outcome, time),
            Slot::Open(last) => (Err(last.unwrap_or_else(|| rest.clone())), now),
        };
        Some(slots.into_iter().map(outcome).collect())
    }

    fn change(&self, at: usize, change: impl FnOnce(&mut Slot, &mut usize)) {
        if let Some(Slots { slots, room }) = self.slots().as_mut()
            && let Some(slot @ Slot::Open(_)) = slots.get_mut(at)
        {
            change(slot, room);
        }
    }

    fn slots(&self) -> MutexGuard<'_, Option<Slots>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::failure::Kind;
    use crate::secret::Secret;

    #[test]
    fn every_id_has_one_outcome_and_is_taken_once() {
        let outcomes = Outcomes::new(&Run::new(Instant::now()), 4, 100);
        outcomes.settle(0, Ok(Secret::new("first".into()).into()));
        outcomes.settle(0, Err(Failure::internal("second")));
        outcomes.note(1, Failure::unavailable("passing", ""));
        outcomes.note(2, Failure::unavailable("passing", ""));
        outcomes.settle(2, Ok(Secret::new("after all".into()).into()));
        let rest = Failure::new(Kind::Timeout, "", "");
        let kinds = outcomes
            .take(&rest)
            .unwrap()
            .into_iter()
            .map(|(outcome, _)| outcome.map_err(|failure| failure.kind()));
        let kinds: Vec<_> = kinds.map(|outcome| outcome.map(|value| value.expose().to_owned())).collect();
        assert_eq!(
            kinds,
            [Ok("first".into()), Err(Kind::Unavailable), Ok("after all".into()), Err(Kind::Timeout)]
        );
        assert!(outcomes.take(&rest).is_none());
    }

    #[test]
    fn values_that_do_not_fit_in_the_response_are_dropped() {
        let outcomes = Outcomes::new(&Run::new(Instant::now()), 3, 10);
        outcomes.settle(0, Ok(Secret::new("12345678".into()).into()));
        outcomes.settle(1, Ok(Secret::new("123".into()).into()));
        outcomes.settle(2, Ok(Secret::new("12".into()).into()));
        let outcomes = outcomes.take(&Failure::internal("")).unwrap();
        assert_eq!(
            outcomes.iter().map(|(outcome, _)| outcome.is_ok()).collect::<Vec<_>>(),
            [true, false, true]
        );
    }
}
