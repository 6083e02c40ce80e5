//! The encrypted store: all entries in one file, encrypted by age to an identity of its own.
//!
//! ```text
//! FOLDER/               0700
//!   identity            0600   an age X25519 identity; it can stand elsewhere, such as in $CREDENTIALS_DIRECTORY
//!   store.age           0600   all entries, as JSON in an age file: `age -d -i identity store.age` shows them
//!   store.age.last      0600   the same before the last change
//!   lock                0600   held by who writes
//!   *.new                      what is being written; of no use if its writer is gone
//! ```
//!
//! One file, because then one X25519 operation opens it however many ids are asked for, a change is one rename, and no
//! name of an entry stands in a folder. A reader takes no lock: it opens the file of before or after a change, each
//! whole. A writer holds the lock from its read to its rename. It makes the new file beside the old one and syncs it,
//! then puts a copy of the old one in the place of the last good one, and the new one in the place of the old one. So at
//! each step there is a whole `store.age`, and what follows a failure is the store of before.
//!
//! age tells an altered file from a whole one, but not a wrong identity from an altered header. For that the header has a
//! mark of the identity, and for a file that another writer has encrypted to it a proof (`seal.rs`). What cannot be told is
//! an older `store.age` in the place of a newer one.

mod contents;
#[cfg(test)]
mod faults;
mod folder;
mod lock;
mod payload;
mod rights;
mod seal;

use std::path::PathBuf;

use secretref_protocol::guard::Guard;
use secretref_protocol::{Failure, Kind};

pub(crate) use contents::Contents;
use folder::Folder;
use seal::{Broken, Key};

const STORE: &str = "store.age";
const LAST: &str = "store.age.last";
const IDENTITY: &str = "identity";

/// A store in a folder.
pub(crate) struct Files {
    folder: PathBuf,
    /// Where the identity is; nothing where it is in the folder.
    elsewhere: Option<PathBuf>,
    /// Told of each step of a change, so that a test can end the process there.
    at: fn(&'static str),
}

impl Files {
    /// The store in `folder`, whose identity is in the file `identity`, else in the folder too. Opens nothing.
    pub(crate) fn new(folder: PathBuf, identity: Option<PathBuf>) -> Self {
        Self { folder, elsewhere: identity, at: |_| () }
    }

    /// All entries. Takes no lock and writes nothing, so a read-only mount will do.
    pub(crate) fn read(&self) -> Result<Contents, Failure> {
        let folder = Folder::open(&self.folder)?.ok_or_else(|| self.nothing())?;
        let sealed = self.sealed(&folder)?.ok_or_else(|| self.nothing())?;
        let key = self.key(&folder)?.ok_or_else(|| self.no_identity())?;
        self.open(&folder, &key, &sealed)
    }

    /// Changes the entries, and puts the changed store in the place of the old one: wholly, or not at all where `change`
    /// or anything else fails. The first change makes the folder, and the identity unless that is elsewhere.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let folder = Folder::make(&self.folder, self.at)?;
        let _lock = folder.lock()?;
        // What another writer left that died; and what this one leaves if it fails.
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
        folder.prepare(STORE, &key.seal(&contents.to_json())?)?;
        if let Some(sealed) = &sealed {
            folder.prepare(LAST, sealed)?;
            folder.put(LAST)?;
        }
        folder.put(STORE)?;
        folder.sync()?;
        Ok(done)
    }

    /// The encrypted file; nothing where there never was one.
    fn sealed(&self, folder: &Folder) -> Result<Option<Vec<u8>>, Failure> {
        let sealed = folder.read(STORE, Guard::Written)?;
        if sealed.is_none() && folder.has(LAST) {
            return Err(Failure::new(
                Kind::Unavailable,
                format!("{} is gone", self.path(STORE)),
                format!(
                    "{}, which is from before the last change, is still there: copy it back",
                    self.path(LAST)
                ),
            ));
        }
        Ok(sealed)
    }

    fn key(&self, folder: &Folder) -> Result<Option<Key>, Failure> {
        let bytes = match &self.elsewhere {
            Some(path) => Folder::read_elsewhere(path, Guard::Secret)?,
            None => folder.read(IDENTITY, Guard::Secret)?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        Key::parse(bytes).map(Some).map_err(|why| {
            let what = format!("the identity {} {why}", self.identity().display());
            Failure::misconfigured(what, "bring back the file that was made with the store")
        })
    }

    fn make_key(folder: &Folder) -> Result<Key, Failure> {
        folder.refuse_link(IDENTITY)?;
        let key = Key::generate();
        folder.prepare(IDENTITY, key.text().expose().as_bytes())?;
        folder.put(IDENTITY)?;
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
                "name the identity that was made with this store, or bring it back",
            )),
            Broken::OtherWriter => Err(Failure::new(
                Kind::Unauthenticated,
                format!(
                    "{} was not written by secretref-keychain with this identity, and nothing is taken from it",
                    self.path(STORE)
                ),
                format!(
                    "see who put it there; bring back {} or a backup, or move the file away and set its entries again",
                    self.path(LAST)
                ),
            )),
            Broken::Altered => Err(self.altered(folder, key)),
        }
    }

    fn altered(&self, folder: &Folder, key: &Key) -> Failure {
        let (store, last) = (self.path(STORE), self.path(LAST));
        let copy = folder.read(LAST, Guard::Written).ok().flatten();
        let is_good = copy.is_some_and(|sealed| key.open(&sealed).is_ok());
        let remedy = if is_good {
            format!("the last good copy is from before the last change: cp -p {last} {store}")
        } else {
            format!("bring {store} back from a backup, or move it away and set its entries anew")
        };
        let what = format!("{store} is cut short or was altered, and nothing is taken from it");
        Failure::new(Kind::Unavailable, what, remedy)
    }

    fn nothing(&self) -> Failure {
        Failure::not_found(
            format!("there is no store in {}", self.folder.display()),
            "name the right folder in `folder`, or make a store there: the first `set` with these settings does",
        )
    }

    fn no_identity(&self) -> Failure {
        let what = format!("the identity {} is not there", self.identity().display());
        let remedy = match self.elsewhere {
            Some(_) => "name the file that it is in; an identity is made by a first `set` that names none",
            None => {
                "bring it back from a backup, or, if it is a credential of the unit, pass CREDENTIALS_DIRECTORY on (passEnv); without it nobody can read the store"
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
