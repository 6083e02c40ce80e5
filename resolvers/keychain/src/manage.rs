//! The commands of a person: list, write and delete entries.

use secretref_protocol::{Failure, Listing, Lock, Manage, Metadata, Secret, Unlock};

#[cfg(any(target_os = "macos", target_os = "windows"))]
use crate::entry::NOTHING_KEPT;
use crate::entry::{changed, listed};
use crate::file::Contents;
use crate::keychain::{Keychain, Open};
use crate::locator::Locator;
use crate::systemd;

impl Manage for Keychain {
    const ASKED: &'static [&'static str] = &["store", "service"];

    const UNLOCK: Option<Unlock<Self>> =
        Some(|keychain, open, locator, password| Box::pin(keychain.unlock(open, locator, password)));

    /// The account of an entry under the `service` of the settings, so that the new entries are together in a keychain.
    fn new_id(path: &[String]) -> String {
        path.join(".")
    }

    async fn list(&self, open: &Open, prefix: &str) -> Result<Listing, Failure> {
        let mut listing = match open {
            #[cfg(target_os = "linux")]
            Open::SecretService(service) => service.list(&self.service).await?,
            #[cfg(any(target_os = "macos", target_os = "windows"))]
            Open::Native(native) => native.list(&self.service)?,
            Open::File(files) => {
                let contents = files.read()?;
                let listed = |(service, account)| listed(&self.service, service, account);
                Listing { found: contents.names().map(listed).collect(), unread: Vec::new() }
            }
            Open::Systemd(folder) => Listing { found: systemd::list(folder)?, unread: Vec::new() },
        };
        listing.found.retain(|listed| listed.id.starts_with(prefix));
        Ok(listing)
    }

    async fn put(
        &self,
        open: &Open,
        locator: &Locator,
        content: &Secret,
        over: Option<&Metadata>,
    ) -> Result<Option<String>, Failure> {
        match open {
            #[cfg(target_os = "linux")]
            Open::SecretService(service) => service.put(locator, content, over.is_some()).await,
            #[cfg(any(target_os = "macos", target_os = "windows"))]
            Open::Native(native) => native.write(locator, content),
            Open::File(files) => files.change(|contents| {
                let (service, account) = locator.pair("file")?;
                if version(contents, service, account) != over.and_then(|over| over.version.clone()) {
                    return Err(changed(locator));
                }
                contents.set(service, account, Secret::new(content.expose().to_owned()));
                Ok(())
            }),
            Open::Systemd(_) => Err(read_only()),
        }
        .map(|()| None)
    }

    #[cfg_attr(
        not(target_os = "linux"),
        expect(unused_variables, reason = "only the Secret Service has one")
    )]
    async fn caution(&self, open: &Open, locator: &Locator) -> Option<String> {
        match open {
            #[cfg(target_os = "linux")]
            Open::SecretService(service) => service.caution(locator).await,
            _ => None,
        }
    }

    async fn delete(&self, open: &Open, locator: &Locator, over: &Metadata) -> Result<String, Failure> {
        let kept = match open {
            #[cfg(target_os = "linux")]
            Open::SecretService(service) => service.delete(locator).await?,
            #[cfg(any(target_os = "macos", target_os = "windows"))]
            Open::Native(native) => native.delete(locator).map(|()| NOTHING_KEPT)?,
            Open::File(files) => {
                files.change(|contents| {
                    let (service, account) = locator.pair("file")?;
                    if version(contents, service, account) != over.version {
                        return Err(changed(locator));
                    }
                    contents.remove(service, account).map(drop).ok_or_else(|| changed(locator))
                })?;
                "store.age.last has it, encrypted, until the next change"
            }
            Open::Systemd(_) => return Err(read_only()),
        };
        Ok(kept.to_owned())
    }
}

impl Keychain {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(clippy::unused_async, reason = "only the Secret Service waits")
    )]
    async fn unlock(
        &self,
        open: &Open,
        locator: Option<&Locator>,
        password: Option<&Secret>,
    ) -> Result<Lock, Failure> {
        match open {
            #[cfg(target_os = "linux")]
            Open::SecretService(service) => service.unlock(locator, password).await,
            #[cfg(target_os = "macos")]
            Open::Native(native) => native.unlock(locator, password),
            _ => Err(Failure::misconfigured(
                "this store has no password and cannot be unlocked",
                "run `doctor` to see what is wrong",
            )),
        }
    }
}

fn version(contents: &Contents, service: &str, account: &str) -> Option<String> {
    contents.version(service, account).map(|version| version.to_string())
}

fn read_only() -> Failure {
    Failure::misconfigured(
        "systemd's credentials cannot be changed with this program",
        "write them with systemd-creds, and restart the unit",
    )
}
