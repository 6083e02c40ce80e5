//! The owner and mode of a file or folder: which users can change it, and which can read it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::{Uid, User};

use super::Problem;

/// The users who may have access to a file or folder. Each variant allows less than the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any user may own it, but not every user can write it.
    NotWorldWritable,
    /// Only root and this user own and write it.
    OnlyOwnWriters,
    /// The same, and other users cannot read it. A group may read a file of root: systemd gives credentials to a service
    /// in this way.
    OnlyOwnReaders,
    /// Only this user owns it, and no other user can do anything with it.
    OnlyOwner,
}

impl Access {
    /// Checks the owner and mode of a file or folder for the user `uid`.
    ///
    /// # Errors
    /// Too much access of other users, and the command that removes it.
    pub fn check(self, metadata: &Metadata, uid: u32) -> Result<(), Problem> {
        self.check_owner_and_mode(metadata.uid(), metadata.mode(), uid)
    }

    fn check_owner_and_mode(self, owner: u32, mode: u32, uid: u32) -> Result<(), Problem> {
        let is_foreign = match self {
            Self::NotWorldWritable => false,
            Self::OnlyOwnWriters | Self::OnlyOwnReaders => owner != uid && owner != 0,
            Self::OnlyOwner => owner != uid,
        };
        if is_foreign {
            return Err(foreign(self, owner, uid));
        }
        match self {
            Self::NotWorldWritable if mode & 0o002 != 0 => Err(Problem::mode("is world-writable", "o-w", "")),
            Self::OnlyOwnWriters | Self::OnlyOwnReaders if mode & 0o022 != 0 => {
                Err(Problem::mode("is writable by other users", "go-w", ""))
            }
            Self::OnlyOwnReaders if lets_read(owner, mode, uid) => Err(Problem::mode(
                "is readable by other users",
                "go-rwx",
                "and replace every secret that it gives access to, if another user may have read it",
            )),
            Self::OnlyOwner if mode & 0o077 != 0 => {
                Err(Problem::mode("is open to other users", "go-rwx", ""))
            }
            _ => Ok(()),
        }
    }
}

/// Describes a file of another user. If root takes over the file of a service, the service then refuses it.
fn foreign(access: Access, owner: u32, uid: u32) -> Problem {
    let user = User::from_uid(Uid::from_raw(owner)).ok().flatten().map(|user| user.name);
    let user = user.unwrap_or_else(|| format!("'#{owner}'"));
    let as_owner = format!("run this as its owner: sudo -u {user}, then the same command");
    let remedy =
        if uid == 0 { as_owner } else { format!("{as_owner}; or make it yours with chown, if it should be") };
    let why = match access {
        Access::OnlyOwner => format!("belongs to another user (uid {owner})"),
        _ => format!("belongs to uid {owner}, neither root nor you ({uid})"),
    };
    Problem::new(why, remedy)
}

/// Whether other users can read a credential. Any user may own it, since an agent writes with its own user; this user
/// then reads it as a member of its group.
pub(crate) fn is_exposed(metadata: &Metadata, uid: u32) -> bool {
    lets_read(metadata.uid(), metadata.mode(), uid)
}

fn lets_read(owner: u32, mode: u32, uid: u32) -> bool {
    let readers = if owner == uid && owner != 0 { 0o044 } else { 0o004 };
    mode & readers != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_and_mode_decide_whether_a_file_is_used() {
        for (owner, mode, access, fits) in [
            (1000, 0o600, Access::OnlyOwnReaders, true),
            (1000, 0o400, Access::OnlyOwnReaders, true),
            (1000, 0o640, Access::OnlyOwnReaders, false),
            (1000, 0o604, Access::OnlyOwnReaders, false),
            (1000, 0o644, Access::OnlyOwnWriters, true),
            (1000, 0o664, Access::OnlyOwnWriters, false),
            (1000, 0o606, Access::OnlyOwnWriters, false),
            // A credential of systemd, without and with an access list.
            (0, 0o400, Access::OnlyOwnReaders, true),
            (0, 0o440, Access::OnlyOwnReaders, true),
            (0, 0o444, Access::OnlyOwnReaders, false),
            (0, 0o460, Access::OnlyOwnReaders, false),
            (0, 0o444, Access::OnlyOwnWriters, true),
            (1001, 0o600, Access::OnlyOwnReaders, false),
            (1001, 0o644, Access::OnlyOwnWriters, false),
            // A Vault Agent writes with a user of its own.
            (1001, 0o664, Access::NotWorldWritable, true),
            (1001, 0o666, Access::NotWorldWritable, false),
            (1000, 0o700, Access::OnlyOwner, true),
            (1000, 0o710, Access::OnlyOwner, false),
            (0, 0o700, Access::OnlyOwner, false),
        ] {
            let checked = access.check_owner_and_mode(owner, mode, 1000);
            assert_eq!(checked.is_ok(), fits, "{access:?} {owner} {mode:o}: {checked:?}");
        }
    }

    #[test]
    fn the_mode_of_a_credential_decides_whether_it_is_exposed() {
        for (owner, mode, want) in [
            (1000, 0o600, false),
            (1000, 0o640, true),
            (1000, 0o604, true),
            // Written by an agent or systemd for this user's group.
            (1001, 0o640, false),
            (1001, 0o644, true),
            (0, 0o440, false),
            (0, 0o444, true),
        ] {
            assert_eq!(lets_read(owner, mode, 1000), want, "{owner} {mode:o}");
        }
        assert!(!lets_read(0, 0o640, 0));
    }
}
