//! `import FILE`: stores every secret in a `.env` or JSON file under its name.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::time::Instant;

use super::super::new_id::of_name;
use super::super::oddity::oddity;
use super::super::only_reads::PIPE;
use super::super::output::{explain, fail, print, print_note};
use super::super::prompt;
use super::super::session_task::{Done, OUTPUT_TIMEOUT, Task, run_task};
use super::dotenv::{Entry, InBash};
use super::entries::{Entries, entries, no_import};
use crate::answer::configure;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file;
use crate::outcome::accept;
use crate::resolve::locate;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::text::{plural, printable};
use crate::watchdog::{Limits, Watchdog};

/// The arguments of `import FILE`.
#[derive(Debug)]
pub(in crate::shell) struct FileArgs {
    pub(in crate::shell) file: String,
    pub(in crate::shell) dry_run: bool,
    /// The names to import; all if there are none.
    pub(in crate::shell) only: Vec<String>,
    /// The text before each name.
    pub(in crate::shell) prefix: String,
}

/// Stores the entries of a file one after the other, as `set` does, and reports the result for each by name.
pub(super) fn import_file<B: Manage>(settings: &Settings, args: &FileArgs, watchdog: &Watchdog) -> Exit {
    let file = (args.file != PIPE).then_some(Path::new(&args.file));
    let text = match file {
        Some(file) => read(file),
        None => match prompt::value("import", watchdog) {
            Ok(text) => Ok(text),
            Err(stop) => return stop,
        },
    };
    let entries = text.and_then(|text| chosen(entries(&text)?, &args.only));
    let (entries, backend) = match entries.and_then(|entries| Ok((entries, configure::<B>(settings)?))) {
        Ok(prepared) => prepared,
        Err(failure) => return fail(None, &failure),
    };
    let ids: Vec<_> =
        entries.iter().map(|entry| of_name(&backend, settings, &args.prefix, &entry.name)).collect();
    if let Err(failure) = apart(&backend, settings, &entries, &ids) {
        return fail(None, &failure);
    }
    let (mut stored, mut exit) = (0, Exit::Done);
    for (entry, id) in entries.iter().zip(ids) {
        let done = id.and_then(|id| {
            if args.dry_run {
                would_store(&id, &entry.value, watchdog)
            } else {
                store::<B>(settings, &id, &entry.value, watchdog)
            }
        });
        match done {
            Ok(()) => {
                stored += 1;
                if let Some(how) = differs(entry.in_bash) {
                    print_note(printable(format!("{} {how}", entry.name)));
                }
            }
            Err(failure) => {
                explain(Some(&entry.name), &failure);
                exit = Exit::from_failure(&failure);
                // A failure that is not specific to the id would also affect the others.
                if !failure.kind().is_of_id() {
                    break;
                }
            }
        }
    }
    let word = if args.dry_run { "would store" } else { "stored" };
    let left = file.filter(|_| !args.dry_run).map_or("", left);
    print_note(format!("{word} {stored} of {}{left}", entries.len()));
    exit
}

/// Returns the entries that are imported: of a repeated name the last, and only the names that were chosen.
fn chosen(entries: Entries, only: &[String]) -> Result<Entries, Failure> {
    if let Some(absent) = only.iter().find(|name| entries.iter().all(|entry| entry.name != **name)) {
        let what = format!("the file has no {absent}, which --only names; nothing was stored");
        return Err(Failure::misconfigured(what, "check the name with --dry-run"));
    }
    let last: BTreeMap<String, usize> =
        entries.iter().enumerate().map(|(at, entry)| (entry.name.clone(), at)).collect();
    let is_chosen = |entry: &Entry| only.is_empty() || only.contains(&entry.name);
    let entries = entries.into_iter().enumerate().filter(|(_, entry)| is_chosen(entry));
    let is_last = |(at, entry): (usize, Entry)| {
        if last.get(&entry.name) == Some(&at) {
            return Some(entry);
        }
        print_note(printable(format!("{} appears more than once: the last value is used", entry.name)));
        None
    };
    Ok(entries.filter_map(is_last).collect())
}

/// Fails if two entries have the same place in the store, where the second value would replace the first.
fn apart<B: Manage>(
    backend: &B,
    settings: &Settings,
    entries: &Entries,
    ids: &[Result<String, Failure>],
) -> Result<(), Failure> {
    let mut taken = HashMap::new();
    for (entry, id) in entries.iter().zip(ids) {
        let Ok(id) = id else { continue };
        let Ok(place) = locate(backend, settings, &settings.allow(), id) else { continue };
        if let Some(other) = taken.insert(place, &entry.name) {
            return Err(Failure::misconfigured(
                format!(
                    "{other} and {} are the same secret in this store, {id}; nothing was stored",
                    entry.name
                ),
                "rename one of them, or choose with --only",
            ));
        }
    }
    Ok(())
}

/// Prints what would be stored.
fn would_store(id: &str, value: &Secret, watchdog: &Watchdog) -> Result<(), Failure> {
    accept(Secret::new(value.expose().to_owned()))?;
    let deadline = Deadline::new(Instant::now(), OUTPUT_TIMEOUT);
    watchdog.move_to(deadline);
    let length = value.expose().chars().count();
    let odd = oddity(value.expose()).map(|odd| format!("; the value {odd}")).unwrap_or_default();
    print(&format!("{id}  {length} character{}{odd}\n", plural(length)), deadline);
    Ok(())
}

/// Returns a reminder that the file still exists.
fn left(file: &Path) -> &'static str {
    match file.metadata() {
        Ok(metadata) if metadata.mode() & 0o044 != 0 => {
            "; the file still exists, and other users can read it"
        }
        _ => "; the file still exists",
    }
}

/// Stores one value, reads it back, and prints a note about it.
pub(super) fn store<B: Manage>(
    settings: &Settings,
    id: &str,
    value: &Secret,
    watchdog: &Watchdog,
) -> Result<(), Failure> {
    accept(Secret::new(value.expose().to_owned()))?;
    let deadline = Deadline::new(Instant::now(), settings.timeout());
    if let Done::Changed(text) =
        run_task::<B>(settings, Limits { deadline, watchdog }, &Task::Set(id, value))?
    {
        print_note(text);
    }
    Ok(())
}

/// Returns a note if bash reads a different value from the same line.
fn differs(in_bash: InBash) -> Option<&'static str> {
    match in_bash {
        InBash::Same => None,
        InBash::Longer => Some(
            "ends before the # in its line, as the gateway (npm dotenv) reads it; bash reads on: put it in single quotes to keep all of it",
        ),
        InBash::Other => {
            Some("is stored as the gateway (npm dotenv) reads it; bash reads this line differently")
        }
    }
}

/// Reads a file of text.
pub(super) fn read(path: &Path) -> Result<Secret, Failure> {
    // From a shell's <(COMMAND).
    if path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        return Err(Failure::misconfigured(
            format!("{} is a pipe, not a file", path.display()),
            "use stdin, with - as the file: COMMAND | … import -",
        ));
    }
    let text = String::from_utf8(file::read(path, "import")?).map(Secret::new);
    text.map_err(|_| no_import("it is not UTF-8 text"))
}
