//! The entries of a store, and their JSON. No input or output.

use std::collections::BTreeMap;

use secretref_protocol::Secret;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// The version of the format: the only one that is written and read.
const FORMAT: u32 = 1;

/// The entries of a store.
#[derive(Default)]
pub(crate) struct Contents {
    /// The number of changes so far, so that each version is used once.
    revision: u64,
    entries: BTreeMap<(String, String), Entry>,
}

struct Entry {
    value: Secret,
    version: u64,
}

/// The part of the JSON that is the same in every version of the format.
#[derive(Deserialize)]
struct Format {
    secretref: u32,
}

/// The JSON. It has one entry per line, so that a person can read it after decrypting it with `age`.
#[derive(Deserialize)]
struct Kept {
    revision: u64,
    entries: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    service: String,
    account: String,
    version: u64,
    #[serde(deserialize_with = "secret")]
    value: Secret,
}

impl Contents {
    /// Returns the value of an entry.
    pub(crate) fn get(&self, service: &str, account: &str) -> Option<&Secret> {
        self.entry(service, account).map(|entry| &entry.value)
    }

    /// Returns the version of an entry, which each change of the entry increases.
    pub(crate) fn version(&self, service: &str, account: &str) -> Option<u64> {
        self.entry(service, account).map(|entry| entry.version)
    }

    /// Adds or replaces an entry.
    pub(crate) fn set(&mut self, service: &str, account: &str, value: Secret) {
        self.revision += 1;
        let entry = Entry { value, version: self.revision };
        self.entries.insert((service.to_owned(), account.to_owned()), entry);
    }

    /// Removes an entry and returns its value.
    pub(crate) fn remove(&mut self, service: &str, account: &str) -> Option<Secret> {
        let entry = self.entries.remove(&(service.to_owned(), account.to_owned()))?;
        Some(entry.value)
    }

    /// Lists the service and account of each entry, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.keys().map(|(service, account)| (service.as_str(), account.as_str()))
    }

    fn entry(&self, service: &str, account: &str) -> Option<&Entry> {
        self.entries.get(&(service.to_owned(), account.to_owned()))
    }

    /// Parses the JSON. The error says what is wrong with it.
    pub(super) fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let foreign = |_| "does not contain entries";
        let format: Format = serde_json::from_slice(json).map_err(foreign)?;
        if format.secretref != FORMAT {
            return Err("has a format that this version cannot read");
        }
        let kept: Kept = serde_json::from_slice(json).map_err(foreign)?;
        let entries = kept.entries.into_iter().map(|line| {
            let entry = Entry { value: line.value, version: line.version };
            ((line.service, line.account), entry)
        });
        Ok(Self { revision: kept.revision, entries: entries.collect() })
    }

    /// Returns the JSON.
    pub(super) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let mut json = Zeroizing::new(Vec::new());
        push(&mut json, &format!("{{\"secretref\":{FORMAT},\"revision\":{},\"entries\":[", self.revision));
        for (at, ((service, account), entry)) in self.entries.iter().enumerate() {
            push(&mut json, if at == 0 { "\n{\"service\":" } else { ",\n{\"service\":" });
            push_quoted(&mut json, service);
            push(&mut json, ",\"account\":");
            push_quoted(&mut json, account);
            push(&mut json, &format!(",\"version\":{},\"value\":", entry.version));
            push_quoted(&mut json, entry.value.expose());
            push(&mut json, "}");
        }
        push(&mut json, "\n]}\n");
        json
    }
}

fn push(json: &mut Vec<u8>, text: &str) {
    json.extend_from_slice(text.as_bytes());
}

fn push_quoted(json: &mut Vec<u8>, text: &str) {
    // Every text has a JSON form, and writing to a vector does not fail.
    let _ = serde_json::to_writer(json, text);
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(entries: &[(&str, &str, &str)]) -> Contents {
        let mut contents = Contents::default();
        for (service, account, value) in entries {
            contents.set(service, account, Secret::new((*value).to_owned()));
        }
        contents
    }

    #[test]
    fn what_is_written_is_read() {
        let odd = "line\nquote\" back\\slash \u{0} \u{7f} \u{1f511} \u{2028} ]}";
        let before = filled(&[("a", "b", odd), ("a", "", "x"), ("", "b", ""), (odd, odd, odd)]);
        let after = Contents::parse(&before.to_json()).unwrap();
        assert_eq!(after.to_json(), before.to_json());
        assert_eq!(after.get("a", "b").unwrap().expose(), odd);
        assert_eq!(after.names().collect::<Vec<_>>(), [("", "b"), ("a", ""), ("a", "b"), (odd, odd)]);
        assert!(Contents::parse(&Contents::default().to_json()).unwrap().names().next().is_none());
    }

    #[test]
    fn no_version_comes_twice() {
        let mut contents = filled(&[("a", "b", "1"), ("a", "c", "1")]);
        assert_eq!((contents.version("a", "b"), contents.version("a", "c")), (Some(1), Some(2)));
        assert_eq!(contents.remove("a", "b").unwrap().expose(), "1");
        assert!(contents.remove("a", "b").is_none() && contents.version("a", "b").is_none());
        let mut contents = Contents::parse(&contents.to_json()).unwrap();
        contents.set("a", "b", Secret::new("2".into()));
        assert_eq!(contents.version("a", "b"), Some(3));
    }

    #[test]
    fn what_is_no_store_of_this_format_is_refused() {
        let why = |json: &str| Contents::parse(json.as_bytes()).err().unwrap();
        for foreign in
            ["", "{}", "hello", r#"{"secretref":1}"#, r#"{"secretref":1,"revision":1,"entries":{}}"#]
        {
            assert_eq!(why(foreign), "does not contain entries", "{foreign}");
        }
        assert!(why(r#"{"secretref":2,"whatever":true}"#).contains("cannot read"));
    }
}
