//! The end of `install`: the profile is tested as a gateway's run, written, and named in the provider block.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::super::doctor::failure_of;
use super::super::only_reads::check_again;
use super::super::output::{fail, print, print_note, warn};
use super::super::snippet::{SnippetArgs, block, has_credential, warn_if_refused};
use super::file::{Done, Place};
use super::hints::with_flags;
use super::{InstallArgs, Test, unit};
use crate::answer::answer;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::gateway::Form;
use crate::profile::Profile;
use crate::settings::{Flags, Settings};
use crate::text::shell_word;
use crate::watchdog::{Limits, Watchdog};

/// What is to be written, and named to the gateway.
pub(super) struct Plan {
    pub(super) place: Place,
    pub(super) text: String,
    /// The settings that the text has.
    pub(super) settings: Settings,
    pub(super) program: PathBuf,
    /// The copy of the program, if the profile cannot start it.
    pub(super) copy: Option<PathBuf>,
    /// Whether `install` makes the copy.
    pub(super) is_copied: bool,
    /// The variables of this shell whose values were taken.
    pub(super) taken: Vec<&'static str>,
    pub(super) alias: String,
    pub(super) form: Form,
}

/// Signs in once as the gateway's run does, then writes the profile and prints the block. Returns how the command ends.
pub(super) fn run<B: Manage>(
    plan: Plan,
    args: &InstallArgs,
    environment: &Environment,
    watchdog: &Watchdog,
) -> Exit {
    let settings = &plan.settings;
    let deadline = Deadline::new(Instant::now(), settings.timeout());
    watchdog.move_to(deadline);
    let (uid, has_unit) = (environment.uid, args.unit);
    if args.test == Test::LeaveOut {
        return end::<B>(&plan, &Tested::Not, (uid, has_unit), deadline);
    }
    let plan = Arc::new(plan);
    let (run, at_end) = (plan.settings.run().clone(), Arc::clone(&plan));
    answer::<B>(&plan.settings, &Arc::from([]), Limits { deadline, watchdog }, move |_, _| {
        let steps = run.steps();
        run.warnings().into_iter().for_each(|(_, warning)| warn(warning));
        match failure_of(&steps) {
            // A store that is not made yet is no fault of the profile.
            Some(failure) if failure.kind() != Kind::NotFound => {
                let failure = with_flags(failure, &B::STORE, &at_end.settings);
                fail(None, &failure.context("nothing was written").hint(UNTESTED))
            }
            Some(failure) => end::<B>(&at_end, &Tested::Empty(failure.clone()), (uid, has_unit), deadline),
            None => end::<B>(&at_end, &Tested::Well, (uid, has_unit), deadline),
        }
    })
}

const UNTESTED: &str =
    "add --no-test to write the profile all the same, and run its `doctor` to see each step";

/// How the test ended.
enum Tested {
    Not,
    Well,
    /// There is no store yet.
    Empty(Failure),
}

/// Writes the profile, and prints the block.
fn end<B: Manage>(plan: &Plan, tested: &Tested, (uid, has_unit): (u32, bool), deadline: Deadline) -> Exit {
    check_again("install");
    let text = match write::<B>(plan, uid) {
        Ok(text) => text,
        Err(failure) => return fail(None, &failure),
    };
    match tested {
        Tested::Not => {}
        Tested::Well => print_note("tested: the settings are right and the sign-in works"),
        Tested::Empty(failure) => {
            print_note(format!(
                "{}: store the first secret with {}",
                failure.what(),
                set(plan, uid, has_unit)
            ));
        }
    }
    if has_unit {
        unit::tell::<B>(&plan.settings, plan.place.path(), plan.copy.as_deref(), uid);
    }
    print(&text, deadline).unwrap_or(Exit::Done)
}

/// Returns the command that stores the first secret. `is_of_other`: root types it for the user.
fn set(plan: &Plan, uid: u32, is_of_other: bool) -> String {
    let word = |path: &Path| shell_word(&path.display().to_string());
    let profile = word(plan.place.path());
    let command = plan
        .copy
        .as_deref()
        .map_or_else(|| profile.clone(), |copy| format!("{} --profile {profile}", word(copy)));
    let sudo = if is_of_other { format!("sudo -u {} ", unit::user(uid)) } else { String::new() };
    format!("{sudo}{command} set ID < key.txt")
}

/// Writes the files, and returns the block.
fn write<B: Manage>(plan: &Plan, uid: u32) -> Result<String, Failure> {
    let (store, path) = (&B::STORE, plan.place.path());
    if let Some(copy) = &plan.copy {
        if plan.is_copied {
            plan.place.copy(&plan.program, store.binary)?;
        }
        print_note(format!(
            "the command is the copy {}: after each upgrade, copy it again with {} install --copy --yes --to {}",
            copy.display(),
            store.binary,
            shell_word(&path.display().to_string())
        ));
    }
    let mode = if plan.copy.is_some() { 0o600 } else { 0o700 };
    tell(path, plan.place.write(&plan.text, mode)?, uid);
    if !plan.taken.is_empty() {
        print_note(format!("taken from this shell's environment: {}", plan.taken.join(", ")));
    }
    let environment = Environment::from_process();
    Profile::read(store, &path.display().to_string(), &environment)?;
    warn_if_refused(plan.copy.as_deref().unwrap_or(path), uid);
    let has_credentials = has_credential::<B>(&plan.settings);
    let args = SnippetArgs { form: plan.form, alias: Some(plan.alias.clone()), has_credentials };
    block::<B>(&plan.settings, &Flags::new(), &args, plan.copy.as_deref()).map(|(_, text)| text)
}

fn tell(path: &Path, done: Done, uid: u32) {
    let path = path.display();
    print_note(match done {
        Done::Written => format!("wrote {path}"),
        Done::Replaced => format!("replaced {path}"),
        Done::Unchanged => format!("{path} is unchanged"),
        Done::Mode => format!("corrected the mode of {path}; its text is unchanged"),
    });
    if uid == 0 {
        warn(format!(
            "{path} belongs to root, and only a gateway that runs as root can start it: for a gateway of another user, \
             add --user NAME"
        ));
    }
}
