//! The files of GNOME Keyring. The file of a keychain without a password is clear text, which cannot hold every value: a
//! value of several lines loses all entries at the next start. GNOME Keyring ignores a file that it cannot read.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use secretref_protocol::{Failure, Secret};
use zbus::OwnedObjectPath;

use super::bus::unescaped;
use super::{PATH, SERVICE, Service, value_of};
use crate::locator::{Locator, keychain_of};

/// The first bytes of a file in clear text.
const CLEAR: &[u8] = b"[keyring]";

impl Service {
    /// Fails if the file of a keychain cannot hold a value.
    pub(super) async fn can_hold(&self, collection: &OwnedObjectPath, value: &Secret) -> Result<(), Failure> {
        if holds(value.expose()) || self.clear_text(collection).await.is_none() {
            return Ok(());
        }
        let keychain = keychain_of(collection);
        Err(Failure::invalid_value(
            format!(
                "the keychain {keychain} has no password, and its file of clear text cannot hold this value: it has \
                 several lines or a backslash, or begins with a space"
            ),
            "give the keychain a password (in Passwords and Keys, or seahorse), or use store = \"file\"",
        )
        .changed_nothing())
    }

    /// Returns what a person should know about the keychain of an entry.
    pub(crate) async fn caution(&self, locator: &Locator) -> Option<String> {
        let found = self.find(locator).await.ok()?;
        self.clear_text(&collection_of(found.entries().next()?)?).await
    }

    /// Returns the warning that a keychain is in clear text, if it is.
    pub(super) async fn clear_text(&self, collection: &OwnedObjectPath) -> Option<String> {
        let file = self.keyrings().await?.join(file_of(collection)?);
        let mut start = [0; CLEAR.len()];
        std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut start)).ok()?;
        let keychain = keychain_of(collection);
        (start == CLEAR)
            .then(|| format!("the keychain {keychain} has no password: its file keeps values in clear text"))
    }

    /// Fails if the file of a keychain is missing. gnome-keyring notices this only after a while.
    pub(super) async fn has_file(&self, collection: &OwnedObjectPath) -> Result<(), Failure> {
        let (Some(folder), Some(file)) = (self.keyrings().await, file_of(collection)) else { return Ok(()) };
        let file = folder.join(file);
        match file.try_exists() {
            Ok(false) => Err(missing(&file)),
            // A folder that this user may not look into says nothing.
            Ok(true) | Err(_) => Ok(()),
        }
    }

    /// Unlocks each keychain that has no password, and returns whether there was one. gnome-keyring locks it at its start,
    /// and unlocks it for any client, without a window.
    pub(super) async fn open_without_password(&self) -> bool {
        let mut is_any = false;
        for collection in self.collections().await.unwrap_or_default() {
            if collection.is_locked && self.clear_text(&collection.path).await.is_some() {
                let nothing = Secret::new(String::new());
                is_any |= self.try_password(&collection.path, &nothing).await.is_ok();
            }
        }
        is_any
    }

    /// Returns the failure that there is no default keychain.
    pub(super) async fn no_default(&self) -> Failure {
        match self.unread_file().await {
            Some(file) => unread(&file),
            None => super::classify::no_default(),
        }
    }

    /// Returns a file that gnome-keyring has not read, because it is damaged.
    pub(super) async fn unread_file(&self) -> Option<PathBuf> {
        let folder = self.keyrings().await?;
        let collections = self.property(&PATH, SERVICE, "Collections").await;
        let collections: Vec<OwnedObjectPath> = value_of(&collections.ok()?).ok()?;
        let read: Vec<_> = collections.iter().filter_map(file_of).collect();
        let files = std::fs::read_dir(folder).ok()?.flatten().map(|file| file.path());
        let is_unread = |file: &PathBuf| {
            file.extension() == Some(OsStr::new("keyring"))
                && file.file_name().is_some_and(|name| !read.iter().any(|read| read == name))
        };
        files.filter(is_unread).min()
    }

    /// Returns the folder of gnome-keyring's files, if it is the keychain provider.
    async fn keyrings(&self) -> Option<PathBuf> {
        let process = self.process().await.ok()?;
        if !super::inspect::program(process)?.starts_with("gnome-keyring") {
            return None;
        }
        // If the daemon has capabilities, its environment cannot be read. Its home is then the user's.
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let variable = |name: &str| {
            let mut pairs = environment.split(|byte| *byte == 0);
            pairs
                .find_map(|pair| pair.strip_prefix(name.as_bytes()))
                .map(|value| Path::new(OsStr::from_bytes(value)))
        };
        let data = || {
            let home = variable("HOME=").map(Path::to_owned).or_else(|| self.home.find().ok())?;
            Some(home.join(".local/share"))
        };
        Some(variable("XDG_DATA_HOME=").map(Path::to_owned).or_else(data)?.join("keyrings"))
    }
}

/// The failure if the file of a keychain is damaged.
fn unread(file: &Path) -> Failure {
    let file = file.display();
    Failure::misconfigured(
        format!("the provider has no default keychain, and has not read {file}: that file is damaged"),
        format!(
            "copy {file} to another place first; then restore a backup of it, or repair it in an editor if it \
             begins with [keyring] (each value on one line), and restart gnome-keyring-daemon"
        ),
    )
}

/// The failure if the file of the default keychain is missing.
fn missing(file: &Path) -> Failure {
    Failure::misconfigured(
        format!(
            "the file of the default keychain, {}, is missing: the provider will soon have no default keychain",
            file.display()
        ),
        "restore a backup of the file, and restart gnome-keyring-daemon; or run `unlock`, which creates a new keychain, \
         and `set` each entry again",
    )
}

/// Returns the collection of an entry.
pub(super) fn collection_of(entry: &OwnedObjectPath) -> Option<OwnedObjectPath> {
    entry.rsplit_once('/').and_then(|(collection, _)| OwnedObjectPath::try_from(collection).ok())
}

/// Returns the name of the file of a collection.
fn file_of(collection: &OwnedObjectPath) -> Option<OsString> {
    let name = unescaped(keychain_of(collection), b'_')?;
    Some(OsString::from_vec([&name, &b".keyring"[..]].concat()))
}

/// Returns whether a file in clear text can hold a value. It is one line of `GKeyFile`, which is written without escapes
/// and read with them.
fn holds(value: &str) -> bool {
    !value.contains(['\n', '\\'])
        && !value.ends_with('\r')
        && !value.starts_with(|c: char| c.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_collection() {
        for (path, want) in [
            ("/org/freedesktop/secrets/collection/login", "login.keyring"),
            ("/org/freedesktop/secrets/collection/Default_5fkeyring", "Default_keyring.keyring"),
        ] {
            let path = OwnedObjectPath::try_from(path).unwrap();
            assert_eq!(file_of(&path).unwrap(), want);
        }
    }
}
