//! The end of the process at its deadline, whatever else it is doing.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::process;

/// How long the answer may take to be written once the deadline has come.
pub const GRACE: Duration = Duration::from_millis(50);

/// How often there is a look at what somebody waits for.
const TICK: Duration = Duration::from_millis(250);

/// A thread that does nothing else. It is started first, so that a profile on a dead mount, a name service that hangs or
/// a reader that does not read cannot keep the process.
pub struct Watch(Arc<Shared>);

struct Shared {
    plan: Mutex<Plan>,
    changed: Condvar,
}

struct Plan {
    deadline: Deadline,
    /// Answers with what has arrived, and ends the process, unless somebody else is doing so.
    answer: Option<Box<dyn FnOnce() + Send>>,
    /// What to do right before the process is ended without an answer.
    last: Option<Box<dyn FnOnce() + Send>>,
    /// What to do meanwhile, some times a second.
    tick: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Watch {
    /// Starts to watch. Where no thread can be had, nothing is watched: the resolve matters more.
    #[must_use]
    pub fn start(deadline: Deadline) -> Self {
        let plan = Mutex::new(Plan { deadline, answer: None, last: None, tick: None });
        let watch = Self(Arc::new(Shared { plan, changed: Condvar::new() }));
        let shared = Arc::clone(&watch.0);
        let _ = thread::Builder::new().stack_size(256 * 1024).spawn(move || shared.wait());
        watch
    }

    /// Moves the deadline, once the settings are known.
    pub fn move_to(&self, deadline: Deadline) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).deadline = deadline;
        self.0.changed.notify_one();
    }

    /// Says what to do meanwhile, some times a second.
    pub fn meanwhile(&self, tick: impl Fn() + Send + Sync + 'static) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).tick = Some(Arc::new(tick));
        self.0.changed.notify_one();
    }

    /// Says what to do right before the process is ended without an answer.
    pub fn at_last(&self, last: impl FnOnce() + Send + 'static) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).last = Some(Box::new(last));
    }

    /// Says how to answer at the deadline.
    pub fn answer_with(&self, answer: impl FnOnce() + Send + 'static) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).answer = Some(Box::new(answer));
    }
}

impl Shared {
    fn wait(&self) {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        while !plan.deadline.left().is_zero() {
            let tick = plan.tick.clone();
            let left = plan.deadline.left();
            let pause = if tick.is_some() { left.min(TICK) } else { left };
            let (locked, waited) =
                self.changed.wait_timeout(plan, pause).unwrap_or_else(PoisonError::into_inner);
            plan = locked;
            if let Some(tick) = tick.filter(|_| waited.timed_out()) {
                drop(plan);
                tick();
                plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
            }
        }
        let (answer, last, end) = (plan.answer.take(), plan.last.take(), plan.deadline.later(GRACE));
        drop(plan);
        // Whoever is writing, here or there, has until then.
        let _ = thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            thread::sleep(end.left());
            if let Some(last) = last {
                last();
            }
            process::exit(Exit::Deadline);
        });
        if let Some(answer) = answer {
            answer();
        }
        process::wait_for_exit();
    }
}
