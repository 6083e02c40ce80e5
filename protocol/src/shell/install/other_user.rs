//! `install --user NAME`: root's command starts the same command as another user, so that nothing in that user's folders
//! is followed or written with the rights of root. It has no terminal of its own, into which that user's programs could type.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::unistd::User;

use super::questions::PATIENCE;
use crate::deadline::Deadline;
use crate::detached;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::system_error::words;
use crate::watchdog::Watchdog;

/// The flag that names the user.
const FLAG: &str = "--user";

/// Variables of the terminal, which the command keeps.
const KEPT: [&str; 2] = ["TERM", "NO_COLOR"];

/// The folder of profiles that belong to services.
const SYSTEM: &str = "/etc/secretref";

/// Runs this command line again as the user `name`, with that user's home and without variables of this shell. `system` is
/// the name of a profile in the user's folder below `/etc/secretref`. Returns how it ended.
pub(super) fn run_as(
    name: &str,
    arguments: &[String],
    system: Option<&str>,
    environment: &Environment,
    watchdog: &Watchdog,
) -> Result<Exit, Failure> {
    let Ok(Some(user)) = User::from_name(name) else {
        return Err(Failure::misconfigured(format!("there is no user {name}"), "check the name"));
    };
    if environment.uid != 0 {
        let what = format!("only root can run a command as {name}");
        return Err(Failure::misconfigured(what, "use sudo, or run it as that user without --user"));
    }
    let mut words: Vec<_> = without_user(arguments).into_iter().cloned().collect();
    words.push("--unit".to_owned());
    if let Some(file) = system {
        let path = system_folder(&user)?.join(file);
        words.extend(["--to".to_owned(), path.display().to_string()]);
    }
    // The command has a time limit of its own.
    watchdog.move_to(Deadline::new(Instant::now(), PATIENCE * 2));
    again(&words, &user, environment).map_err(|error| cannot(name, &error))
}

/// Makes the user's folder below `/etc/secretref`, where only root can make folders. A folder that is there must be the
/// user's.
fn system_folder(user: &User) -> Result<PathBuf, Failure> {
    let folder = Path::new(SYSTEM).join(&user.name);
    let made = || -> io::Result<bool> {
        if !Path::new(SYSTEM).exists() {
            fs::create_dir(SYSTEM)?;
            fs::set_permissions(SYSTEM, Permissions::from_mode(0o755))?;
        }
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => lchown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let there = fs::symlink_metadata(&folder)?;
        Ok(there.is_dir() && there.uid() == user.uid.as_raw())
    };
    let cannot = |why: &str| {
        let what = format!("the folder {} {why}", folder.display());
        Failure::misconfigured(what, format!("let it belong to {}, or name the file with --to", user.name))
    };
    match made() {
        Ok(true) => Ok(folder),
        Ok(false) => Err(cannot("belongs to another user")),
        Err(error) => Err(cannot(&format!("cannot be created ({})", words(&error)))),
    }
}

/// The command stays in the folder of root's shell, so that a relative path is the one that was typed.
fn again(arguments: &[String], user: &User, environment: &Environment) -> io::Result<Exit> {
    let mut command = detached::go_on_as((user.uid.as_raw(), user.gid.as_raw()), arguments)?;
    command.env_clear().env("HOME", &user.dir);
    command.envs(KEPT.iter().filter_map(|name| Some((*name, environment.variable(name)?))));
    Ok(Exit::of_code(command.status()?.code()))
}

/// Returns the failure of a process that has just become another user, or could not.
pub(in crate::shell) fn cannot_become(error: &io::Error) -> Failure {
    let user = User::from_uid(nix::unistd::getuid()).ok().flatten();
    cannot(user.as_ref().map_or("the user", |user| &user.name), error)
}

fn cannot(name: &str, error: &io::Error) -> Failure {
    let what = format!("{name} cannot run this program ({})", words(error));
    Failure::misconfigured(what, "install it where every user can start it, such as /usr/local/bin")
}

/// Returns the arguments without the flags that are for root alone.
fn without_user(arguments: &[String]) -> Vec<&String> {
    let mut left = arguments.iter();
    let mut kept = Vec::new();
    while let Some(word) = left.next() {
        if word == FLAG {
            left.next();
        } else if !word.starts_with("--user=") && word != "--system" {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_left_out_and_nothing_else() {
        for line in [
            "install --user nova x --yes",
            "install x --user=nova --yes",
            "install x --system --yes --user nova",
        ] {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(without_user(&words), ["install", "x", "--yes"], "{line}");
        }
    }
}
