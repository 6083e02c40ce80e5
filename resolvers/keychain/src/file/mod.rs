//! The encrypted store: all entries in one file, encrypted by age to an identity of its own.
//!
//! ```text
//! FOLDER/               0700
//!   identity            0600   an age X25519 identity; it can be elsewhere, such as in $CREDENTIALS_DIRECTORY
//!   store.age           0600   all entries, as JSON in an age file: `age -d -i identity store.age` prints them
//!   store.age.last      0600   the store before the last change
//!   lock                0600   locked by a writer
//!   *.new                      drafts of a writer; of no use if it has ended
//! ```
//!
//! All entries are in one file, so that one X25519 operation opens it for any number of ids, a change is one rename, and
//! no file name shows the name of an entry. A reader takes no lock: it opens the file from before or after a change, each
//! whole. A writer holds the lock from its read to its rename. It writes a draft of the new file to the disk, replaces the
//! last good copy with the current file, and then the current file with the draft. So there is a whole `store.age` at
//! every step, and if a step fails, it is the store from before.
//!
//! age detects an altered file, but cannot tell a wrong identity from an altered header. So the header contains a mark of
//! the identity, and a proof that the writer has the identity (`seal.rs`). An older `store.age` in place of a newer one is
//! not detected.

mod contents;
#[cfg(test)]
mod faults;
mod folder;
mod payload;
mod permissions;
mod seal;

use std::path::PathBuf;

use secretref_protocol::private_files::Access;
use secretref_protocol::{Failure, Kind};

pub(crate) use contents::Contents;
use folder::{Folder, read_elsewhere};
use seal::{Broken, Key};

const STORE: &str = "store.age";
const LAST: &str = "store.age.last";
const IDENTITY: &str = "identity";

/// A store in a folder.
pub(crate) struct Files {
    folder: PathBuf,
    /// The file of the identity; `None` if it is in the folder.
    elsewhere: Option<PathBuf>,
    /// Called at each step of a change, so that a test can stop there.
    step: fn(&'static str),
}

impl Files {
    /// Describes the store in `folder`, whose identity is in the file `identity`, or also in the folder. Opens nothing.
    pub(crate) fn new(folder: PathBuf, identity: Option<PathBuf>) -> Self {
        Self { folder, elsewhere: identity, step: |_| () }
    }

    /// Reads all entries. Takes no lock and writes nothing, so a read-only mount is enough.
    pub(crate) fn read(&self) -> Result<Contents, Failure> {
        let folder = Folder::open(&self.folder)?.ok_or_else(|| self.nothing())?;
        let sealed = self.sealed(&folder)?.ok_or_else(|| self.nothing())?;
        let key = self.key(&folder)?.ok_or_else(|| self.no_identity())?;
        self.open(&folder, &key, &sealed)
    }

    /// Changes the entries and replaces the store. If `change` or anything else fails, the store is unchanged. The first
    /// change makes the folder, and also the identity unless that is elsewhere.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let folder = Folder::make(&self.folder, self.step)?;
        let _lock = folder.lock()?;
        // The drafts of a writer that was killed, and then of this one if it fails.
        folder.discard(&[STORE, LAST, IDENTITY]);
        let done = self.replace(&folder, change);
        folder.discard(&[STORE, LAST, IDENTITY]);
        done
    }

    fn replace<T>(
        &self,
        folder: &Folder,
        change: impl FnOnce(&mut Contents) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        folder.refuse_link(STORE)?;
        let sealed = self.sealed(folder)?;
        let key = match (self.key(folder)?, &sealed, &self.elsewhere) {
            (Some(key), _, _) => key,
            (None, None, None) => Self::make_key(folder)?,
            _ => return Err(self.no_identity()),
        };
        let mut contents = match &sealed {
            Some(sealed) => self.open(folder, &key, sealed)?,
            None => Contents::default(),
        };
        let done = change(&mut contents)?;
        let draft = folder.prepare(STORE, &key.seal(&contents.to_json())?)?;
        if let Some(sealed) = &sealed {
            folder.replace(LAST, folder.prepare(LAST, sealed)?)?;
        }
        folder.replace(STORE, draft)?;
        folder.sync()?;
        Ok(done)
    }

    /// Reads the encrypted file; `None` if there never was one.
    fn sealed(&self, folder: &Folder) -> Result<Option<Vec<u8>>, Failure> {
        let sealed = folder.read(STORE, Access::OnlyOwnWriters)?;
        if sealed.is_none() && folder.has(LAST) {
            return Err(Failure::new(
                Kind::Unavailable,
                format!("{} is missing", self.path(STORE)),
                format!(
                    "copy back {}, the store before the last change: cp -p {0} {}",
                    self.path(LAST),
                    self.path(STORE)
                ),
            ));
        }
        Ok(sealed)
    }

    fn key(&self, folder: &Folder) -> Result<Option<Key>, Failure> {
        let bytes = match &self.elsewhere {
            Some(path) => read_elsewhere(path, Access::OnlyOwnReaders)?,
            None => folder.read(IDENTITY, Access::OnlyOwnReaders)?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        Key::parse(bytes).map(Some).map_err(|why| {
            let what = format!("the identity {} {why}", self.identity().display());
            Failure::misconfigured(what, "restore the file that was made with the store")
        })
    }

    fn make_key(folder: &Folder) -> Result<Key, Failure> {
        folder.refuse_link(IDENTITY)?;
        let key = Key::generate();
        folder.replace(IDENTITY, folder.prepare(IDENTITY, key.text().expose().as_bytes())?)?;
        folder.sync()?;
        Ok(key)
    }

    fn open(&self, folder: &Folder, key: &Key, sealed: &[u8]) -> Result<Contents, Failure> {
        let broken = match key.open(sealed) {
            Ok(json) => match Contents::parse(&json) {
                Ok(contents) => return Ok(contents),
                Err(why) => {
                    let what = format!("{} {why}", self.path(STORE));
                    return Err(Failure::new(Kind::Unavailable, what, "update secretref-keychain"));
                }
            },
            Err(broken) => broken,
        };
        match broken {
            Broken::OtherIdentity => Err(Failure::new(
                Kind::Unauthenticated,
                format!(
                    "{} is not encrypted to the identity {}",
                    self.path(STORE),
                    self.identity().display()
                ),
                "set `identity_file` to the identity that was made with this store, or restore that identity",
            )),
            Broken::OtherWriter => Err(Failure::new(
                Kind::Unauthenticated,
                format!(
                    "{} was not written by secretref-keychain with this identity, so no entry is read from it",
                    self.path(STORE)
                ),
                format!(
                    "check which program wrote it; then restore {} or a backup, or move the file away and set its entries again",
                    self.path(LAST)
                ),
            )),
            Broken::Altered => Err(self.altered(folder, key)),
        }
    }

    fn altered(&self, folder: &Folder, key: &Key) -> Failure {
        let (store, last) = (self.path(STORE), self.path(LAST));
        let copy = folder.read(LAST, Access::OnlyOwnWriters).ok().flatten();
        let is_good = copy.is_some_and(|sealed| key.open(&sealed).is_ok());
        let remedy = if is_good {
            format!("restore the copy from before the last change: cp -p {last} {store}")
        } else {
            format!("restore {store} from a backup, or move it away and set its entries again")
        };
        let what = format!("{store} is truncated or was altered, so no entry is read from it");
        Failure::new(Kind::Unavailable, what, remedy)
    }

    fn nothing(&self) -> Failure {
        Failure::not_found(
            format!("there is no store in {}", self.folder.display()),
            "set `folder` to the right folder; or run `set` with these settings, which makes a store there",
        )
    }

    fn no_identity(&self) -> Failure {
        let what = format!("the identity {} does not exist", self.identity().display());
        let remedy = match self.elsewhere {
            Some(_) => {
                "set `identity_file` to the file of the identity; without `identity_file`, the first `set` makes an identity"
            }
            None => {
                "restore it from a backup, or, if it is a credential of the unit, pass CREDENTIALS_DIRECTORY on (passEnv); without the identity, no program can read the store"
            }
        };
        Failure::misconfigured(what, remedy)
    }

    fn identity(&self) -> PathBuf {
        self.elsewhere.clone().unwrap_or_else(|| self.folder.join(IDENTITY))
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}
