//! systemd's credentials: files that only the unit can read, in a folder of its own.
//!
//! <https://systemd.io/CREDENTIALS/>

use std::fs::Metadata;
use std::path::Path;
use std::string::FromUtf8Error;

use secretref_protocol::guard::{self, Guard};
use secretref_protocol::{Document, Failure, Listed, Name, Secret, file};

use crate::locator::Locator;

/// The credential of a unit that the file store is encrypted to, where nothing else is said.
pub(crate) const IDENTITY: &str = "keychain-identity";

/// Reads the credential `name`, without the line end that an editor leaves at its end.
pub(crate) fn read(folder: &Path, name: &Locator) -> Result<Document, Failure> {
    let path = folder.join(name.to_string());
    if path.ends_with(IDENTITY) {
        return Err(Failure::invalid_id(
            format!("the credential {name} is the key of the store file, and no secret"),
            "ask for another; a key of another name can be named in `identity_file`",
        ));
    }
    trusted(folder)?;
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

/// Fails where there is no such folder, or others can put a file there.
fn trusted(folder: &Path) -> Result<(), Failure> {
    let metadata = folder.metadata().ok().filter(Metadata::is_dir).ok_or_else(|| {
        Failure::misconfigured(
            format!("there is no folder of credentials at {}", folder.display()),
            "name the one of the unit in `credentials`, /run/credentials/UNIT, and see whether the unit runs",
        )
    })?;
    match guard::objection(&metadata, Guard::Written, rustix::process::geteuid().as_raw()) {
        Some((why, remedy)) => Err(Failure::misconfigured(format!("{} {why}", folder.display()), remedy)),
        None => Ok(()),
    }
}

/// The credentials there are.
pub(crate) fn list(folder: &Path) -> Result<Vec<Listed>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::misconfigured(
            format!("the folder {} cannot be listed ({error})", folder.display()),
            "check the path and its permissions",
        )
    })?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let names = names.filter(|name| name != IDENTITY);
    let listed = |id: String| {
        let name = Name { name: id.clone(), is_entry: true, ..Name::default() };
        Listed { id, name }
    };
    Ok(names.map(listed).collect())
}

/// The text of a file, else its bytes.
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
