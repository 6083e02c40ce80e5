//! An access key: permanent, or temporary with a session token and an end.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use secretref_protocol::{Failure, Retry, Secret};
use serde::{Deserialize, Serialize};

/// An access key. It is not `Debug`, and has no character that a header cannot have: [`Keys::new`] makes it.
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) token: Option<Secret>,
    /// When it expires, if it does.
    pub(crate) expires: Option<SystemTime>,
}

/// A part of an access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Id,
    Secret,
    Token,
}

/// The text of a key in the session cache.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    secret: Cow<'a, str>,
    token: Option<Cow<'a, str>>,
    /// In seconds since the epoch.
    expires: Option<u64>,
}

impl Keys {
    /// Makes a key. An empty token is none.
    ///
    /// # Errors
    /// The part with a character that no key of AWS has, such as a line break, or without any.
    pub(crate) fn new(
        id: String,
        secret: Secret,
        token: Option<Secret>,
        expires: Option<SystemTime>,
    ) -> Result<Self, Part> {
        let token = token.filter(|token| !token.expose().is_empty());
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain(&id) {
            return Err(Part::Id);
        }
        if !is_plain(secret.expose()) {
            return Err(Part::Secret);
        }
        match &token {
            Some(token) if !is_plain(token.expose()) => Err(Part::Token),
            _ => Ok(Self { id, secret, token, expires }),
        }
    }

    /// Returns the text that restores the key in a later process.
    pub(crate) fn text(&self) -> Secret {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let kept = Kept {
            id: Cow::Borrowed(&self.id),
            secret: Cow::Borrowed(self.secret.expose()),
            token: self.token.as_ref().map(|token| Cow::Borrowed(token.expose())),
            expires: self.expires.map(seconds),
        };
        Secret::new(serde_json::to_string(&kept).unwrap_or_default())
    }

    /// Restores a key; `None` if the text is damaged.
    pub(crate) fn from_text(text: &Secret) -> Option<Self> {
        let kept: Kept<'_> = serde_json::from_str(text.expose()).ok()?;
        let end = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let expires = match kept.expires {
            Some(seconds) => Some(end(seconds)?),
            None => None,
        };
        let token = kept.token.map(|token| Secret::new(token.into_owned()));
        Self::new(kept.id.into_owned(), Secret::new(kept.secret.into_owned()), token, expires).ok()
    }

    /// Returns a second one.
    pub(crate) fn copy(&self) -> Self {
        let copy = |secret: &Secret| Secret::new(secret.expose().to_owned());
        Self {
            id: self.id.clone(),
            secret: copy(&self.secret),
            token: self.token.as_ref().map(copy),
            expires: self.expires,
        }
    }

    /// Returns how long it may be kept: as long as it is valid, and not at all if nothing says how long that is.
    pub(crate) fn kept_for(&self, now: SystemTime) -> Duration {
        self.expires.and_then(|end| end.duration_since(now).ok()).unwrap_or_default()
    }

    /// Returns it for the SDK, which wipes it and does not show it.
    pub(crate) fn for_sdk(&self) -> Credentials {
        let token = self.token.as_ref().map(|token| token.expose().to_owned());
        Credentials::new(self.id.clone(), self.secret.expose(), token, self.expires, "secretref")
    }

    /// Returns the text that tells keys apart.
    pub(crate) fn mark(&self) -> Secret {
        let token = self.token.as_ref().map_or("", Secret::expose);
        Secret::new(format!("{}\n{}\n{token}", self.id, self.secret.expose()))
    }
}

impl Part {
    /// Returns the failure for a key that a service has issued.
    pub(crate) fn issued(self, by: &str) -> Failure {
        Failure::unavailable(
            format!("{by} gives {self} with a character that no key of AWS has, or an empty one"),
            "check that it is a service of AWS, and the proxy in front of it",
        )
        .with_retry(Retry::No)
    }

    /// Returns the failure for a key that is written at `place`.
    pub(crate) fn written(self, place: &str) -> Failure {
        Failure::misconfigured(
            format!(
                "{self} in {place} has a character that no key of AWS has, such as a space or a line break"
            ),
            "write it again as AWS shows it, on one line",
        )
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "an access key id",
            Self::Secret => "a secret access key",
            Self::Token => "a session token",
        })
    }
}

/// Parses a time as AWS writes it in JSON, `2026-11-30T12:00:00Z`.
pub(crate) fn time(text: &str) -> Option<SystemTime> {
    SystemTime::try_from(DateTime::from_str(text, Format::DateTimeWithOffset).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_restored_from_its_text() {
        let key = |token: Option<&str>, expires| Keys {
            id: "AKIA1".into(),
            secret: Secret::new("a\"b".into()),
            token: token.map(|token| Secret::new(token.into())),
            expires,
        };
        let end = time("2026-11-30T12:00:00Z").unwrap();
        for keys in [key(None, None), key(Some("t"), Some(end))] {
            let restored = Keys::from_text(&keys.text()).unwrap();
            assert_eq!(restored.mark().expose(), keys.mark().expose());
            assert_eq!(restored.expires, keys.expires);
        }
        for damaged in [
            "damaged",
            r#"{"id":"AKIA1","secret":"s","token":null,"expires":18446744073709551615}"#,
            r#"{"id":"AKIA1","secret":"s","token":"a\nb","expires":1}"#,
            r#"{"id":"","secret":"s","token":null,"expires":null}"#,
        ] {
            assert!(Keys::from_text(&Secret::new(damaged.into())).is_none(), "{damaged}");
        }
        let minute = Duration::from_mins(1);
        assert_eq!(key(None, Some(end)).kept_for(end - minute), minute);
        assert_eq!(key(None, Some(end)).kept_for(end + minute), Duration::ZERO);
        assert_eq!(key(None, None).kept_for(end), Duration::ZERO);
    }

    #[test]
    fn a_key_has_no_character_that_a_header_cannot_have() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let of = |id: &str, key: &str, token: Option<&str>| {
            Keys::new(id.into(), secret(key), token.map(secret), None).map(|keys| keys.token.is_some())
        };
        assert_eq!(of("AKIA1", "a/+=", Some("t")), Ok(true));
        assert_eq!(of("AKIA1", "a/+=", Some("")), Ok(false));
        for bad in ["a\nb", "a b", "\u{7f}", "\u{e9}"] {
            assert_eq!(of(bad, "s", None), Err(Part::Id));
            assert_eq!(of("AKIA1", bad, None), Err(Part::Secret));
            assert_eq!(of("AKIA1", "s", Some(bad)), Err(Part::Token));
        }
        assert_eq!(of("", "s", None), Err(Part::Id));
    }

    #[test]
    fn times() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(time("2026-11-21T11:54:43Z"), at(1_795_262_083));
        assert_eq!(time("2026-11-21T11:54:43UTC"), None);
        assert_eq!(time("2026-11-21T12:54:43+01:00"), at(1_795_262_083));
    }
}
