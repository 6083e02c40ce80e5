//! Takes a field out of a document.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::document::{Content, Document, Value};
use crate::failure::Failure;
use crate::outcome::{Outcome, accept};
use crate::secret::Secret;
use crate::selector::Field;

impl Document {
    /// Takes the value of a field that a gateway accepts, with the document's metadata. With `json`, objects and arrays
    /// come out as JSON.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` if the document has no such field, `INVALID_VALUE` if a gateway cannot use its value.
    pub fn value(&self, field: &Field, json: bool) -> Outcome {
        let text = accept(field.take(self, json)?)?;
        Ok(Value::new(text, Arc::clone(&self.about)))
    }
}

impl Field {
    /// Takes this part out of a document.
    ///
    /// A number or boolean comes out as its text in the document (`1.10` stays `1.10`). An object or array comes out as its
    /// JSON text if `json` is set.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` if the document has no such part. `INVALID_VALUE` if it is null, is an object or array without `json`, or
    /// if the document is not JSON.
    pub fn take(&self, document: &Document, json: bool) -> Result<Secret, Failure> {
        match (self, &document.content) {
            (Self::Whole, Content::Text(text)) => Ok(Secret::new(text.expose().to_owned())),
            (Self::Whole, Content::Fields(object)) => leaf(self, parse(object)?, json),
            (Self::Line(number), Content::Text(text)) => {
                let line = number.checked_sub(1).and_then(|before| text.expose().lines().nth(before));
                line.map(|line| Secret::new(line.to_owned())).ok_or_else(|| self.missing())
            }
            (Self::Line(_), Content::Fields(_)) => Err(Failure::invalid_value(
                "the secret has fields, and `line` reads only a secret that is text",
                "use `field` instead of `line`",
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
        let remedy = match self {
            Self::Line(_) => "check `line` of the id in [ids], and the value in the store",
            _ => "check the spelling of the field in the store",
        };
        Failure::not_found(format!("the secret has no {self}"), remedy)
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

/// Returns the text of a JSON value for the gateway.
fn leaf(field: &Field, value: &RawValue, json: bool) -> Result<Secret, Failure> {
    match value.get().as_bytes()[0] {
        b'"' => serde_json::from_str(value.get()).map(Secret::new).map_err(|_| {
            Failure::invalid_value(
                format!("the {field} is not Unicode text"),
                "store it again, binary data as base64",
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

/// Returns the member of an object, or the element of an array, that `token` names; `None` if there is none.
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

/// Reads an array index of RFC 6901 §4: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|b| b.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    plain.then(|| token.parse().ok()).flatten()
}

/// Reads one member and skips the others. If two members have the same name, the last one counts, as in most JSON
/// readers.
struct Member<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
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

/// Reads one element and skips the others.
struct Element(usize);

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
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
    fn a_text_has_fields_only_if_it_is_json() {
        let text = Document::text(Secret::new("-----BEGIN\n".into()));
        assert_eq!(Field::Whole.take(&text, false).unwrap().expose(), "-----BEGIN\n");
        assert!(Field::Key("a".into()).take(&text, false).is_err());
        let lines = Document::text(Secret::new("token\r\nexpiry=1\n".into()));
        let line = |number| Field::Line(number).take(&lines, false).map(|line| line.expose().to_owned());
        assert_eq!((line(1).unwrap(), line(2).unwrap()), ("token".into(), "expiry=1".into()));
        for absent in [0, 3].map(line) {
            assert!(absent.unwrap_err().remedy().contains("`line`"));
        }
        assert!(Field::Line(1).take(&Document::fields(Secret::new("{}".into())), false).is_err());
        let json = Document::text(Secret::new(r#"{"a":"b"}"#.into()));
        assert_eq!(Field::Key("a".into()).take(&json, false).unwrap().expose(), "b");
    }

    proptest! {
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
