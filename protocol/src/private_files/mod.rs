//! Files that other users must not change, and often not read: profiles, credentials, stores and cached sessions.
//!
//! A file is opened and checked as one step, so that it cannot be exchanged in between. It is replaced as a whole: a
//! reader sees the old content or the new, never a part. Writers wait for each other by a lock.
//!
//! Paths are looked up in an open [`Folder`], so that a folder that is moved or exchanged changes nothing. The crate
//! `tempfile` works with paths alone, and does not find what a killed process left; hence the drafts here.

mod folder;
mod lock;
mod open;
mod permissions;
mod replace;

pub use folder::{Folder, make_folder, make_folders};
pub use lock::{Lock, LockError, LockFile};
pub use open::{Links, Problem, Rules, read};
pub(crate) use open::{open, read_all};
pub use permissions::Access;
pub(crate) use permissions::is_exposed;
pub use replace::{Draft, Sync};
