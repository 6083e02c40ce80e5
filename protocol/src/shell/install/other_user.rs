//! `install --user NAME`: root's command becomes the same command of another user, so that nothing in that user's folders
//! is followed or written with the rights of root.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::unistd::User;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::system_error::words;

/// The flag that names the user.
const FLAG: &str = "--user";

/// Variables of the terminal, which the command keeps.
const KEPT: [&str; 2] = ["TERM", "NO_COLOR"];

/// Runs this command line again as the user `name`, with that user's home and without variables of this shell. Returns only
/// if it fails.
pub(super) fn run_as(name: &str, arguments: &[String], environment: &Environment) -> Failure {
    let Ok(Some(user)) = User::from_name(name) else {
        return Failure::misconfigured(format!("there is no user {name}"), "check the name");
    };
    if environment.uid != 0 {
        let what = format!("only root can run a command as {name}");
        return Failure::misconfigured(what, "use sudo, or run it as that user without --user");
    }
    let error = std::env::current_exe().map_or_else(
        |error| error,
        |program| {
            let mut command = again(&program, arguments, &user);
            command.envs(KEPT.iter().filter_map(|name| Some((*name, environment.variable(name)?))));
            command.exec()
        },
    );
    cannot(name, &error)
}

#[expect(clippy::disallowed_methods, reason = "the process becomes another user's; a resolve never does")]
fn again(program: &std::path::Path, arguments: &[String], user: &User) -> Command {
    let mut command = Command::new(program);
    command.args(without_user(arguments)).env_clear().env("HOME", &user.dir).current_dir("/");
    command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    command
}

fn cannot(name: &str, error: &io::Error) -> Failure {
    let what = format!("{name} cannot run this program ({})", words(error));
    Failure::misconfigured(what, "install it where every user can start it, such as /usr/local/bin")
}

/// Returns the arguments without the flag that names the user.
fn without_user(arguments: &[String]) -> Vec<&String> {
    let mut left = arguments.iter();
    let mut kept = Vec::new();
    while let Some(word) = left.next() {
        if word == FLAG {
            left.next();
        } else if !word.starts_with("--user=") {
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
        for line in
            ["install --user nova x --yes", "install x --user=nova --yes", "install x --yes --user nova"]
        {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(without_user(&words), ["install", "x", "--yes"], "{line}");
        }
    }
}
