//! `import --residue`: looks for the values that the store has in the files of the gateway, and names where they are.

mod fields;
mod ids;
mod needles;
mod places;
mod plaintext;
mod search;
mod walk;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
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

/// How many files or folders are named of what was passed over.
const NAMED: usize = 3;

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
        let done = if what == "symbolic link" { "followed" } else { "opened" };
        if !paths.is_empty() {
            let count = paths.len();
            print_note(format!("{count} {what}{} not {done}: {}", plural(count), listed(paths, name)));
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

/// Returns the paths if they are few, and else the folders with the most of them.
fn listed(paths: &[PathBuf], name: impl Fn(&PathBuf) -> String) -> String {
    if paths.len() <= NAMED {
        return paths.iter().map(name).collect::<Vec<_>>().join(", ");
    }
    let mut folders: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for path in paths {
        *folders.entry(path.parent().unwrap_or(path).to_owned()).or_default() += 1;
    }
    let mut folders: Vec<_> = folders.into_iter().collect();
    folders.sort_by_key(|(_, count)| Reverse(*count));
    let others = folders.split_off(folders.len().min(NAMED));
    let mut words: Vec<_> =
        folders.iter().map(|(folder, count)| format!("{count} in {}", name(folder))).collect();
    if !others.is_empty() {
        let count: usize = others.iter().map(|(_, count)| count).sum();
        words.push(format!("{count} in {} other folder{}", others.len(), plural(others.len())));
    }
    words.join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_counted_by_folder() {
        let list = |paths: &[String]| {
            let paths: Vec<_> = paths.iter().map(PathBuf::from).collect();
            listed(&paths, |path| path.display().to_string())
        };
        let of =
            |folder: &'static str, count: usize| (0..count).map(move |at| format!("/s/{folder}/{at}.gz"));
        assert_eq!(list(&of("a", 2).collect::<Vec<_>>()), "/s/a/0.gz, /s/a/1.gz");
        assert_eq!(list(&of("a", 510).collect::<Vec<_>>()), "510 in /s/a");
        let many = of("a", 2).chain(of("b", 30)).chain(of("c", 1)).chain(of("d", 1)).chain(of("e", 1));
        assert_eq!(list(&many.collect::<Vec<_>>()), "30 in /s/b, 2 in /s/a, 1 in /s/c, 2 in 2 other folders");
    }
}
