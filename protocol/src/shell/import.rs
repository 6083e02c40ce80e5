//! `import FILE`: every secret of a `.env` or JSON file stored under its name.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::value::RawValue;

use super::act::{Done, Task, act};
use super::speak::{explain, note};
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::watch::Watch;
use crate::wire::accept;

/// Stores what a file has, one after the other as `set` does, and says of each by name whether it was taken.
pub(super) fn import<B: Manage>(settings: &Settings, path: &str, watch: &Watch) -> Exit {
    let read = file::read(Path::new(path), "import").and_then(|bytes| {
        let text = String::from_utf8(bytes).map(Secret::new);
        entries(&text.map_err(|_| no_import("it is not UTF-8 text"))?)
    });
    let entries = match read {
        Ok(entries) => entries,
        Err(failure) => {
            explain(None, &failure);
            return Exit::Usage;
        }
    };
    let mut failed = 0;
    for (id, value) in &entries {
        let deadline = Deadline::new(Instant::now(), settings.timeout());
        let task = Task::Set(id, value);
        match accept(Secret::new(value.expose().to_owned()))
            .and_then(|_| act::<B>(settings, (deadline, watch), &task))
        {
            Ok(Done::Changed(text)) => note(text),
            Ok(Done::Listed(_)) => {}
            Err(failure) => {
                failed += 1;
                explain(Some(id), &failure);
            }
        }
    }
    note(format!("{} of {} were stored; the file is still there", entries.len() - failed, entries.len()));
    if failed > 0 { Exit::IdFailed } else { Exit::Done }
}

/// The names and values of a JSON object, else of lines `NAME=value`. Pure.
fn entries(text: &Secret) -> Result<Vec<(String, Secret)>, Failure> {
    if text.expose().trim_start().starts_with('{') {
        let object: BTreeMap<String, &RawValue> =
            serde_json::from_str(text.expose()).map_err(|_| no_import("it begins as JSON and is none"))?;
        return Ok(object.into_iter().map(|(id, value)| (id, plain(value))).collect());
    }
    let lines = text.expose().lines().zip(1..).filter(|(line, _)| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    });
    lines
        .map(|(line, number)| {
            of_line(line).ok_or_else(|| no_import(format!("line {number} is not NAME=value")))
        })
        .collect()
}

/// A string as its text, anything else as it stands.
fn plain(value: &RawValue) -> Secret {
    Secret::new(serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned()))
}

/// `NAME=value`, with `export` before it or not, the value bare or between quotes. Between double quotes `\n`, `\"` and the
/// like stand for what they do in JSON.
fn of_line(line: &str) -> Option<(String, Secret)> {
    let line = line.trim();
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let value = match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value).ok()?,
        Some(b'\'') => value.strip_prefix('\'')?.strip_suffix('\'')?.to_owned(),
        _ => value.split(" #").next().unwrap_or_default().trim_end().to_owned(),
    };
    (!name.is_empty()).then(|| (name.to_owned(), Secret::new(value)))
}

fn no_import(why: impl std::fmt::Display) -> Failure {
    Failure::misconfigured(
        format!("the file cannot be imported: {why}"),
        "write a JSON object of names and values, or lines NAME=value; nothing was stored",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        let entries = entries(&Secret::new(text.to_owned())).map_err(|failure| failure.to_string())?;
        let pairs: Vec<_> = entries.iter().map(|(id, value)| format!("{id}={}", value.expose())).collect();
        Ok(pairs.join("|"))
    }

    #[test]
    fn lines_and_objects_are_taken() {
        for (text, want) in [
            ("A=1\n\n# c\nexport B = 'two # 2'\nC=three # c\n", "A=1|B=two # 2|C=three"),
            ("PEM=\"-----BEGIN\\nx\\n\"\r\n", "PEM=-----BEGIN\nx\n"),
            ("A=a=b==\n", "A=a=b=="),
            (r#"{"s/a": "1", "n": 1.10, "o": {"k": "v"}}"#, r#"n=1.10|o={"k": "v"}|s/a=1"#),
            ("", ""),
        ] {
            assert_eq!(of(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_and_never_shown() {
        for (text, words) in [
            ("A=1\nhunter2\n", "line 2 is not NAME=value"),
            ("A='hunter2\n", "line 1"),
            ("A=\"hunter2\n", "line 1"),
            ("=hunter2", "line 1"),
            ("{\"a\": hunter2}", "begins as JSON"),
        ] {
            let failure = of(text).unwrap_err();
            assert!(failure.contains(words) && !failure.contains("hunter2"), "{text}: {failure}");
        }
    }
}
