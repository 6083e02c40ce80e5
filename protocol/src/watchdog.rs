//! Ends the process at its deadline, whatever it is doing.
//!
//! If no thread can be started, the runtime still answers at the deadline, and an alarm of the kernel ends a process that
//! hangs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::unistd::alarm;

use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::process;

/// How long writing the answer may take after the deadline.
pub const GRACE: Duration = Duration::from_millis(50);

/// How often the task of [`Watchdog::meanwhile`] runs.
const TICK: Duration = Duration::from_millis(250);

/// How much longer a process lives that another program is about to replace.
const RELEASED: Duration = Duration::from_mins(1);

/// A thread that only ends the process. It is started first, so a profile on a dead mount, a name service that hangs or a
/// reader that does not read cannot keep the process alive. A clone is the same watchdog.
#[derive(Clone)]
pub struct Watchdog(Arc<Shared>);

/// The deadline of a run, and the watchdog that enforces it.
#[derive(Clone, Copy)]
pub struct Limits<'w> {
    /// When to answer with what has arrived.
    pub deadline: Deadline,
    /// What ends the process.
    pub watchdog: &'w Watchdog,
}

struct Shared {
    plan: Mutex<Plan>,
    changed: Condvar,
    /// Whether an alarm is used instead of a thread.
    by_alarm: AtomicBool,
}

struct Plan {
    deadline: Deadline,
    /// Answers with what has arrived, and ends the process, unless the main thread is doing so.
    answer: Option<Box<dyn FnOnce() + Send>>,
    /// The code with which the watchdog ends the process.
    exit: Exit,
    /// The task to run right before the process is ended without an answer.
    last: Option<Box<dyn FnOnce() + Send>>,
    /// The task to run some times a second until then.
    tick: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Watchdog {
    /// Starts the watchdog: a thread, or an alarm if no thread can be started.
    #[must_use]
    pub fn start(deadline: Deadline) -> Self {
        let plan = Mutex::new(Plan { deadline, answer: None, exit: Exit::Deadline, last: None, tick: None });
        let shared = Shared { plan, changed: Condvar::new(), by_alarm: AtomicBool::new(false) };
        let watchdog = Self(Arc::new(shared));
        let shared = Arc::clone(&watchdog.0);
        if thread::Builder::new().stack_size(256 * 1024).spawn(move || shared.wait()).is_err() {
            watchdog.0.by_alarm.store(true, Ordering::Relaxed);
            set_alarm(deadline);
        }
        watchdog
    }

    /// Moves the deadline.
    pub fn move_to(&self, deadline: Deadline) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).deadline = deadline;
        self.0.changed.notify_one();
        if self.0.by_alarm.load(Ordering::Relaxed) {
            set_alarm(deadline);
        }
    }

    /// Sets the task to run some times a second until the deadline.
    pub fn meanwhile(&self, tick: impl Fn() + Send + Sync + 'static) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).tick = Some(Arc::new(tick));
        self.0.changed.notify_one();
    }

    /// Sets the task to run right before the process is ended without an answer.
    pub fn at_last(&self, last: impl FnOnce() + Send + 'static) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).last = Some(Box::new(last));
    }

    /// Sets the code with which the watchdog ends the process from now on.
    pub fn end_with(&self, exit: Exit) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).exit = exit;
    }

    /// Lets the process live on, for the command that replaces it. An alarm would go on in that.
    pub fn release(&self) {
        let mut plan = self.0.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.deadline = plan.deadline.later(RELEASED);
        drop(plan);
        self.0.changed.notify_one();
        if self.0.by_alarm.load(Ordering::Relaxed) {
            alarm::cancel();
        }
    }

    /// Sets the task that answers at the deadline.
    pub fn answer_with(&self, answer: impl FnOnce() + Send + 'static) {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner).answer = Some(Box::new(answer));
    }
}

impl Shared {
    fn wait(self: Arc<Self>) {
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
        let (answer, end) = (plan.answer.take(), plan.deadline.later(GRACE));
        drop(plan);
        let shared = Arc::clone(&self);
        let ends = thread::Builder::new().stack_size(64 * 1024).spawn(move || shared.end(end));
        if let Some(answer) = answer {
            answer();
        }
        match ends {
            Ok(_) => process::wait_for_exit(),
            Err(_) => self.end(end),
        }
    }

    /// Ends the process at `end`. Until then the thread that writes the answer has time.
    fn end(&self, end: Deadline) -> ! {
        thread::sleep(end.left());
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, exit) = (plan.last.take(), plan.exit);
        drop(plan);
        if let Some(last) = last.filter(|_| matches!(exit, Exit::Deadline | Exit::Output)) {
            last();
        }
        process::exit(exit)
    }
}

/// Sets an alarm: the kernel ends the process by a signal, in the second after the time for the answer is over.
fn set_alarm(deadline: Deadline) {
    let seconds = deadline.later(GRACE).left().as_secs() + 1;
    alarm::set(u32::try_from(seconds).unwrap_or(u32::MAX));
}
