//! What a credential looks like where something else was stored in its place. Pure.
//!
//! A server says of all of this only that it does not know the credential, and may lock the account after a few tries. So
//! nothing of it is sent.

use secretref_protocol::{Failure, Secret};

/// A credential and where it came from.
pub(super) type Found = (Secret, String);

/// Lets a credential through that is one word; `what` names it for a person.
pub(super) fn word((secret, origin): Found, what: &str) -> Result<Found, Failure> {
    match mistake(secret.expose()) {
        None => Ok((secret, origin)),
        Some(mistake) => Err(Failure::misconfigured(
            format!("the {what} of {origin} {mistake}, so it was not sent"),
            format!("write the {what} there and nothing else, on one line"),
        )),
    }
}

/// The same of a password, which can be any text but for the marks that an editor leaves.
pub(super) fn password((secret, origin): Found) -> Result<Found, Failure> {
    match mark(secret.expose()) {
        None => Ok((secret, origin)),
        Some(mistake) => Err(Failure::misconfigured(
            format!("the password of {origin} {mistake}, so it was not sent"),
            "save it as plain UTF-8, on one line",
        )),
    }
}

fn mistake(text: &str) -> Option<&'static str> {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’');
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let assigned = text.trim_start_matches("export ").split_once('=');
    let is_assigned = assigned.is_some_and(|(name, value)| {
        let name = name.trim();
        !value.is_empty() && name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(is_name)
    });
    if let Some(mark) = mark(text) {
        Some(mark)
    } else if text.starts_with(['{', '[']) {
        Some("is JSON")
    } else if text.starts_with(is_quote) || text.ends_with(is_quote) {
        Some("has quotes around it")
    } else if is_assigned {
        Some("has the name of a variable before it (NAME=…)")
    } else if text.contains(char::is_whitespace) {
        Some("has white space in it")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("has characters in it that no credential has")
    } else {
        None
    }
}

/// What editors and shells of some systems put before a text.
fn mark(text: &str) -> Option<&'static str> {
    if text.starts_with('\u{feff}') {
        Some("begins with a byte order mark")
    } else if text.contains('\0') {
        Some("has NUL bytes in it, as UTF-16 has")
    } else if text.contains(['\n', '\r']) {
        Some("has several lines")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_credential_is_known_by_its_shape() {
        for (text, words) in [
            ("hvs.CAESIJ-x_y", None),
            ("s.vp9LuD4zW4wKEExef1V55UDI", None),
            ("root", None),
            ("a9f9ad84-0f4c-4f5d-8b8c-1b1f0f6c9d9e", None),
            ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", None),
            // A token with an id of its own can have nearly any character.
            ("my=token", None),
            ("{\"auth\":{\"client_token\":\"s.x\"}}", Some("is JSON")),
            ("[\"s.x\"]", Some("is JSON")),
            ("\"s.x\"", Some("quotes")),
            ("'s.x'", Some("quotes")),
            ("“s.x”", Some("quotes")),
            ("VAULT_TOKEN=s.x", Some("name of a variable")),
            ("export VAULT_TOKEN=s.x", Some("name of a variable")),
            ("VAULT_TOKEN = \"s.x", Some("name of a variable")),
            ("\u{feff}s.x", Some("byte order mark")),
            ("s\0.\0x\0", Some("UTF-16")),
            ("token  s.x\npolicies  [default]", Some("several lines")),
            ("token: s.x", Some("white space")),
            ("Bearer s.x", Some("white space")),
            ("s.ü", Some("characters")),
        ] {
            let said = mistake(text);
            assert_eq!(said.is_some(), words.is_some(), "{text}: {said:?}");
            assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{text}: {said:?}");
        }
    }

    #[test]
    fn a_password_can_have_any_character() {
        for text in ["pass \"word\\", "{}", "A=b", "pässword", " "] {
            assert!(password((Secret::new(text.into()), "here".into())).is_ok(), "{text}");
        }
        let marked = password((Secret::new("\u{feff}password".into()), "here".into())).err().unwrap();
        assert!(marked.what().contains("byte order mark") && !marked.what().contains("password\u{feff}"));
    }
}
