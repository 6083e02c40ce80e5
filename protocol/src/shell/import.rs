//! `import FILE`: stores every secret in a `.env` or JSON file under its name.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::time::Instant;

use serde_json::value::RawValue;

use super::dotenv::{self, Entry, InBash};
use super::only_reads::PIPE;
use super::output::{explain, fail, print_note};
use super::prompt;
use super::session_task::{Done, Task, run_task};
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file;
use crate::outcome::accept;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::text::printable;
use crate::watchdog::{Limits, Watchdog};

/// Names and values, in the order of the file.
type Entries = Vec<Entry>;

/// Stores the entries of a file one after the other, as `set` does, and reports the result for each by name.
pub(super) fn import<B: Manage>(settings: &Settings, path: &str, watchdog: &Watchdog) -> Exit {
    let file = (path != PIPE).then_some(Path::new(path));
    let text = match file {
        Some(file) => read(file),
        None => match prompt::value("import", watchdog) {
            Ok(text) => Ok(text),
            Err(stop) => return stop,
        },
    };
    let entries = match text.and_then(|text| entries(&text)) {
        Ok(entries) => entries,
        Err(failure) => return fail(None, &failure),
    };
    let last: BTreeMap<&str, usize> =
        entries.iter().enumerate().map(|(at, entry)| (entry.name.as_str(), at)).collect();
    let (mut stored, mut repeated, mut exit) = (0, 0, Exit::Done);
    for (at, Entry { name: id, value, in_bash }) in entries.iter().enumerate() {
        if last.get(id.as_str()) != Some(&at) {
            repeated += 1;
            print_note(printable(format!("{id} appears more than once: the last value is used")));
            continue;
        }
        match store::<B>(settings, id, value, watchdog) {
            Ok(()) => {
                stored += 1;
                if let Some(how) = differs(*in_bash) {
                    print_note(printable(format!("{id} {how}")));
                }
            }
            Err(failure) => {
                explain(Some(id), &failure);
                exit = Exit::from_failure(&failure);
                // A failure that is not specific to the id would also affect the others.
                if !failure.kind().is_of_id() {
                    break;
                }
            }
        }
    }
    print_note(format!("stored {stored} of {}{}", entries.len() - repeated, file.map_or("", left)));
    exit
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

fn store<B: Manage>(
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

fn read(path: &Path) -> Result<Secret, Failure> {
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

/// Returns the entries of a JSON object or of a `.env` file. Pure.
fn entries(text: &Secret) -> Result<Entries, Failure> {
    // Windows editors write a byte order mark at the start.
    let text = text.expose().trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        let object: BTreeMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|_| no_import("it is not valid JSON"))?;
        let is_sealed =
            |(id, value): (&String, &&RawValue)| id == "sops" || value.get().starts_with("\"ENC[");
        if object.iter().any(is_sealed) {
            return Err(encrypted());
        }
        let entry = |(name, value): (String, &RawValue)| {
            let value = plain(value).ok_or_else(|| {
                no_import(format!("the value of {name} has an unpaired surrogate, which is not a character"))
            })?;
            Ok(Entry { name, value, in_bash: InBash::Same })
        };
        return object.into_iter().map(entry).collect();
    }
    let lines = dotenv::entries(text);
    let lines = lines.map_err(|number| no_import(format!("line {number} is not NAME=value")))?;
    let is_sealed =
        |entry: &Entry| entry.name.starts_with("sops_") || entry.value.expose().starts_with("ENC[");
    if lines.iter().any(is_sealed) { Err(encrypted()) } else { Ok(lines) }
}

/// Returns the text of a JSON string, nothing for `null`, and other values as they are. `None` if a string is not valid UTF-8.
fn plain(value: &RawValue) -> Option<Secret> {
    let text = match value.get() {
        "null" => String::new(),
        string if string.starts_with('"') => serde_json::from_str(string).ok()?,
        other => other.to_owned(),
    };
    Some(Secret::new(text))
}

fn encrypted() -> Failure {
    Failure::misconfigured(
        "the file is encrypted by sops; nothing was stored",
        "decrypt it as JSON: sops -d --output-type json FILE | … import -",
    )
}

fn no_import(why: impl std::fmt::Display) -> Failure {
    Failure::misconfigured(
        format!("the file cannot be imported: {why}"),
        "use a JSON object of names and values, or lines NAME=value; nothing was stored",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        let entries = entries(&Secret::new(text.to_owned())).map_err(|failure| failure.to_string())?;
        let pairs: Vec<_> =
            entries.iter().map(|entry| format!("{}={}", entry.name, entry.value.expose())).collect();
        Ok(pairs.join("|"))
    }

    #[test]
    fn lines_and_objects_are_taken() {
        for (text, want) in [
            ("B=1\nA=2\nB=3\n", "B=1|A=2|B=3"),
            ("\u{feff}A=1\r\n", "A=1"),
            ("\u{feff}{\"a\": \"1\"}", "a=1"),
            (r#"{"s/a": "1\n2", "n": 1.10, "o": {"k": "v"}}"#, "n=1.10|o={\"k\": \"v\"}|s/a=1\n2"),
            (r#" {"none": null, "no": false, "list": [1]}"#, "list=[1]|no=false|none="),
            ("{}", ""),
        ] {
            assert_eq!(of(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_and_never_shown() {
        for (text, words) in [
            ("A=1\nhunter2\n", "line 2 is not NAME=value"),
            ("A='hunter2\n", "line 1"),
            ("[\"hunter2\"]", "line 1"),
            ("{\"a\": hunter2}", "not valid JSON"),
            ("{\"a\": \"hunter2\"} b", "not valid JSON"),
            (r#"{"a": "hunter2\ud800"}"#, "the value of a has an unpaired surrogate"),
            (r#"{"a": "ENC[AES256_GCM,data:hunter2]"}"#, "encrypted by sops"),
            (r#"{"a": "hunter2", "sops": {}}"#, "encrypted by sops"),
            ("A=ENC[AES256_GCM,data:hunter2]", "encrypted by sops"),
            ("A=hunter2\nsops_version=3.9.0", "encrypted by sops"),
        ] {
            let failure = of(text).unwrap_err();
            assert!(failure.contains(words) && !failure.contains("hunter2"), "{text}: {failure}");
        }
    }
}
