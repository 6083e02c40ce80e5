//! The keychain of macOS and that of Windows: one thin piece over keyring, which asks the system.

use std::collections::HashMap;

use keyring_core::{Entry, Error};
use secretref_protocol::{Document, Failure, Kind, Listing, Secret};

use crate::entry::listed;
use crate::locator::Locator;

/// The keychain of the system.
pub(crate) struct Native {
    /// As long as this is held, the system opens no window of its own.
    #[cfg(target_os = "macos")]
    _quiet: security_framework::os::macos::keychain::KeychainUserInteractionLock,
}

impl Native {
    /// What `store` calls it.
    pub(crate) const NAME: &str = if cfg!(target_os = "windows") { "windows" } else { "macos" };

    /// Has keyring open the system's own store.
    #[cfg(any(target_os = "macos", target_os = "windows"))]
    pub(crate) fn open() -> Result<Self, Failure> {
        keyring::Entry::store_status().as_ref().map_err(|error| verdict(error, &"the keychain"))?;
        #[cfg(target_os = "macos")]
        let quiet = security_framework::os::macos::keychain::SecKeychain::disable_user_interaction();
        Ok(Self {
            #[cfg(target_os = "macos")]
            _quiet: quiet.map_err(|_| {
                let what = "the system could not be told to open no window";
                Failure::new(Kind::Unavailable, what, "see whether the keychain works in Keychain Access")
            })?,
        })
    }

    pub(crate) fn read(&self, locator: &Locator) -> Result<Document, Failure> {
        let bytes = self.entry(locator)?.get_secret().map_err(|error| verdict(&error, locator))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::invalid_value(
                format!("the value of {locator} is not UTF-8 text"),
                "store it anew, binary data as base64",
            )
        })?;
        Ok(Document::text(Secret::new(text)))
    }

    pub(crate) fn write(&self, locator: &Locator, content: &Secret) -> Result<(), Failure> {
        let written = self.entry(locator)?.set_secret(content.expose().as_bytes());
        written.map_err(|error| verdict(&error, locator))
    }

    pub(crate) fn delete(&self, locator: &Locator) -> Result<(), Failure> {
        self.entry(locator)?.delete_credential().map_err(|error| verdict(&error, locator))
    }

    /// Every entry, those of `service` by their account alone.
    #[expect(clippy::unused_self, reason = "a keychain is only to be asked while no window opens")]
    pub(crate) fn list(&self, service: &str) -> Result<Listing, Failure> {
        let found = Entry::search(&HashMap::new()).map_err(|error| verdict(&error, &"the keychain"))?;
        let pairs = found.iter().filter_map(Entry::get_specifiers);
        let found = pairs.map(|(of, account)| listed(service, &of, &account)).collect();
        Ok(Listing { found, unread: Vec::new() })
    }

    #[expect(clippy::unused_self, reason = "an entry is only to be had while no window opens")]
    fn entry(&self, locator: &Locator) -> Result<Entry, Failure> {
        let (service, account) = locator.pair(Self::NAME)?;
        Entry::new(service, account).map_err(|error| verdict(&error, locator))
    }
}

/// What an error of keyring means. Pure.
fn verdict(error: &Error, what: &dyn std::fmt::Display) -> Failure {
    match error {
        Error::NoEntry => Failure::not_found(
            format!("there is no entry {what} in the keychain"),
            "check service and account, or see what there is with `list`",
        ),
        Error::Ambiguous(_) => Failure::new(
            Kind::Ambiguous,
            format!("several entries of the keychain answer to {what}"),
            "delete all but one",
        ),
        Error::TooLong(part, limit) => Failure::invalid_value(
            format!("{what}: the {part} is longer than the {limit} that the system keeps"),
            "store something shorter",
        ),
        Error::Invalid(part, _) => Failure::invalid_id(
            format!("{what}: the system takes no such {part}"),
            "name the entry in another way",
        ),
        Error::NotSupportedByStore(_) => Failure::misconfigured(
            "the keychain of this system cannot do that",
            "use the system's own program",
        ),
        Error::NoStorageAccess(_) | Error::NoDefaultStore => Failure::new(
            Kind::Unavailable,
            "this process may not use the keychain of the system",
            "run it in the session of the user whose keychain it is",
        ),
        Error::PlatformFailure(error) if is_quiet(error.as_ref()) => Failure::new(
            Kind::Unavailable,
            format!("the keychain that has {what} is locked, or would ask a person first"),
            "unlock it (security unlock-keychain), and let this program always read the entry",
        ),
        _ => Failure::new(
            Kind::Unavailable,
            format!("the system could not do it with {what}"),
            "see whether the keychain works in the system's own program",
        ),
    }
}

/// Whether a window would have been opened (`errSecInteractionNotAllowed`, `errSecAuthFailed`).
#[cfg(target_os = "macos")]
fn is_quiet(error: &(dyn std::error::Error + 'static)) -> bool {
    let code = error.downcast_ref::<security_framework::base::Error>().map(|error| error.code());
    matches!(code, Some(-25308 | -25293))
}

#[cfg(not(target_os = "macos"))]
fn is_quiet(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use secretref_protocol::Name;

    use super::*;

    fn locator(account: &str) -> Locator {
        Locator::of(&Name { name: account.into(), ..Name::default() }, "openclaw").unwrap().0
    }

    /// keyring's own store in memory takes the place of the system's.
    #[test]
    fn what_is_written_is_read_and_deleted() {
        keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
        let native = Native {};
        let code = |failure: Failure| failure.kind().code();
        assert_eq!(native.read(&locator("a")).map_err(code).err(), Some("NOT_FOUND"));
        native.write(&locator("a"), &Secret::new("value-a".into())).unwrap();
        assert!(native.read(&locator("a")).is_ok());
        let entry = Entry::new("openclaw", "a").unwrap();
        assert_eq!(entry.get_secret().unwrap(), b"value-a");
        entry.set_secret(b"\xff").unwrap();
        assert_eq!(native.read(&locator("a")).map_err(code).err(), Some("INVALID_VALUE"));
        let ids: Vec<_> =
            native.list("openclaw").unwrap().found.into_iter().map(|listed| listed.id).collect();
        assert_eq!(ids, ["a"]);
        native.delete(&locator("a")).unwrap();
        assert_eq!(native.delete(&locator("a")).map_err(code).err(), Some("NOT_FOUND"));
    }

    #[test]
    fn each_error_of_keyring_has_its_own_words() {
        let broken = || -> Box<dyn std::error::Error + Send + Sync> { "secret text of the system".into() };
        for (error, kind) in [
            (Error::NoEntry, Kind::NotFound),
            (Error::Ambiguous(Vec::new()), Kind::Ambiguous),
            (Error::NoStorageAccess(broken()), Kind::Unavailable),
            (Error::PlatformFailure(broken()), Kind::Unavailable),
            (Error::TooLong("user".into(), 512), Kind::InvalidValue),
            (Error::Invalid("user".into(), "empty".into()), Kind::InvalidId),
            (Error::NoDefaultStore, Kind::Unavailable),
        ] {
            let failure = verdict(&error, &"s/a");
            assert_eq!(failure.kind(), kind, "{error}");
            assert!(!failure.to_string().contains("secret text"), "{failure}");
        }
    }
}
