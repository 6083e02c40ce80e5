//! `import --residue`: looks for the values that the store has in the files of the gateway, and names where they are.

mod fields;
mod ids;
mod needles;
mod places;
mod plaintext;
mod search;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::super::output::{explain, fail, print, print_note, warn};
use super::super::session_task::OUTPUT_TIMEOUT;
use super::from::read_all;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::environment::{Environment, recorded_home};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::text::{plural, printable};
use crate::watchdog::Watchdog;
use needles::{Needle, SHORTEST, needles};
use places::{Left, Place, search_file};
use walk::Walk;

/// How many ids are read at once.
const AT_ONCE: usize = 50;

/// How many files of a kind are named that were passed over.
const NAMED: usize = 10;

/// The arguments of `import --residue`.
#[derive(Debug)]
pub(in crate::shell) struct ResidueArgs {
    /// More files and folders to search.
    pub(in crate::shell) paths: Vec<String>,
    /// The plan of an import, whose ids are looked for too.
    pub(in crate::shell) plan: Option<PathBuf>,
    /// The ids to look for, instead of those that the config refers to.
    pub(in crate::shell) only: Vec<String>,
}

/// Searches the files, and prints each place that has a value of the store. Ends with 1 if there is one.
pub(super) fn residue<B: Manage>(
    settings: &Settings,
    args: &ResidueArgs,
    environment: &Environment,
    watchdog: &Watchdog,
) -> Exit {
    let home = environment.home_variable().map_or_else(|| recorded_home(environment.uid), Ok);
    let given = environment.variable("OPENCLAW_STATE_DIR").map(PathBuf::from);
    let state = given.map_or_else(|| home.clone().map(|home| home.join(".openclaw")), Ok);
    let prepared = state.and_then(|state| Ok((ids::ids::<B>(settings, args, &state)?, state)));
    let (ids, state) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => return fail(None, &failure),
    };
    let (needles, exit) = match read_values::<B>(settings, &ids, watchdog) {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    // A search takes as long as the files need.
    let deadline = Deadline::new(Instant::now(), OUTPUT_TIMEOUT);
    watchdog.move_to(deadline);
    let mut walk = Walk::default();
    walk.add_root(&state);
    args.paths.iter().for_each(|path| walk.add_root(Path::new(path)));
    add_services(&mut walk, home.ok().as_deref());
    let mut left = BTreeSet::new();
    let finders: Vec<_> = needles.iter().map(Needle::finder).collect();
    for file in std::mem::take(&mut walk.files) {
        if let Err(why) = search_file(&file, &needles, &finders, &mut left) {
            walk.unread.push((file, why));
        }
    }
    let plain = if args.only.is_empty() { plaintext::plaintext(&mut walk, &state) } else { Vec::new() };
    let plain = plain.into_iter().filter(|(file, field)| !left.iter().any(|left| left.is_at(file, field)));
    let plain = plain.map(|(file, field)| {
        let (file, field) = (without(&file, &needles), without(&field, &needles));
        format!("{file}: {field}: a credential in plaintext, which has no id here\n")
    });
    let plain: Vec<_> = plain.collect();
    let count = left.iter().map(Left::count).sum::<usize>() + plain.len();
    let lines: String = left.iter().map(|left| line(left, &ids, &needles)).chain(plain).collect();
    let cut = print(&lines, deadline);
    end(&walk, count, &needles);
    let is_clean = count == 0 && walk.unread.is_empty();
    cut.unwrap_or(if is_clean { exit } else { Exit::IdFailed })
}

/// Prints what else there is to say.
fn end(walk: &Walk, count: usize, needles: &[Needle]) {
    let name = |path: &PathBuf| without(&path.display().to_string(), needles);
    for (path, why) in &walk.unread {
        warn(format!("{} was not searched: {why}", name(path)));
    }
    for (what, paths) in [("symbolic link", &walk.links), ("compressed file", &walk.compressed)] {
        let names: Vec<_> = paths.iter().take(NAMED).map(name).collect();
        let done = if what == "symbolic link" { "followed" } else { "opened" };
        let more = match paths.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        if !names.is_empty() {
            print_note(format!(
                "{} {what}{} not {done}: {}{more}",
                paths.len(),
                plural(paths.len()),
                names.join(", ")
            ));
        }
    }
    print_note(match count {
        _ if needles.is_empty() && count == 0 => "there is no value to look for".to_owned(),
        0 => "no value was found".to_owned(),
        _ => format!(
            "{count} place{} still {} a value: remove them, and replace a key that other users or a backup may have",
            plural(count),
            if count == 1 { "has" } else { "have" }
        ),
    });
}

/// Reads the values from the store. The exit code says whether an id has none.
fn read_values<B: Manage>(
    settings: &Settings,
    ids: &[String],
    watchdog: &Watchdog,
) -> Result<(Vec<Needle>, Exit), Exit> {
    let (mut all, mut exit) = (Vec::new(), Exit::Done);
    for (part, ids) in ids.chunks(AT_ONCE).enumerate() {
        let (outcomes, ended) = read_all::<B>(settings, ids.to_vec(), watchdog);
        if ended != Exit::Done {
            return Err(ended);
        }
        for (at, (id, outcome)) in ids.iter().zip(outcomes).enumerate() {
            match outcome {
                Err(failure) => {
                    explain(Some(id), &failure);
                    exit = Exit::from_failure(&failure);
                }
                Ok(value) if value.expose().trim().len() < SHORTEST => {
                    warn(printable(format!(
                        "{id} was not looked for: its value has fewer than {SHORTEST} characters"
                    )));
                    // What was not searched is not clean.
                    exit = Exit::IdFailed;
                }
                Ok(value) => all.extend(needles(part * AT_ONCE + at, value.expose())),
            }
        }
    }
    Ok((all, exit))
}

/// Adds the units and agents with which the system starts a gateway.
fn add_services(walk: &mut Walk, home: Option<&Path>) {
    let of_user = [".config/systemd/user", ".config/environment.d", "Library/LaunchAgents"];
    let of_user = of_user.iter().filter_map(|folder| Some(home?.join(folder)));
    let of_system = ["/etc/systemd/system", "/etc/default", "/Library/LaunchDaemons"].map(PathBuf::from);
    of_user.chain(of_system).for_each(|folder| walk.add_named(&folder, "openclaw"));
}

/// Returns the line about a place. A name of a file or field that has a value in it is left out.
fn line(left: &Left, ids: &[String], needles: &[Needle]) -> String {
    let without = |text: &str| without(text, needles);
    let place = match &left.place {
        Place::Field(field) => without(field),
        Place::Line(line, None) => format!("line {line}"),
        Place::Line(line, Some(name)) => format!("line {line}, {}", without(name)),
        Place::Byte(byte) => format!("byte {byte}"),
        Place::More(count) => format!("and {count} more place{}", plural(*count)),
    };
    format!("{}: {place}: {}{}\n", without(&left.file), ids[left.id], left.form)
}

/// Returns a name for a line of the output, unless it has a value in it.
fn without(text: &str, needles: &[Needle]) -> String {
    let is_shown = !needles.iter().any(|needle| needle.is_in(text));
    printable(if is_shown { text.to_owned() } else { "(a name with a value in it)".to_owned() })
}

/// The failure of a search without anything to look for.
fn nothing(what: String) -> Failure {
    let remedy = "set OPENCLAW_STATE_DIR to the gateway's state folder, or name the plan with --plan, or ids with --only";
    Failure::misconfigured(what, remedy)
}
