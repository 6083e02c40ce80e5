//! `name[#field[#version]]`: how an id names a secret, a field of it and a version, said once for all stores.
//!
//! | id | asks for |
//! |---|---|
//! | `providers/openai#apiKey` | the field `apiKey` |
//! | `providers/openai#apiKey#3` | that field at version 3 |
//! | `providers/openai#/keys/0` | the value at an RFC 6901 JSON pointer |
//! | `providers/openai##3` | the whole secret at version 3 |
//! | `providers/openai` | what the store takes a bare name for |

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::document::{Content, Document};
use crate::failure::Failure;
use crate::id::Id;
use crate::secret::Secret;

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

    /// Takes this part out of a document.
    ///
    /// A number or boolean comes out as its text in the document (`1.10` stays `1.10`). An object or array is an
    /// `INVALID_VALUE` unless `json` is set; then it comes out as its JSON text.
    pub fn take(&self, document: &Document, json: bool) -> Result<Secret, Failure> {
        match (self, &document.content) {
            (Self::Whole, Content::Text(text)) => Ok(Secret::new(text.expose().to_owned())),
            (Self::Whole, Content::Fields(object)) => leaf(self, parse(object)?, json),
            (Self::Line(number), Content::Text(text)) => {
                let line = number.checked_sub(1).and_then(|before| text.expose().lines().nth(before));
                line.map(|line| Secret::new(line.to_owned())).ok_or_else(|| self.missing())
            }
            (Self::Line(_), Content::Fields(_)) => Err(Failure::invalid_value(
                "the secret has fields, and a line is taken of a text",
                "name a field of it in the place of `line`",
            )),
            (Self::Key(key), Content::Fields(text) | Content::Text(text)) => {
                leaf(self, child(parse(text)?, key)?.ok_or_else(|| self.missing())?, json)
            }
            (Self::Pointer(pointer), Content::Fields(text) | Content::Text(text)) => {
                let mut value = parse(text)?;
                for token in pointer.split('/').skip(1) {
                    let token = token.replace("~1", "/").replace("~0", "~");
                    value = child(value, &token)?.ok_or_else(|| self.missing())?;
                }
                leaf(self, value, json)
            }
        }
    }

    fn missing(&self) -> Failure {
        Failure::not_found(
            format!("the secret has no {self}"),
            "check the spelling of the field in the store",
        )
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

fn not_json() -> Failure {
    Failure::invalid_value(
        "the secret is not JSON, so it has no fields",
        "ask for the whole secret: leave out what follows the #",
    )
}

fn parse(text: &Secret) -> Result<&RawValue, Failure> {
    serde_json::from_str(text.expose()).map_err(|_| not_json())
}

/// The text of a JSON value, as the gateway is to get it.
fn leaf(field: &Field, value: &RawValue, json: bool) -> Result<Secret, Failure> {
    match value.get().as_bytes()[0] {
        b'"' => serde_json::from_str(value.get()).map(Secret::new).map_err(|_| {
            Failure::invalid_value(
                format!("the {field} is not Unicode text"),
                "store it anew, binary data as base64",
            )
        }),
        b'{' | b'[' if json => Ok(Secret::new(value.get().to_owned())),
        b'{' | b'[' => Err(Failure::invalid_value(
            match field {
                Field::Whole => "the whole secret is a JSON object, not a string".to_owned(),
                _ => format!("the {field} is a JSON object or array, not a string"),
            },
            "name one field of it, or set json_fields = true to get it as JSON",
        )),
        b'n' => Err(Failure::invalid_value(format!("the {field} is null"), "store a value in it")),
        _ => Ok(Secret::new(value.get().to_owned())),
    }
}

/// The member of an object, or the element of an array, that `token` names; `None` where there is none.
fn child<'a>(value: &'a RawValue, token: &str) -> Result<Option<&'a RawValue>, Failure> {
    let mut json = serde_json::Deserializer::from_str(value.get());
    match value.get().as_bytes()[0] {
        b'{' => Member(token).deserialize(&mut json).map_err(|_| not_json()),
        b'[' => Ok(match index(token) {
            Some(index) => Element(index).deserialize(&mut json).map_err(|_| not_json())?,
            None => None,
        }),
        _ => Ok(None),
    }
}

/// An array index as RFC 6901 §4 writes it: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|b| b.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    plain.then(|| token.parse().ok()).flatten()
}

/// Looks one member up without keeping the others. Of members with the same name the last one counts, as in most
/// JSON readers.
struct Member<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Looks one element up without keeping the others.
struct Element(usize);

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut at = 0;
        while let Some(element) = seq.next_element()? {
            if at == self.0 {
                found = Some(element);
            }
            at += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOCUMENT: &str = r#"{"key":"sk-1","price":1.10,"big":12345678901234567890123,"on":true,"none":null,
        "a/b":{"m~n":["x",{"y":"deep"}]},"esc\u0061ped":"line\nbreak","":"empty name"}"#;

    fn take(field: &str, json: bool) -> Result<String, &'static str> {
        let document = Document::fields(Secret::new(DOCUMENT.to_owned()));
        let taken = Field::parse(field).take(&document, json);
        taken.map(|secret| secret.expose().to_owned()).map_err(|failure| failure.kind().code())
    }

    #[test]
    fn fields_and_pointers() {
        for (field, json, want) in [
            ("key", false, Ok("sk-1")),
            ("price", false, Ok("1.10")),
            ("big", false, Ok("12345678901234567890123")),
            ("on", false, Ok("true")),
            ("escaped", false, Ok("line\nbreak")),
            ("/a~1b/m~0n/0", false, Ok("x")),
            ("/a~1b/m~0n/1/y", false, Ok("deep")),
            ("/", false, Ok("empty name")),
            ("a/b", true, Ok(r#"{"m~n":["x",{"y":"deep"}]}"#)),
            ("a/b", false, Err("INVALID_VALUE")),
            ("", false, Err("INVALID_VALUE")),
            ("none", true, Err("INVALID_VALUE")),
            ("absent", false, Err("NOT_FOUND")),
            ("/a~1b/m~0n/00", false, Err("NOT_FOUND")),
            ("/a~1b/m~0n/9", false, Err("NOT_FOUND")),
            ("/key/x", false, Err("NOT_FOUND")),
        ] {
            assert_eq!(take(field, json), want.map(str::to_owned), "{field} {json}");
        }
        assert_eq!(take("", true), Ok(DOCUMENT.to_owned()));
    }

    #[test]
    fn a_text_is_given_whole_and_its_fields_only_if_it_is_json() {
        let text = Document::text(Secret::new("-----BEGIN\n".into()));
        assert_eq!(Field::Whole.take(&text, false).unwrap().expose(), "-----BEGIN\n");
        assert!(Field::Key("a".into()).take(&text, false).is_err());
        let lines = Document::text(Secret::new("token\r\nexpiry=1\n".into()));
        let line = |number| Field::Line(number).take(&lines, false).map(|line| line.expose().to_owned());
        assert_eq!((line(1).unwrap(), line(2).unwrap()), ("token".into(), "expiry=1".into()));
        assert!([0, 3].map(line).iter().all(Result::is_err));
        assert!(Field::Line(1).take(&Document::fields(Secret::new("{}".into())), false).is_err());
        let json = Document::text(Secret::new(r#"{"a":"b"}"#.into()));
        assert_eq!(Field::Key("a".into()).take(&json, false).unwrap().expose(), "b");
    }

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

        #[test]
        fn a_pointer_finds_what_serde_json_finds(pointer in "(/(a|b|0|1|~0|~1|)){0,4}") {
            let text = r#"{"":"e","/":{"a":true},"a":{"":2,"b":["x",{"~":1}]},"b":[[3,"four"]]}"#;
            let expected = serde_json::from_str::<serde_json::Value>(text).unwrap();
            let expected = expected.pointer(&pointer).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            let taken = Field::parse(&pointer).take(&Document::fields(Secret::new(text.into())), true);
            let taken = taken.ok().map(|secret| secret.expose().to_owned());
            if pointer.is_empty() {
                prop_assert_eq!(taken.as_deref(), Some(text));
            } else {
                prop_assert_eq!(taken, expected);
            }
        }
    }
}
