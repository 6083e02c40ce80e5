//! `name[#field[#version]]`: how an id names a secret, a field of it and a version, said once for all stores.
//!
//! | id | asks for |
//! |---|---|
//! | `providers/openai#apiKey` | the field `apiKey` |
//! | `providers/openai#apiKey#3` | that field at version 3 |
//! | `providers/openai#/keys/0` | the value at an RFC 6901 JSON pointer |
//! | `providers/openai##3` | the whole secret at version 3 |
//! | `providers/openai` | what the store takes a bare name for |

use std::fmt;

use crate::failure::Failure;
use crate::id::Id;

/// A secret by name: what an id says, or what an `[ids]` entry of the profile says in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    /// The name of the secret in the store.
    pub name: String,
    /// The field of the secret; `None` leaves the choice to the store.
    pub field: Option<Field>,
    /// The version of the secret; `None` is the newest.
    pub version: Option<String>,
    /// The store's own keys (mount, namespace, region, …), as an `[ids]` entry gives them.
    pub keys: Vec<(&'static str, String)>,
    /// The other keys of an `[ids]` entry, of a store that takes any.
    pub others: Vec<(String, String)>,
    /// Whether an `[ids]` entry said it: then `name` is the store's own name to the letter, and no short form.
    pub is_entry: bool,
}

/// Which part of a secret is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// All of it.
    Whole,
    /// A top-level key of a JSON object, taken literally.
    Key(String),
    /// An RFC 6901 JSON pointer; it starts with `/`.
    Pointer(String),
    /// A line of a text, counted from 1, without its line end.
    Line(usize),
}

impl Name {
    /// Reads an id as `name[#field[#version]]`.
    pub fn from_id(id: &Id) -> Result<Self, Failure> {
        let mut parts = id.as_str().split('#');
        let name = parts.next().unwrap_or_default().to_owned();
        let field = parts.next().map(Field::parse);
        let version = parts.next().map(str::to_owned);
        if parts.next().is_some() {
            return Err(Failure::invalid_id("more than two # in the id", "write name#field#version"));
        }
        if version.as_deref() == Some("") {
            return Err(Failure::invalid_id(
                "the version after the second # is empty",
                "write name#field#version, or name#field for the newest",
            ));
        }
        Ok(Self { name, field, version, ..Self::default() })
    }

    /// The value of one of the store's own keys.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<&str> {
        self.keys.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }
}

impl Field {
    /// Empty is the whole secret, a leading `/` a JSON pointer, anything else a top-level key.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.as_bytes().first() {
            None => Self::Whole,
            Some(b'/') => Self::Pointer(text.to_owned()),
            Some(_) => Self::Key(text.to_owned()),
        }
    }
}

/// `field apiKey`, for a message.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole secret"),
            Self::Key(key) => write!(f, "field {key}"),
            Self::Pointer(pointer) => write!(f, "value at {pointer}"),
            Self::Line(number) => write!(f, "line {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(id: &str) -> Result<(String, Option<Field>, Option<String>), &'static str> {
        let name = Name::from_id(&Id::parse(id).unwrap()).map_err(|failure| failure.kind().code())?;
        Ok((name.name, name.field, name.version))
    }

    #[test]
    fn names_fields_and_versions() {
        let key = |key: &str| Some(Field::Key(key.into()));
        assert_eq!(read("a/b"), Ok(("a/b".into(), None, None)));
        assert_eq!(read("a/b#k"), Ok(("a/b".into(), key("k"), None)));
        assert_eq!(read("a/b#k#3"), Ok(("a/b".into(), key("k"), Some("3".into()))));
        assert_eq!(read("a/b##3"), Ok(("a/b".into(), Some(Field::Whole), Some("3".into()))));
        assert_eq!(read("a/b#"), Ok(("a/b".into(), Some(Field::Whole), None)));
        assert_eq!(read("a#/p/0"), Ok(("a".into(), Some(Field::Pointer("/p/0".into())), None)));
        assert_eq!(read("a#b#1#2"), Err("INVALID_ID"));
        assert_eq!(read("a#b#"), Err("INVALID_ID"));
    }

    proptest! {
        #[test]
        fn every_id_reads_back_as_it_was_written(id in "[a-z][a-z/:]{0,8}(#[a-z/]{0,5}(#[0-9]{1,3})?)?") {
            prop_assume!(Id::parse(&id).is_ok());
            let (name, field, version) = read(&id).unwrap();
            let mut written = name;
            if let Some(field) = field {
                written.push('#');
                match field {
                    Field::Whole | Field::Line(_) => {}
                    Field::Key(text) | Field::Pointer(text) => written.push_str(&text),
                }
            }
            if let Some(version) = version {
                written.push('#');
                written.push_str(&version);
            }
            prop_assert_eq!(written, id);
        }
    }
}
