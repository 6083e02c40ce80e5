//! Which command may be started as a test: only root and the gateway's user can have written it, or put another in its place.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::first_line::interpreter;
use crate::profile_permissions::replaceable_in;

/// How many interpreters the kernel of Linux looks up for one file.
const INTERPRETERS: usize = 5;

/// Why a command is not started.
#[derive(Debug)]
pub(crate) enum NoStart {
    /// The system would not start it: the file or its interpreter is not there.
    Missing(io::Error),
    /// Another user could decide what runs. Why, for a person.
    Unsafe(String),
}

/// Checks a command that is to be started for a gateway of the user `uid`, and the programs that its first line names.
///
/// # Errors
/// Why it is not to be started.
pub(crate) fn check_start(command: &Path, uid: u32) -> Result<(), NoStart> {
    let mut next = Some(command.to_owned());
    for _ in 0..=INTERPRETERS {
        let Some(program) = next else { return Ok(()) };
        check(&program, uid)?;
        next = interpreter(&program).map(|named| in_folder_of(command, &named));
    }
    Err(NoStart::Unsafe(format!("{} has too many interpreters", command.display())))
}

/// An interpreter without a folder is looked up in the folder in which the gateway starts the command.
fn in_folder_of(command: &Path, interpreter: &Path) -> PathBuf {
    command.parent().unwrap_or(Path::new("/")).join(interpreter)
}

fn check(program: &Path, uid: u32) -> Result<(), NoStart> {
    let is_not_safe = |why: &str| {
        let path = program.display();
        NoStart::Unsafe(format!("{path} {why}, so it was not started: another user could decide what runs"))
    };
    let file = fs::metadata(program).map_err(NoStart::Missing)?;
    if let Some(place) = replaceable_in(program, uid) {
        return Err(is_not_safe(&format!("can be replaced by another user in {}", place.display())));
    }
    fault(&file, uid).map_or(Ok(()), |why| Err(is_not_safe(&why)))
}

fn fault(file: &Metadata, uid: u32) -> Option<String> {
    let (owner, mode) = (file.uid(), file.mode() & 0o7777);
    match owner {
        _ if owner != 0 && owner != uid => Some(format!("belongs to uid {owner}")),
        _ if mode & 0o022 != 0 => Some(format!("can be written by its group or all users (mode {mode:04o})")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_what_root_and_the_user_decide_is_started() {
        let place = std::env::temp_dir().join(format!("secretref-start-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        let file = |name: &str, text: &str, mode: u32| {
            fs::write(place.join(name), text).unwrap();
            fs::set_permissions(place.join(name), fs::Permissions::from_mode(mode)).unwrap();
            place.join(name)
        };
        let own = fs::metadata(&place).unwrap().uid();
        let open = file("open", "", 0o777);
        let verdict = |path: &Path| match check_start(path, own) {
            Ok(()) => "started",
            Err(NoStart::Missing(_)) => "missing",
            Err(NoStart::Unsafe(_)) => "unsafe",
        };
        assert_eq!(verdict(&file("a", "#!/bin/sh\n", 0o700)), "started");
        assert_eq!(verdict(&open), "unsafe");
        assert_eq!(verdict(&file("b", &format!("#! {} -x\n", open.display()), 0o700)), "unsafe");
        assert_eq!(verdict(&file("c", "#!open\n", 0o700)), "unsafe");
        assert_eq!(verdict(&file("d", "#!d\n", 0o700)), "unsafe");
        assert_eq!(verdict(&file("e", "#!/no/such/program\n", 0o700)), "missing");
        assert_eq!(verdict(&file("f", "#!/bin/sh\r\n", 0o700)), "missing");
        assert_eq!(verdict(&place.join("g")), "missing");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(verdict(&place.join("a")), "unsafe");
        fs::remove_dir_all(&place).unwrap();
    }
}
