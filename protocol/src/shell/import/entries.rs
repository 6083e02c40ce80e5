//! The names and values of a `.env` or JSON file. Pure.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::dotenv::{self, Entry, InBash};
use crate::failure::Failure;
use crate::secret::Secret;

/// Names and values, in the order of the file.
pub(super) type Entries = Vec<Entry>;

/// Returns the entries of a JSON object or of a `.env` file. Pure.
pub(super) fn entries(text: &Secret) -> Result<Entries, Failure> {
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

/// Returns the failure of a file that has an error.
pub(super) fn no_import(why: impl std::fmt::Display) -> Failure {
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
