//! Recognises text that is not a credential. Pure.
//!
//! The server would only say that it does not know the credential, and may lock the account after a few tries. So such text
//! is not sent.

use secretref_protocol::{Failure, Secret};

/// A credential and its source.
pub(super) type Found = (Secret, String);

/// Accepts a credential that is one word. `what` names it in the message.
pub(super) fn word(found: Found, what: &str) -> Result<Found, Failure> {
    checked(found, what, no_word)
}

/// Accepts a password, which can be any text without the marks that an editor leaves.
pub(super) fn password((secret, origin): Found) -> Result<Found, Failure> {
    match mark(secret.expose()) {
        None => Ok((secret, origin)),
        Some(mistake) => Err(Failure::misconfigured(
            format!("the password from {origin} {mistake}, so it was not sent"),
            "save it as plain UTF-8, on one line",
        )),
    }
}

/// Accepts a secret id. An operator can choose it and it is sent in a JSON body, so it can have white space and any letter.
pub(super) fn secret_id(found: Found) -> Result<Found, Failure> {
    checked(found, "secret id", mistake)
}

fn checked(
    (secret, origin): Found,
    what: &str,
    mistake: fn(&str) -> Option<&'static str>,
) -> Result<Found, Failure> {
    match mistake(secret.expose()) {
        None => Ok((secret, origin)),
        Some(mistake) => Err(Failure::misconfigured(
            format!("the {what} from {origin} {mistake}, so it was not sent"),
            format!("write only the {what} there, on one line"),
        )),
    }
}

/// The mistake in a credential that is sent as a header.
fn no_word(text: &str) -> Option<&'static str> {
    if let Some(mistake) = mistake(text) {
        Some(mistake)
    } else if text.contains(char::is_whitespace) {
        Some("contains white space")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("contains invalid characters")
    } else {
        None
    }
}

fn mistake(text: &str) -> Option<&'static str> {
    let is_around =
        |(first, last): &(char, char)| text.strip_prefix(*first).is_some_and(|rest| rest.ends_with(*last));
    if let Some(mark) = mark(text) {
        Some(mark)
    } else if [('{', '}'), ('[', ']')].iter().any(is_around) {
        Some("is JSON")
    } else if QUOTES.iter().any(is_around) {
        Some("has quotes around it")
    } else if is_assigned(text) {
        Some("begins with the name of a variable (NAME=…)")
    } else {
        None
    }
}

const QUOTES: [(char, char); 5] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’')];

/// Whether it is `NAME=value`. The name has a `_`, as each variable that holds a credential has: a credential in base64 can
/// have a `=` too, at its end.
fn is_assigned(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let assigned = text.strip_prefix("export ").unwrap_or(text).split_once('=');
    assigned.is_some_and(|(name, value)| {
        let name = name.trim();
        name.contains('_') && name.chars().all(is_name) && !value.trim_matches('=').is_empty()
    })
}

/// The marks that some editors and shells leave in a text.
fn mark(text: &str) -> Option<&'static str> {
    if text.starts_with('\u{feff}') {
        Some("begins with a byte order mark")
    } else if text.contains('\0') {
        Some("contains NUL bytes, as UTF-16 does")
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
            ("TOKEN=x", None),
            ("QUJDRA==", None),
            ("{s.x", None),
            ("s.x'", None),
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
            let said = no_word(text);
            assert_eq!(said.is_some(), words.is_some(), "{text}: {said:?}");
            assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{text}: {said:?}");
        }
    }

    #[test]
    fn a_secret_id_can_be_chosen() {
        for text in ["correct horse battery", "QUJDRA==", "abc'def'", "[abc", "pässword", "Ab_c=d"] {
            assert!(secret_id((Secret::new(text.into()), "here".into())).is_ok(), "{text}");
        }
        for text in ["{\"secret_id\":\"x\"}", "\"x\"", "VAULT_SECRET_ID=x", "\u{feff}x", "x\0"] {
            assert!(secret_id((Secret::new(text.into()), "here".into())).is_err(), "{text}");
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
