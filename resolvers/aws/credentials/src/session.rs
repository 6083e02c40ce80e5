//! Credentials in use.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use secretref_protocol::Secret;

use crate::keys::Keys;

/// Credentials in use. It is not `Debug`.
pub struct Session {
    pub(crate) keys: Keys,
    /// Their text in the session cache, if they are of a kind that is kept.
    pub(crate) held: Option<Secret>,
    pub(crate) age: Option<Duration>,
    pub(crate) origin: String,
    pub(crate) secret_place: Option<String>,
}

impl Session {
    /// Returns the credentials for the SDK.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.keys.for_sdk()
    }

    /// Returns where they are from, for a person.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns where to correct the secret access key, if it is written somewhere.
    #[must_use]
    pub fn secret_place(&self) -> Option<&str> {
        self.secret_place.as_deref()
    }

    /// Returns when they expire, if they do.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.keys.expires
    }

    /// Whether they are from the session cache and at least that old: then a refusal may be due to their age.
    #[must_use]
    pub fn is_kept_for(&self, age: Duration) -> bool {
        self.age.is_some_and(|kept| kept >= age)
    }
}
