//! Writes or removes one field of a secret; the other fields keep their exact text. Pure.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::secret::Secret;
use crate::selector::Field;

/// A secret after the edit.
#[derive(Debug)]
pub(super) struct Edited {
    /// The whole content; `None` if no field is left.
    pub(super) content: Option<Secret>,
    /// The names of the unchanged fields.
    pub(super) kept: Vec<String>,
}

/// Returns `content` with `value` in `field`, or without `field` if there is no value. `content` is `None` for a new secret.
pub(super) fn edited(
    content: Option<&str>,
    field: &Field,
    value: Option<&Secret>,
) -> Result<Edited, Failure> {
    let key = match field {
        Field::Whole => {
            let content = value.map(|value| Secret::new(value.expose().to_owned()));
            return Ok(Edited { content, kept: Vec::new() });
        }
        Field::Key(key) => key,
        Field::Pointer(_) | Field::Line(_) => {
            return Err(Failure::invalid_id(
                "a part of a field cannot be written",
                "name the field: name#field",
            ));
        }
    };
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(content.unwrap_or("{}")).map_err(|_| {
            Failure::invalid_value(
                "the secret is text without fields, so a field cannot be added",
                "write the whole secret: name#",
            )
        })?;
    let written = value.map(text_of).transpose()?;
    match &written {
        Some(written) => drop(fields.insert(key.clone(), written)),
        None if fields.remove(key).is_none() => {
            return Err(Failure::not_found(format!("the secret has no {field}"), "check the field's name"));
        }
        None => {}
    }
    let kept = fields.keys().filter(|name| *name != key).cloned().collect();
    let is_left = !fields.is_empty();
    let content = serde_json::to_string(&fields).map_err(|_| Failure::internal("the fields are not JSON"))?;
    Ok(Edited { content: is_left.then(|| Secret::new(content)), kept })
}

fn text_of(value: &Secret) -> Result<Box<RawValue>, Failure> {
    serde_json::value::to_raw_value(value.expose()).map_err(|_| Failure::internal("the value is not JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: Option<&str>, field: &str, value: Option<&str>) -> Result<String, String> {
        let secret = |text: &str| Secret::new(text.to_owned());
        let edited = edited(content, &Field::parse(field), value.map(secret).as_ref());
        match edited {
            Ok(edited) => Ok(edited.content.map_or("nothing".into(), |content| content.expose().to_owned())),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn other_fields_keep_their_text() {
        let before = r#"{"n":1.10,"big":12345678901234567890123,"a":"x","o":{"b": [1]}}"#;
        assert_eq!(
            of(Some(before), "a", Some("q\"\n")).unwrap(),
            r#"{"a":"q\"\n","big":12345678901234567890123,"n":1.10,"o":{"b": [1]}}"#
        );
        assert_eq!(
            of(Some(before), "a", None).unwrap(),
            r#"{"big":12345678901234567890123,"n":1.10,"o":{"b": [1]}}"#
        );
    }

    #[test]
    fn the_first_and_the_last_field_make_and_end_a_secret() {
        assert_eq!(of(None, "a", Some("x")).unwrap(), r#"{"a":"x"}"#);
        assert_eq!(of(Some(r#"{"a":"x"}"#), "a", None).unwrap(), "nothing");
        assert_eq!(of(Some("plain"), "", Some("other")).unwrap(), "other");
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        assert!(of(Some("plain"), "a", Some("x")).unwrap_err().contains("without fields"));
        assert!(of(Some("{}"), "a", None).unwrap_err().contains("no field a"));
        assert!(of(None, "/a/0", Some("x")).unwrap_err().contains("a part of a field"));
    }
}
