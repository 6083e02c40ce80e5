//! A token that somebody else has obtained.

use secretref_protocol::{Failure, Settings, file};

use super::Credential;
use crate::settings::TOKEN;

/// The first there is: `token_file` as a flag or in the profile, `VAULT_TOKEN`, `VAULT_TOKEN_FILE`, `vault-token` in
/// `$CREDENTIALS_DIRECTORY`, and what `vault login` leaves in `~/.vault-token`. One that is set and cannot be read is
/// a failure; the next is not tried in its place.
pub(super) fn first(settings: &Settings) -> Result<Credential, Failure> {
    let file_is_nearer = settings.source("token_file") > settings.source("token");
    if file_is_nearer {
        return of_file(settings);
    }
    match settings.secret(&TOKEN)? {
        Some((token, origin)) => Ok(Credential { token, origin }),
        None => of_file(settings),
    }
}

/// `auth = "token"`: from the environment or systemd's credentials.
pub(super) fn given(settings: &Settings) -> Result<Credential, Failure> {
    let (token, origin) = settings.secret(&TOKEN)?.ok_or_else(none)?;
    Ok(Credential { token, origin })
}

/// `auth = "token_file"`: from `token_file`, else from where `vault login` leaves it.
pub(super) fn of_file(settings: &Settings) -> Result<Credential, Failure> {
    let (path, setting) = match settings.path("token_file")? {
        Some(path) => (path, "token_file"),
        None => (settings.in_home(".vault-token").filter(|path| file::is_there(path)).ok_or_else(none)?, "~"),
    };
    Ok(Credential { token: file::read_secret(&path, setting)?, origin: path.display().to_string() })
}

/// Refuses what could not be a header; the server would only say that it is no token.
pub(super) fn checked(credential: Credential) -> Result<Credential, Failure> {
    if credential.token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(credential);
    }
    Err(Failure::misconfigured(
        format!(
            "the token of {} has white space or other characters in it that no token has",
            credential.origin
        ),
        "write the token alone, on one line",
    ))
}

fn none() -> Failure {
    Failure::misconfigured(
        "there is no token",
        "set `token_file` in a profile, or VAULT_TOKEN in the environment (beside a profile: env = [\"VAULT_TOKEN\"])",
    )
}
