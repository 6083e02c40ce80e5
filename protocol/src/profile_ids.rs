//! The entries of `[ids]` in a profile: the name of an id, where the id itself cannot be one.

use crate::failure::Failure;
use crate::id::Id;
use crate::selector::{Field, Name};
use crate::store::{NameKeys, nearest};

/// The keys that an entry of `[ids]` can have for every store.
const OWN_KEYS: [&str; 4] = ["name", "field", "line", "version"];

/// Reads one entry of `[ids]`.
///
/// # Errors
/// `MISCONFIGURED`, with the id and the key that is wrong.
pub(crate) fn entry(keys: NameKeys, id: &str, value: toml::Value) -> Result<Name, Failure> {
    let name = match value {
        _ if Id::parse(id).is_err() => Err(wrong(
            "is not an id that a gateway can ask for",
            "use A-Z a-z 0-9 . _ : / # -, a letter or digit first",
        )),
        toml::Value::Table(table) => name(keys, table),
        _ => Err(wrong(
            "is not a table",
            "write { name = \"…\", field = \"…\" }, or move a setting above [ids]",
        )),
    };
    name.map_err(|(why, remedy)| Failure::misconfigured(format!("the entry `{id}` of [ids] {why}"), remedy))
}

/// Why an entry is wrong, for the end of a sentence about it, and what to do.
type Wrong = (String, String);

fn wrong(why: impl Into<String>, remedy: impl Into<String>) -> Wrong {
    (why.into(), remedy.into())
}

fn name(keys: NameKeys, mut table: toml::Table) -> Result<Name, Wrong> {
    let field = match (text(&mut table, "field")?, line(&mut table)?) {
        (Some(_), Some(_)) => return Err(wrong("has both `field` and `line`", "remove one of them")),
        (Some(field), None) => Field::parse(&field),
        (None, Some(line)) => Field::Line(line),
        // Never the store's short form for a field: an entry says everything.
        (None, None) => Field::Whole,
    };
    if let Some(toml::Value::Integer(number)) = table.get("version") {
        let number = number.to_string();
        table.insert("version".to_owned(), number.into());
    }
    let mut name = Name {
        name: text(&mut table, "name")?.unwrap_or_default(),
        field: Some(field),
        version: text(&mut table, "version")?,
        is_entry: true,
        ..Name::default()
    };
    for (key, value) in table {
        match (keys, value) {
            (NameKeys::Any, toml::Value::String(text)) => name.others.push((key, text)),
            (NameKeys::Only(known), toml::Value::String(text)) if !text.is_empty() => {
                match known.iter().find(|known| **known == key) {
                    Some(own) => name.keys.push((own, text)),
                    None => return Err(unknown_key(&key, known)),
                }
            }
            _ => return Err(not_a_text(&key)),
        }
    }
    if name.name.is_empty() && name.others.is_empty() {
        return Err(wrong("has no `name`", "add the name of the secret that the id is for"));
    }
    Ok(name)
}

/// Takes the text of a key out of an entry.
fn text(table: &mut toml::Table, key: &str) -> Result<Option<String>, Wrong> {
    match table.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(not_a_text(key)),
    }
}

/// Takes `line` out of an entry.
fn line(table: &mut toml::Table) -> Result<Option<usize>, Wrong> {
    let Some(value) = table.remove("line") else { return Ok(None) };
    let number = value.as_integer().and_then(|number| usize::try_from(number).ok());
    let wrong = || wrong("has a `line` that is not a number of at least 1", "write line = 1");
    number.filter(|number| *number > 0).map(Some).ok_or_else(wrong)
}

fn not_a_text(key: &str) -> Wrong {
    wrong(format!("has a `{key}` that is not a string, or is empty"), format!("write {key} = \"…\""))
}

fn unknown_key(key: &str, known: &[&str]) -> Wrong {
    let meant = nearest(key, known.iter().copied().chain(OWN_KEYS)).unwrap_or("name");
    wrong(format!("has an unknown key `{key}`"), format!("did you mean `{meant}`?"))
}
