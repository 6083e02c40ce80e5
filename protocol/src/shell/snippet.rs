//! `snippet`: prints the provider block of a gateway for the settings in force.

use std::path::{Path, PathBuf};

use super::output::{fail, print, warn};
use crate::backend::{Backend, Manage};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway::{self, FirstLine, Form, Provider};
use crate::settings::{CredentialPlace, Flags, Settings};
use crate::store::{Store, flag};

/// The variable by which systemd names the folder of a unit's credentials.
pub(super) const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The arguments of `snippet`.
#[derive(Debug)]
pub(super) struct SnippetArgs {
    pub(super) form: Form,
    /// The name of the provider, if one was given.
    pub(super) alias: Option<String>,
    /// Whether the unit of the gateway will have credentials of systemd that the settings need.
    pub(super) has_credentials: bool,
}

/// Prints the provider block, and warns if the gateway would not accept its command.
pub(super) fn snippet<B: Manage>(
    settings: &Settings,
    flags: &Flags,
    args: SnippetArgs,
    deadline: Deadline,
) -> Exit {
    let args = SnippetArgs { has_credentials: has_credential::<B>(settings), ..args };
    match block::<B>(settings, flags, &args, None) {
        Err(failure) => fail(None, &failure),
        Ok((command, text)) => {
            warn_if_refused(&command, settings.uid());
            print(&text, deadline).unwrap_or(Exit::Done)
        }
    }
}

/// Whether a credential of the chosen way to sign in can only come from systemd.
pub(super) fn has_credential<B: Manage>(settings: &Settings) -> bool {
    let places = settings.credential_places(B::ASKED);
    places.iter().any(|place| matches!(place, CredentialPlace::Unit(_)))
}

/// Returns the command and the block that names it. `program` is what starts a profile that cannot start itself.
pub(super) fn block<B: Backend>(
    settings: &Settings,
    flags: &Flags,
    args: &SnippetArgs,
    program: Option<&Path>,
) -> Result<(PathBuf, String), Failure> {
    let alias = alias(&B::STORE, settings.profile(), args.alias.as_deref())?;
    let (command, own) = command(&B::STORE, settings.profile(), program)?;
    let pass_env = settings.passed().into_iter().chain(B::passed(settings).iter().copied());
    let of_unit = (args.has_credentials && !settings.passed().contains(&CREDENTIALS)).then_some(CREDENTIALS);
    let provider = Provider::new(
        command.display().to_string(),
        own.into_iter().chain(words(flags)).collect(),
        pass_env.chain(of_unit).map(str::to_owned).collect(),
        settings.timeout(),
        settings.max_output(),
    );
    Ok((command, provider.text(&alias, args.form)))
}

/// Returns the name of the provider: the given one, that of the profile's file, or that of the store.
fn alias(store: &Store, profile: Option<&Path>, given: Option<&str>) -> Result<String, Failure> {
    if let Some(given) = given {
        return if gateway::is_alias(given) {
            Ok(given.to_owned())
        } else {
            let remedy = "use 1 to 64 of a-z 0-9 _ -, a letter first";
            Err(Failure::misconfigured(
                format!("a gateway does not accept {given} as the name of a provider"),
                remedy,
            ))
        };
    }
    let of_file = profile.and_then(Path::file_stem).and_then(|stem| stem.to_str());
    Ok(of_file.filter(|stem| gateway::is_alias(stem)).unwrap_or_else(|| store.name()).to_owned())
}

/// Returns the command that the gateway starts, and its first arguments: the profile if it is executable, else the program:
/// the given one, or the copy that `install --copy` has made next to the profile, or this one.
pub(super) fn command(
    store: &Store,
    profile: Option<&Path>,
    program: Option<&Path>,
) -> Result<(PathBuf, Vec<String>), Failure> {
    let Some(profile) = profile.map(of_file) else { return Ok((gateway::own_path()?, Vec::new())) };
    if matches!(FirstLine::read(&profile), Some(FirstLine::Profile(_))) {
        return Ok((profile, Vec::new()));
    }
    let copy = profile.with_file_name(store.binary);
    let program = match program {
        Some(program) => program.to_owned(),
        None if copy.is_file() => copy,
        None => gateway::own_path()?,
    };
    Ok((program, vec!["--profile".to_owned(), profile.display().to_string()]))
}

/// Returns the absolute path of a file. The gateway refuses a link as the last part, but not before it.
fn of_file(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if path.is_symlink() { std::fs::canonicalize(&path).unwrap_or(path) } else { path }
}

/// Returns flags as they are typed.
pub(super) fn words(flags: &Flags) -> impl Iterator<Item = String> {
    flags.iter().flat_map(|(key, texts)| {
        let own = if texts.is_empty() { vec![flag(key)] } else { Vec::new() };
        own.into_iter().chain(texts.iter().flat_map(|text| [flag(key), text.clone()]))
    })
}

/// Warns about each clause of the gateway's rule that a command does not keep.
pub(super) fn warn_if_refused(command: &Path, uid: u32) {
    for clause in gateway::clauses(command, uid) {
        if let Some((why, remedy)) = clause.broken {
            let path = command.display();
            warn(format!("a gateway that runs as uid {uid} cannot start {path}: {why}; {remedy}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_written_as_they_are_typed() {
        let flags = vec![
            ("json_fields", Vec::new()),
            ("allow", vec!["a/**".to_owned(), "b".to_owned()]),
            ("timeout", vec!["3s".to_owned()]),
        ];
        let want = ["--json-fields", "--allow", "a/**", "--allow", "b", "--timeout", "3s"];
        assert_eq!(words(&flags).collect::<Vec<_>>(), want);
    }
}
