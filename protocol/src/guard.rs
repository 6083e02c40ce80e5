//! Who may have written a file, and who may have read it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::{Uid, User};

/// What others must not have been able to do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Write it.
    Written,
    /// Write it or read it.
    Secret,
}

/// What speaks against a file or folder: that others than root and this user have it, or can write it, or read what is
/// secret; and the remedy.
///
/// A group may read what is root's: so it is with the credentials that systemd gives a service.
#[must_use]
pub fn objection(metadata: &Metadata, guard: Guard, uid: u32) -> Option<(String, String)> {
    judge(metadata.uid(), metadata.mode(), guard, uid)
}

fn judge(owner: u32, mode: u32, guard: Guard, uid: u32) -> Option<(String, String)> {
    if owner != uid && owner != 0 {
        return Some((format!("belongs to uid {owner}, neither root nor you ({uid})"), as_owner(owner, uid)));
    }
    if mode & 0o022 != 0 {
        return Some(("can be written by others".into(), "chmod go-w it".into()));
    }
    (guard == Guard::Secret && lets_read(owner, mode, uid)).then(|| {
        ("can be read by others".into(), "chmod go-rwx it, and think of who may have read it".into())
    })
}

/// What to do where a file belongs to another user. What root takes over from a service, the service then refuses.
fn as_owner(owner: u32, uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(owner)).ok().flatten().map(|user| user.name);
    let user = user.unwrap_or_else(|| format!("'#{owner}'"));
    let as_owner = format!("run this as its owner: sudo -u {user}, then the same command");
    if uid == 0 { as_owner } else { format!("{as_owner}; or chown it, if it is to be yours") }
}

/// Whether others may read a credential. Its owner may be anyone, since agents write with a user of their own, and the
/// group of such a file is how this user reads it.
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
    fn who_may_have_a_file() {
        let refuses = |owner, mode, guard| judge(owner, mode, guard, 1000).map(|(why, _)| why);
        for (owner, mode, guard, fits) in [
            (1000, 0o600, Guard::Secret, true),
            (1000, 0o400, Guard::Secret, true),
            (1000, 0o640, Guard::Secret, false),
            (1000, 0o604, Guard::Secret, false),
            (1000, 0o644, Guard::Written, true),
            (1000, 0o664, Guard::Written, false),
            (1000, 0o606, Guard::Written, false),
            // systemd's credentials, with and without a list of who may read them
            (0, 0o400, Guard::Secret, true),
            (0, 0o440, Guard::Secret, true),
            (0, 0o444, Guard::Secret, false),
            (0, 0o460, Guard::Secret, false),
            (0, 0o444, Guard::Written, true),
            (1001, 0o600, Guard::Secret, false),
            (1001, 0o644, Guard::Written, false),
        ] {
            let why = refuses(owner, mode, guard);
            assert_eq!(why.is_none(), fits, "{owner} {mode:o}: {why:?}");
        }
    }

    #[test]
    fn a_credential_is_exposed_to_whom_its_mode_lets_read_it() {
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
