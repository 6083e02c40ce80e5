//! From an id to a path and a field, and the field out of a document.
//!
//! Input: an id, a pattern of `allow`, the name of an `[ids]` entry, a document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secretref_fuzz::{check_failure, check_value, texts};
use secretref_protocol::fuzz::{Allow, Id};
use secretref_protocol::outcome::accept;
use secretref_protocol::{Document, Failure, Field, Kind, Name, Secret};
use secretref_vault::fuzz::locate;
use serde_json::Value;

fuzz_target!(|input: &str| {
    let mut texts = texts(input);
    let [id, pattern, entry, document] = std::array::from_fn(|_| texts.next().unwrap_or_default());
    let entry = Name { name: entry.to_owned(), field: Some(Field::Whole), is_entry: true, ..Name::default() };
    leads_somewhere(&entry, "");
    let id = match Id::parse(id) {
        Ok(id) => id,
        Err(failure) => return check_failure(&failure, ""),
    };
    is_allowed(&id, pattern);
    match Name::from_id(&id) {
        Ok(name) => {
            assert_eq!(write(&name), id.as_str());
            if let Some(field) = leads_somewhere(&name, id.as_str()) {
                is_taken(&field, document, id.as_str());
            }
        }
        Err(failure) => check_failure(&failure, id.as_str()),
    }
});

/// A path has no segment that a server would normalise, and reads back unchanged.
fn leads_somewhere(name: &Name, quoted: &str) -> Option<Field> {
    let [v1, v2] = [true, false].map(|is_v1| locate(name, is_v1));
    for (path, _) in [&v1, &v2].into_iter().flatten() {
        let uri: http::Uri = path.parse().expect("a path");
        assert_eq!(uri.path_and_query().map(http::uri::PathAndQuery::as_str), Some(path.as_str()));
        let mut segments = uri.path().split('/').skip(1);
        assert_eq!(segments.next(), Some("v1"));
        assert!(segments.all(|segment| !matches!(segment, "" | "." | "..")), "{path}");
    }
    for failure in [&v1, &v2].into_iter().filter_map(|located| located.as_ref().err()) {
        check_failure(failure, quoted);
    }
    v2.or(v1).ok().map(|(_, field)| field)
}

/// `allow` says the same as a matcher that tries everything.
fn is_allowed(id: &Id, pattern: &str) {
    let stars = pattern.bytes().filter(|byte| *byte == b'*').count();
    if stars <= 3 && id.as_str().len() <= 40 {
        let is_allowed = Allow::new(vec![pattern.to_owned()]).check(id).is_ok();
        assert_eq!(is_allowed, matches(pattern.as_bytes(), id.as_str().as_bytes()));
    }
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let star = |rest, stops: &[u8]| {
        let most = text.iter().position(|byte| stops.contains(byte)).unwrap_or(text.len());
        (0..=most).any(|end| matches(rest, &text[end..]))
    };
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => star(rest, b":"),
        [b'*', rest @ ..] => star(rest, b":/"),
        [byte, rest @ ..] => text.first() == Some(byte) && matches(rest, &text[1..]),
    }
}

fn write(name: &Name) -> String {
    let field = match &name.field {
        None => return name.name.clone(),
        Some(Field::Whole) => "",
        Some(Field::Key(text) | Field::Pointer(text)) => text,
        Some(Field::Line(_)) => unreachable!("no id names a line"),
    };
    let version = name.version.as_ref().map(|version| format!("#{version}")).unwrap_or_default();
    format!("{}#{field}{version}", name.name)
}

/// The value taken out of a document is the one that `serde_json` finds.
fn is_taken(field: &Field, text: &str, quoted: &str) {
    let known: Option<Value> = serde_json::from_str(text).ok();
    let secret = Secret::new(text.to_owned());
    let is_object = known.as_ref().is_some_and(Value::is_object);
    let document = if is_object { Document::fields(secret) } else { Document::text(secret) };
    for json in [false, true] {
        let taken = field.take(&document, json);
        if let (Some(known), true) = (&known, is_object || *field != Field::Whole) {
            agrees(&taken, find(known, field), json);
        }
        match taken.and_then(accept) {
            Ok(value) => check_value(value.expose()),
            Err(failure) => check_failure(&failure, quoted),
        }
    }
}

fn find<'v>(document: &'v Value, field: &Field) -> Option<&'v Value> {
    match field {
        Field::Whole => Some(document),
        Field::Key(key) => document.pointer(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
        Field::Pointer(pointer) => document.pointer(pointer),
        Field::Line(_) => unreachable!("no id names a line"),
    }
}

fn agrees(taken: &Result<Secret, Failure>, found: Option<&Value>, json: bool) {
    let text = taken.as_ref().map(Secret::expose).map_err(Failure::kind);
    match found {
        None => assert_eq!(text, Err(Kind::NotFound)),
        Some(Value::String(found)) => assert_eq!(text, Ok(found.as_str())),
        Some(Value::Null) => assert_eq!(text, Err(Kind::InvalidValue)),
        Some(Value::Object(_) | Value::Array(_)) if !json => assert_eq!(text, Err(Kind::InvalidValue)),
        Some(found) => assert_eq!(serde_json::from_str::<Value>(text.expect("a value")).unwrap(), *found),
    }
}
