//! `import --residue`: looks for the values that the store has in the files of the gateway, and names where they are.

mod fields;
mod ids;
mod needles;
mod search;
mod walk;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{CWD, Mode, OFlags};

use super::super::output::{explain, fail, print, print_note, warn};
use super::super::session_task::OUTPUT_TIMEOUT;
use super::from::read_all;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::environment::{Environment, recorded_home};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::system_error::words;
use crate::text::{plural, printable};
use crate::watchdog::Watchdog;
use memchr::memmem::Finder;
use needles::{Needle, SHORTEST, needles};
use search::search;
use walk::Walk;

/// How many ids are read at once.
const AT_ONCE: usize = 50;

/// The longest file that is searched.
const LONGEST: u64 = 1 << 30;

/// The longest file whose fields are named. Of a longer one, the lines are.
const LONGEST_JSON: u64 = 4 << 20;

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

/// A place that still has a value.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Left {
    file: String,
    place: Place,
    id: usize,
    form: &'static str,
}

/// A place in a file.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Field(String),
    Line(usize, Option<String>),
    Byte(u64),
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
    let cut = print(&left.iter().map(|left| line(left, &ids, &needles)).collect::<String>(), deadline);
    end(&walk, &left, finders.is_empty());
    let is_clean = left.is_empty() && walk.unread.is_empty();
    cut.unwrap_or(if is_clean { exit } else { Exit::IdFailed })
}

/// Prints what else there is to say.
fn end(walk: &Walk, left: &BTreeSet<Left>, is_idle: bool) {
    for (path, why) in &walk.unread {
        warn(format!("{} was not searched: {why}", path.display()));
    }
    if walk.links > 0 {
        print_note(format!("{} symbolic link{} not followed", walk.links, plural(walk.links)));
    }
    let count = left.len();
    print_note(match count {
        _ if is_idle => "there is no value to look for".to_owned(),
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

/// Adds the places of one file. Fails with a reason if it cannot be searched; a file that is gone has nothing left.
fn search_file(
    path: &Path,
    needles: &[Needle],
    finders: &[Finder<'_>],
    left: &mut BTreeSet<Left>,
) -> Result<(), String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = rustix::fs::openat(CWD, path, flags, Mode::empty());
    let mut file = match opened.map_err(std::io::Error::from) {
        Ok(file) => File::from(file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(words(&error)),
    };
    let told = |error: std::io::Error| words(&error);
    let metadata = file.metadata().map_err(told)?;
    if !metadata.is_file() {
        return Ok(());
    }
    if metadata.len() > LONGEST {
        return Err(format!("it is longer than {} MiB", LONGEST >> 20));
    }
    let found = search(&file, finders).map_err(told)?;
    let mut places: Vec<(usize, Place)> = Vec::new();
    if !found.hits.is_empty() && !found.is_binary && metadata.len() <= LONGEST_JSON {
        let mut text = Vec::new();
        file.rewind().and_then(|()| file.take(LONGEST_JSON).read_to_end(&mut text)).map_err(told)?;
        let of_json = fields::fields(&String::from_utf8_lossy(&text), needles);
        places.extend(of_json.into_iter().map(|(needle, field)| (needle, Place::Field(field))));
    }
    let has_field: BTreeSet<usize> = places.iter().map(|(needle, _)| needles[*needle].id).collect();
    for hit in found.hits.into_iter().filter(|hit| !has_field.contains(&needles[hit.needle].id)) {
        let place = if found.is_binary { Place::Byte(hit.byte) } else { Place::Line(hit.line, hit.name) };
        places.push((hit.needle, place));
    }
    // Of a value that is there as it is, its other forms say nothing more.
    let is_plain: BTreeSet<usize> = of_form(&places, needles, "").collect();
    places.retain(|(needle, _)| needles[*needle].form.is_empty() || !is_plain.contains(&needles[*needle].id));
    left.extend(places.into_iter().map(|(needle, place)| {
        let Needle { id, form, .. } = needles[needle];
        Left { file: path.display().to_string(), place, id, form }
    }));
    Ok(())
}

/// Returns the ids of which there is a text in this form.
fn of_form(places: &[(usize, Place)], needles: &[Needle], form: &str) -> impl Iterator<Item = usize> {
    let of_form =
        places.iter().map(|(needle, _)| &needles[*needle]).filter(move |needle| needle.form == form);
    of_form.map(|needle| needle.id)
}

/// Returns the line about a place. A name of a file or field that has a value in it is left out.
fn line(left: &Left, ids: &[String], needles: &[Needle]) -> String {
    let without = |text: &str| {
        let is_shown = !needles.iter().any(|needle| needle.is_in(text));
        printable(if is_shown { text.to_owned() } else { "(a name with a value in it)".to_owned() })
    };
    let place = match &left.place {
        Place::Field(field) => without(field),
        Place::Line(line, None) => format!("line {line}"),
        Place::Line(line, Some(name)) => format!("line {line}, {}", without(name)),
        Place::Byte(byte) => format!("byte {byte}"),
    };
    format!("{}: {place}: {}{}\n", without(&left.file), ids[left.id], left.form)
}

/// The failure of a search without anything to look for.
fn nothing(what: String) -> Failure {
    let remedy = "set OPENCLAW_STATE_DIR to the gateway's state folder, or name the plan with --plan, or ids with --only";
    Failure::misconfigured(what, remedy)
}
