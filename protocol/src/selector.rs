//! `name[#field[#version]]`: how an id names a secret, its field and its version, in every store.
//!
//! | id | asks for |
//! |---|---|
//! | `providers/openai#apiKey` | the field `apiKey` |
//! | `providers/openai#apiKey#3` | that field at version 3 |
//! | `providers/openai#/keys/0` | the value at an RFC 6901 JSON pointer |
//! | `providers/openai##3` | the whole secret at version 3 |
//! | `providers/openai` | the part that the store chooses for a bare name |

use std::fmt;

use crate::failure::Failure;
use crate::id::Id;

/// The name of a secret, from an id or from the `[ids]` entry of the profile for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Name {
    /// The name of the secret in the store.
    pub name: String,
    /// The field of the secret; with `None` the store chooses.
    pub field: Option<Field>,
    /// The version of the secret; `None` for the newest.
    pub version: Option<String>,
    /// The values of the store's own keys (mount, namespace, region, …) in an `[ids]` entry.
    pub keys: Vec<(&'static str, String)>,
    /// The other keys of an `[ids]` entry, if the store takes any key.
    pub others: Vec<(String, String)>,
    /// Whether the name comes from an `[ids]` entry. Then `name` is exactly the store's own name, not a short form.
    pub is_entry: bool,
}

/// The part of a secret that an id asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// The whole secret.
    Whole,
    /// A top-level key of a JSON object, taken literally.
    Key(String),
    /// An RFC 6901 JSON pointer; it starts with `/`.
    Pointer(String),
    /// A line of a text, without its line end; the first is 1.
    Line(usize),
}

impl Name {
    /// Reads an id as `name[#field[#version]]`.
    ///
    /// # Errors
    ///
    /// `INVALID_ID` if there are more than two #, or if the version is empty.
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

    /// Returns the id that [`from_id`](Self::from_id) reads as this name.
    #[must_use]
    pub fn to_id(&self) -> String {
        let mut id = self.name.clone();
        if let Some(field) = &self.field {
            id.extend(["#", field.text()]);
        }
        if let Some(version) = &self.version {
            id.extend(["#", version]);
        }
        id
    }

    /// Returns the value of one of the store's own keys.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<&str> {
        self.keys.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }
}

impl Field {
    /// Reads a field: an empty text is the whole secret, a leading `/` makes a JSON pointer, anything else is a top-level key.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.as_bytes().first() {
            None => Self::Whole,
            Some(b'/') => Self::Pointer(text.to_owned()),
            Some(_) => Self::Key(text.to_owned()),
        }
    }

    /// The field of a JSON object's member. One whose name is empty or begins with a slash is named by a JSON pointer (RFC
    /// 6901): as it is, its name would mean the whole secret or a pointer.
    #[must_use]
    pub fn member(key: &str) -> Self {
        if key.is_empty() || key.starts_with('/') {
            Self::Pointer(format!("/{}", key.replace('~', "~0").replace('/', "~1")))
        } else {
            Self::Key(key.to_owned())
        }
    }

    /// Returns the field as an id writes it. A line has no such form.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Whole | Self::Line(_) => "",
            Self::Key(text) | Self::Pointer(text) => text,
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
            prop_assert_eq!(Name::from_id(&Id::parse(&id).unwrap()).unwrap().to_id(), id);
        }
    }
}
