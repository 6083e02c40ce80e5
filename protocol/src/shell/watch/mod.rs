//! `watch --once`: compares the versions behind a gateway's references with those last seen, and asks the gateway to reload
//! when one was rotated, or when one that failed resolves again. For a timer.

mod mark;
mod reload;
mod seen;
mod state;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::config_check::check;
use super::only_reads::check_again;
use super::output::{explain, fail, print, print_note};
use super::session_task::OUTPUT_TIMEOUT;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway::Config;
use crate::outcome::Outcome;
use crate::text::{plural, printable};
use crate::watchdog::Watchdog;
use mark::Key;
use seen::{Changes, compare};
use state::{State, StateFile};

/// How much later than its own limits the watchdog ends a run that hangs.
const SLACK: Duration = Duration::from_secs(10);

/// The arguments of `watch`.
#[derive(Debug)]
pub(super) struct WatchArgs {
    pub(super) config: Option<PathBuf>,
    pub(super) state: Option<PathBuf>,
    pub(super) openclaw: PathBuf,
}

/// Runs the watch once.
pub(super) fn watch<B: Manage>(args: &WatchArgs, environment: &Environment, watchdog: &Watchdog) -> Exit {
    watch_once::<B>(args, environment, watchdog).unwrap_or_else(|failure| fail(None, &failure))
}

fn watch_once<B: Manage>(
    args: &WatchArgs,
    environment: &Environment,
    watchdog: &Watchdog,
) -> Result<Exit, Failure> {
    let (path, folder) = places(args, environment)?;
    let config = Config::read_own(&path, environment.uid)?;
    reload::check(&args.openclaw, environment)?;
    watchdog.move_to(Deadline::new(Instant::now(), state::WAIT + SLACK));
    let file = StateFile::open(&folder, B::STORE.binary, &path, environment.uid)?;
    let mut state = file.read()?;
    let (found, exit) = look::<B>(&config, &state.key, watchdog);
    watchdog.move_to(Deadline::new(Instant::now(), reload::LIMIT + SLACK));
    let known = found.len();
    let (seen, changes) = compare(&state.seen, found);
    state = State { seen, due: state.due || changes.need_reload(), ..state };
    // Before the reload, so that a run that is killed in it does not lose it.
    file.write(&state)?;
    let cut = print(&lines(&changes), Deadline::new(Instant::now(), OUTPUT_TIMEOUT));
    changes.failed.iter().for_each(|(name, failure)| explain(Some(name), failure));
    if !state.due {
        print_note(nothing_to_do(known, &changes));
        return Ok(cut.unwrap_or(exit));
    }
    check_again("watch");
    match reload::reload(&args.openclaw, args.config.as_deref()) {
        Ok(reloaded) => {
            file.write(&State { due: false, ..state })?;
            print_note(match reloaded.warning_count {
                0 => "the gateway has reloaded its secrets".to_owned(),
                count => {
                    let warnings = plural(usize::try_from(count).unwrap_or(2));
                    format!(
                        "the gateway has reloaded its secrets, with {count} warning{warnings}: see its log"
                    )
                }
            });
            Ok(cut.unwrap_or(exit))
        }
        Err(failure) => {
            explain(None, &failure);
            print_note("the next run asks the gateway again");
            Ok(Exit::NotReloaded)
        }
    }
}

/// Returns the paths of the config and of the folder of the state.
fn places(args: &WatchArgs, environment: &Environment) -> Result<(PathBuf, PathBuf), Failure> {
    let config = match (&args.config, environment.variable("OPENCLAW_CONFIG_PATH")) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => path.into(),
        (None, None) => match environment.variable("OPENCLAW_STATE_DIR") {
            Some(folder) => PathBuf::from(folder).join("openclaw.json"),
            None => state::home(environment)?.join(".openclaw/openclaw.json"),
        },
    };
    let folder = args.state.clone().map_or_else(|| state::default_folder(environment), Ok)?;
    Ok((config, folder))
}

/// A reference, by provider and id, with the mark of its value.
type Found = (String, Result<String, Failure>);

/// Resolves all that the config asks this resolver for. Returns the mark of each reference, and how a check would end.
fn look<B: Manage>(config: &Config, key: &Key, watchdog: &Watchdog) -> (Vec<Found>, Exit) {
    let (mut found, mut exits) = (Vec::new(), Vec::new());
    for (name, provider) in &config.providers {
        let key = key.clone();
        let mark = move |id: &str, outcome: &Outcome| match outcome {
            Ok(value) => Ok(key.mark(id, value)),
            Err(failure) => Err(failure.clone()),
        };
        let Some(checked) = check::<B, _>(config, name, provider, watchdog, mark) else { continue };
        exits.push(checked.exit);
        found.extend(checked.ids.into_iter().map(|(id, mark)| (format!("{name} {id}"), mark)));
    }
    let is_failed = found.iter().any(|(_, mark)| mark.is_err());
    let exit = match exits.first() {
        Some(first) if exits.iter().all(|exit| exit == first) => *first,
        _ if is_failed => Exit::IdFailed,
        _ => Exit::Done,
    };
    (found, exit)
}

fn lines(changes: &Changes) -> String {
    let mut text = String::new();
    for (word, names) in [("rotated", &changes.rotated), ("recovered", &changes.recovered)] {
        for name in names {
            let _ = writeln!(text, "{word:9}  {}", printable(name.clone()));
        }
    }
    text
}

fn nothing_to_do(known: usize, changes: &Changes) -> String {
    match (known, changes.new) {
        (0, _) => "the config asks this resolver for nothing".to_owned(),
        (known, 0) => format!("{known} id{}, nothing to do", plural(known)),
        (known, new) => format!("{known} id{}, {new} seen for the first time, nothing to do", plural(known)),
    }
}
