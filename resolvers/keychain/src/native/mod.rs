//! The keychains of macOS and Windows: a thin layer over keyring, which calls the system.

mod classify;
#[cfg(target_os = "macos")]
mod macos;

use std::collections::HashMap;

use keyring_core::Entry;
#[cfg(target_os = "macos")]
use secretref_protocol::Lock;
use secretref_protocol::{Document, Failure, Listing, Secret};

use crate::entry::listed;
use crate::locator::Locator;
use classify::classify;

/// The keychain of the system. It opens no window while this process lives, not even for a change: the deadline of a
/// command is sooner than a person's answer.
pub(crate) struct Native;

impl Native {
    /// Its name in the setting `store`.
    pub(crate) const NAME: &str = if cfg!(target_os = "windows") { "windows" } else { "macos" };

    /// Opens the system's own store.
    #[cfg(any(target_os = "macos", target_os = "windows"))]
    pub(crate) fn open() -> Result<Self, Failure> {
        #[cfg(target_os = "macos")]
        macos::open_no_window()?;
        keyring::Entry::store_status().as_ref().map_err(|error| classify(error, &"the keychain"))?;
        Ok(Self)
    }

    /// Reads an entry as text in the system's encoding, which other programs use too: UTF-8 on macOS, UTF-16 on Windows.
    pub(crate) fn read(&self, locator: &Locator) -> Result<Document, Failure> {
        let text = self.entry(locator)?.get_password().map_err(|error| classify(&error, locator))?;
        Ok(Document::text(Secret::new(text)))
    }

    pub(crate) fn write(&self, locator: &Locator, content: &Secret) -> Result<(), Failure> {
        self.entry(locator)?.set_password(content.expose()).map_err(|error| classify(&error, locator))
    }

    pub(crate) fn delete(&self, locator: &Locator) -> Result<(), Failure> {
        self.entry(locator)?.delete_credential().map_err(|error| classify(&error, locator))
    }

    /// Unlocks the keychain, or asks for its password: the system does not say whether it is locked.
    #[cfg(target_os = "macos")]
    #[expect(clippy::unused_self, reason = "the keychain may only be used while no window can open")]
    pub(crate) fn unlock(&self, _: Option<&Locator>, password: Option<&Secret>) -> Result<Lock, Failure> {
        match password {
            None => Ok(Lock::Closed("the keychain".to_owned())),
            Some(password) => macos::unlock(password.expose()).map(Lock::Open),
        }
    }

    /// Lists every entry that has a service and an account, which keyring needs. Those of `service` are listed by account.
    #[expect(clippy::unused_self, reason = "the keychain may only be used while no window can open")]
    pub(crate) fn list(&self, service: &str) -> Result<Listing, Failure> {
        let found = Entry::search(&HashMap::new()).map_err(|error| classify(&error, &"the keychain"))?;
        let pairs = found.iter().filter_map(Entry::get_specifiers);
        let whole = pairs.filter(|(of, account)| !of.is_empty() && !account.is_empty());
        let found = whole.map(|(of, account)| listed(service, &of, &account)).collect();
        Ok(Listing { found, unread: Vec::new() })
    }

    #[expect(clippy::unused_self, reason = "the keychain may only be used while no window can open")]
    fn entry(&self, locator: &Locator) -> Result<Entry, Failure> {
        let (service, account) = locator.pair(Self::NAME)?;
        Entry::new(service, account).map_err(|error| classify(&error, locator))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use secretref_protocol::Name;

    use super::*;

    fn locator(account: &str) -> Locator {
        Locator::from_name(&Name { name: account.into(), ..Name::default() }, "openclaw").unwrap().0
    }

    /// Uses keyring's store in memory instead of the system's.
    #[test]
    fn what_is_written_is_read_and_deleted() {
        keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
        let native = Native;
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
}
