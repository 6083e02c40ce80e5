//! The gateway's rule on commands, clause by clause. OpenClaw checks the last part of the path alone.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::unistd::{Uid, User};

use crate::text::shell_word;

/// One clause of the rule, and what it says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    /// The clause, as a person reads it: `is a regular file`.
    pub(crate) name: &'static str,
    /// Why the file does not keep it, and what to do; `None` if it does.
    pub(crate) broken: Option<(String, String)>,
}

/// What the rule looks at.
struct Facts {
    is_link: bool,
    is_file: bool,
    owner: u32,
    mode: u32,
}

impl From<&Metadata> for Facts {
    fn from(file: &Metadata) -> Self {
        Self {
            is_link: file.is_symlink(),
            is_file: file.is_file(),
            owner: file.uid(),
            mode: file.mode() & 0o7777,
        }
    }
}

/// Applies the rule to a command of a gateway that runs as the user `uid`.
pub(crate) fn clauses(command: &Path, uid: u32) -> Vec<Clause> {
    let is_absolute = Clause {
        name: "is an absolute path",
        broken: (!command.is_absolute())
            .then(|| ("it is a relative path".into(), "write the absolute path".into())),
    };
    let exists = "exists";
    match fs::symlink_metadata(command) {
        Ok(file) => [is_absolute, Clause { name: exists, broken: None }]
            .into_iter()
            .chain(of_file(&Facts::from(&file), uid, command))
            .collect(),
        Err(error) => {
            let why = format!("it cannot be examined ({})", crate::system_error::words(&error));
            let remedy = "check the path, and that the gateway's user can enter its folders".to_owned();
            vec![is_absolute, Clause { name: exists, broken: Some((why, remedy)) }]
        }
    }
}

fn of_file(file: &Facts, uid: u32, command: &Path) -> [Clause; 5] {
    let Facts { owner, mode, .. } = *file;
    let clause = |name, is_kept: bool, why: String, remedy: String| Clause {
        name,
        broken: (!is_kept).then_some((why, remedy)),
    };
    [
        clause(
            "is not a symbolic link",
            !file.is_link,
            "it is a symbolic link".into(),
            "name the file that it leads to".into(),
        ),
        clause(
            "is a regular file",
            file.is_file || file.is_link,
            "it is not a regular file".into(),
            "check the path".into(),
        ),
        clause(
            "only its owner can write it",
            file.is_link || mode & 0o022 == 0,
            format!("its group or all users can write it (mode {mode:04o})"),
            "chmod 700 it; in a pod, fsGroup makes files group-writable".into(),
        ),
        clause(
            "belongs to the gateway's user",
            owner == uid,
            format!("it belongs to uid {owner}, and the gateway runs as uid {uid}; root is no exception"),
            take_over(command, owner, uid),
        ),
        clause(
            "is executable",
            file.is_link || mode & 0o100 != 0,
            format!("its owner cannot execute it (mode {mode:04o})"),
            "chmod 700 it".into(),
        ),
    ]
}

/// What to do about a command of another user: a profile of root can change its owner. The program of a package cannot, and
/// what a third user wrote is not to become the gateway's.
fn take_over(command: &Path, owner: u32, uid: u32) -> String {
    let user =
        User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let is_program =
        command.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"secretref-"));
    let by_root = if uid == 0 { "; or run the gateway as its owner" } else { "" };
    if is_program || owner != 0 {
        return format!("run `install` as {user}, and name that profile as the command{by_root}");
    }
    format!("run as root: chown {user} {}{by_root}", shell_word(&command.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_that_of_the_gateway() {
        for (owner, mode, is_link, is_file, broken) in [
            (1000, 0o700, false, true, &[][..]),
            (1000, 0o755, false, true, &[]),
            (1000, 0o775, false, true, &["only its owner can write it"]),
            (1000, 0o702, false, true, &["only its owner can write it"]),
            (1000, 0o600, false, true, &["is executable"]),
            (0, 0o755, false, true, &["belongs to the gateway's user"]),
            (1000, 0o777, true, false, &["is not a symbolic link"]),
            (1000, 0o700, false, false, &["is a regular file"]),
        ] {
            let found = of_file(&Facts { is_link, is_file, owner, mode }, 1000, Path::new("/p.toml"));
            let found: Vec<_> =
                found.iter().filter(|clause| clause.broken.is_some()).map(|clause| clause.name).collect();
            assert_eq!(found, broken, "{owner} {mode:o}");
        }
        let remedy = |path: &str| take_over(Path::new(path), 0, 4_000_000);
        assert_eq!(remedy("/etc/my p.toml"), "run as root: chown 4000000 '/etc/my p.toml'");
        let of_package = remedy("/usr/bin/secretref-vault");
        assert!(of_package.starts_with("run `install` as 4000000") && !of_package.contains("chown"));
        let of_third = take_over(Path::new("/home/x/p.toml"), 5_000_000, 4_000_000);
        assert!(of_third.starts_with("run `install` as 4000000") && !of_third.contains("chown"));
        let missing = clauses(Path::new("/no/such/file"), 0);
        assert!(missing[1].broken.is_some());
    }
}
