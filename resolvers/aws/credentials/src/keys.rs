//! An access key: permanent, or temporary with a session token and an end.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use secretref_protocol::Secret;
use serde::{Deserialize, Serialize};

/// An access key. It is not `Debug`.
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) token: Option<Secret>,
    /// When it expires, if it does.
    pub(crate) expires: Option<SystemTime>,
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
        Some(Self {
            id: kept.id.into_owned(),
            secret: Secret::new(kept.secret.into_owned()),
            token: kept.token.map(|token| Secret::new(token.into_owned())),
            expires: kept.expires.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
        })
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
        assert!(Keys::from_text(&Secret::new("damaged".into())).is_none());
        let minute = Duration::from_mins(1);
        assert_eq!(key(None, Some(end)).kept_for(end - minute), minute);
        assert_eq!(key(None, Some(end)).kept_for(end + minute), Duration::ZERO);
        assert_eq!(key(None, None).kept_for(end), Duration::ZERO);
    }

    #[test]
    fn times() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(time("2026-11-21T11:54:43Z"), at(1_795_262_083));
        assert_eq!(time("2026-11-21T11:54:43UTC"), None);
        assert_eq!(time("2026-11-21T12:54:43+01:00"), at(1_795_262_083));
    }
}
