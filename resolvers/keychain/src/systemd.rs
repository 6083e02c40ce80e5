//! Credentials of systemd: files in a folder that only the unit can read.
//!
//! <https://systemd.io/CREDENTIALS/>

use std::fs::Metadata;
use std::path::Path;
use std::string::FromUtf8Error;

use secretref_protocol::private_files::Access;
use secretref_protocol::{Document, Failure, Listed, Name, Secret, file, words};

use crate::locator::Locator;

/// The credential with the identity of the file store, unless `identity_file` names another file.
pub(crate) const IDENTITY: &str = "keychain-identity";

/// Reads the credential `name`, without the line break that an editor adds at the end.
pub(crate) fn read(folder: &Path, name: &Locator) -> Result<Document, Failure> {
    let path = folder.join(name.to_string());
    if path.ends_with(IDENTITY) {
        return Err(Failure::invalid_id(
            format!("the credential {name} is the encryption key of the `file` store, not a secret"),
            "use another id; if the key of the store is another file, set `identity_file` to it",
        ));
    }
    check(folder)?;
    if !file::is_there(&path) {
        return Err(Failure::not_found(
            format!("there is no credential {name} in {}", folder.display()),
            format!("add LoadCredentialEncrypted={name}:… or LoadCredential={name}:… to the unit"),
        ));
    }
    let bytes = file::read(&path, "credentials")?;
    text(bytes)
        .map(Document::text)
        .map_err(|bytes| Failure::not_text(format!("the credential {name}"), &bytes))
}

/// Fails if the folder does not exist, or if other users can write to it.
fn check(folder: &Path) -> Result<(), Failure> {
    let metadata = folder.metadata().ok().filter(Metadata::is_dir).ok_or_else(|| {
        Failure::misconfigured(
            format!("there is no folder of credentials at {}", folder.display()),
            "set `credentials` to the folder of the unit, /run/credentials/UNIT, and check that the unit is running",
        )
    })?;
    let checked = Access::OnlyOwnWriters.check(&metadata, rustix::process::geteuid().as_raw());
    checked.map_err(|problem| problem.failure(folder.display(), folder))
}

/// Lists the credentials.
pub(crate) fn list(folder: &Path) -> Result<Vec<Listed>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::misconfigured(
            format!("the folder {} cannot be listed ({})", folder.display(), words(&error)),
            "check the path and its permissions",
        )
    })?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let names = names.filter(|name| name != IDENTITY);
    let listed = |id: String| {
        let name = Name { name: id.clone(), is_entry: true, ..Name::default() };
        Listed { id, name, state: None }
    };
    Ok(names.map(listed).collect())
}

/// Returns the text of a file without one line break at its end; the bytes if they are not UTF-8.
fn text(bytes: Vec<u8>) -> Result<Secret, Vec<u8>> {
    let text = Secret::new(String::from_utf8(bytes).map_err(FromUtf8Error::into_bytes)?);
    let line = text.expose().strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let line = line.map(|line| Secret::new(line.to_owned()));
    Ok(line.unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_loses_one_line_end_and_no_more() {
        for (bytes, want) in [
            (&b"sk-1\n"[..], Some("sk-1")),
            (b"sk-1\r\n", Some("sk-1")),
            (b"sk-1", Some("sk-1")),
            (b" a\nb\n\n", Some(" a\nb\n")),
            (b"\xff", None),
        ] {
            assert_eq!(text(bytes.to_vec()).as_ref().ok().map(Secret::expose), want, "{bytes:?}");
        }
    }
}
