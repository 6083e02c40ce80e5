//! The value of one setting, parsed from a flag, a variable or a profile.

use std::time::Duration;

use crate::failure::Failure;
use crate::profile;
use crate::store::{Kind, Setting, nearest};
use crate::text::quote;

/// The value of one setting.
pub(super) enum Value {
    Text(String),
    Duration(Duration),
    Size(usize),
    Switch(bool),
    List(Vec<String>),
}

impl Value {
    pub(super) fn from_texts(setting: &Setting, texts: &[String]) -> Result<Self, Failure> {
        let flag = setting.flag();
        match (setting.kind, texts) {
            (Kind::List, texts) => Self::of_list(&flag, texts.to_vec()),
            (Kind::Switch, []) => Ok(Self::Switch(true)),
            (_, [.., text]) => Self::from_text(setting, &flag, text.clone()),
            (_, []) => Err(Failure::misconfigured(format!("`{flag}` has no value"), "write one after it")),
        }
    }

    /// Parses a value. `place` names the flag, the variable or the key that it was written for.
    pub(super) fn from_text(setting: &Setting, place: &str, text: String) -> Result<Self, Failure> {
        let refuse = |expected: String, remedy: String| {
            Err(Failure::misconfigured(format!("`{place}` is not {expected}"), remedy))
        };
        let wrong = |expected: &str, example: &str| refuse(expected.to_owned(), format!("write {example}"));
        if is_blank(&text) {
            return Err(empty(place));
        }
        match setting.kind {
            Kind::Text | Kind::Path | Kind::Secret(_) => Ok(Self::Text(text)),
            Kind::Choice(words) if words.contains(&text.as_str()) => Ok(Self::Text(text)),
            Kind::Choice(words) => {
                let meant = nearest(&text, words.iter().copied());
                let remedy = meant.map_or_else(
                    || "write one of these".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                refuse(format!("one of {}", words.join(", ")), remedy)
            }
            Kind::Duration => match duration(&text) {
                Some(duration) => Ok(Self::Duration(duration)),
                None => wrong("a duration between 1ms and 120s", "4s or 1500ms, for example"),
            },
            Kind::Size => match size(&text) {
                Some(size) => Ok(Self::Size(size)),
                None => wrong("a size of at least 1KiB", "65536, 512KiB or 1MiB, for example"),
            },
            Kind::Switch => match text.as_str() {
                // The words that Go's tools take, such as Vault's own.
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Self::Switch(true)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Self::Switch(false)),
                _ => wrong("true or false", "true or false"),
            },
            Kind::List => Self::of_list(place, vec![text]),
        }
    }

    fn of_list(place: &str, texts: Vec<String>) -> Result<Self, Failure> {
        if texts.iter().any(|text| is_blank(text)) { Err(empty(place)) } else { Ok(Self::List(texts)) }
    }

    pub(super) fn from_toml(setting: &Setting, value: toml::Value) -> Result<Self, Failure> {
        let key = setting.key;
        let (expected, example) = match setting.kind {
            Kind::List => ("a list of strings", format!("{key} = [\"…\", \"…\"]")),
            Kind::Switch => ("true or false", format!("{key} = true or {key} = false, without quotes")),
            Kind::Size => ("a number of bytes or a string", format!("{key} = \"1MiB\", for example")),
            Kind::Duration => ("a string", format!("{key} = \"4s\", for example")),
            _ => ("a string", format!("{key} = \"…\", with quotes")),
        };
        let wrong = || {
            Failure::misconfigured(
                format!("`{key}` in the profile is not {expected}"),
                format!("write {example}"),
            )
        };
        match (setting.kind, value) {
            (Kind::List, toml::Value::Array(items)) => {
                Self::of_list(setting.key, profile::strings(items).ok_or_else(wrong)?)
            }
            (Kind::Switch, toml::Value::Boolean(on)) => Ok(Self::Switch(on)),
            (Kind::Switch | Kind::List, _) => Err(wrong()),
            (Kind::Size, toml::Value::Integer(bytes)) => {
                Self::from_text(setting, setting.key, bytes.to_string())
            }
            // A number instead of a text, such as `kv_version = 2`.
            (Kind::Choice(_), toml::Value::Integer(number)) => {
                Self::from_text(setting, setting.key, number.to_string())
            }
            (_, toml::Value::String(text)) => Self::from_text(setting, setting.key, text),
            _ => Err(wrong()),
        }
    }
}

impl Value {
    /// Returns the value as it is written in a profile.
    pub(super) fn toml(&self, setting: &Setting) -> Result<String, Failure> {
        match self {
            Self::Text(text) if setting.kind == Kind::Path && !text.starts_with("~/") => {
                let path = std::path::absolute(text).map(|path| path.display().to_string());
                quoted(setting.key, path.as_ref().unwrap_or(text))
            }
            Self::Text(text) => quoted(setting.key, text),
            Self::Duration(duration) if duration.subsec_millis() == 0 => {
                Ok(format!("\"{}s\"", duration.as_secs()))
            }
            Self::Duration(duration) => Ok(format!("\"{}ms\"", duration.as_millis())),
            Self::Size(bytes) => Ok(bytes.to_string()),
            Self::Switch(on) => Ok(on.to_string()),
            Self::List(texts) => {
                let texts: Vec<_> =
                    texts.iter().map(|text| quoted(setting.key, text)).collect::<Result<_, _>>()?;
                Ok(format!("[{}]", texts.join(", ")))
            }
        }
    }
}

/// Returns a text as a string of TOML. A string of JSON is one, if it has no control characters.
fn quoted(key: &str, text: &str) -> Result<String, Failure> {
    if text.chars().any(char::is_control) {
        return Err(Failure::misconfigured(format!("`{key}` has a control character"), "correct the value"));
    }
    Ok(quote(text))
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Returns the failure of an empty text, which no setting takes: a server would refuse an empty `role_id`, and a message
/// would blame the server.
fn empty(place: &str) -> Failure {
    Failure::misconfigured(format!("`{place}` is empty"), "write its value, or remove it")
}

/// Parses `4s` or `1500ms`: from 1 ms to 120 s, the most that a gateway allows.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let millis = match text.strip_suffix("ms") {
        Some(number) => number.parse::<u64>().ok()?,
        None => text.strip_suffix('s')?.parse::<u64>().ok()?.checked_mul(1000)?,
    };
    (1..=120_000).contains(&millis).then(|| Duration::from_millis(millis))
}

/// Parses `65536`, `512KiB` or `1MiB` as a number of bytes, at least 1 KiB.
fn size(text: &str) -> Option<usize> {
    let (number, unit) = [("KiB", 1024), ("MiB", 1 << 20)]
        .into_iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))
        .unwrap_or((text, 1));
    let bytes = number.trim().parse::<usize>().ok()?.checked_mul(unit)?;
    (bytes >= 1024).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For every kind of setting, in a flag and in a profile.
    #[test]
    fn an_empty_text_is_no_value() {
        let kinds = [
            Kind::Text,
            Kind::Path,
            Kind::Choice(&["a"]),
            Kind::Duration,
            Kind::Size,
            Kind::Switch,
            Kind::List,
            Kind::Secret("x"),
        ];
        for (kind, text) in kinds.into_iter().flat_map(|kind| [(kind, ""), (kind, " \t")]) {
            let mut setting = Setting::text("a_key", "").row();
            setting.kind = kind;
            let toml = match kind {
                Kind::List => toml::Value::Array(vec![toml::Value::String(text.into())]),
                _ => toml::Value::String(text.into()),
            };
            let flag = Value::from_texts(&setting, &[text.to_owned()]).err().unwrap();
            assert_eq!(flag.what(), "`--a-key` is empty", "{kind:?}");
            // A switch in a profile is not a text.
            let profile = Value::from_toml(&setting, toml).err().unwrap();
            assert!(kind == Kind::Switch || profile.what() == "`a_key` is empty", "{kind:?}");
        }
    }
}
