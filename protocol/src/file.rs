//! Files that a setting names: credentials and certificates.

use std::fs::Metadata;
use std::path::Path;

use rustix::fs::CWD;

use crate::failure::Failure;
use crate::private_files::{self, Access, Links, Rules};
use crate::secret::Secret;

/// Kubernetes mounts the files of root through links, and a Vault Agent writes with its own user; so the owner does not
/// matter and links are followed.
const RULES: Rules = Rules { links: Links::Follow, access: Access::NotWorldWritable, uid: 0, limit: 1 };

/// Whether `path` exists. One that this user may not look at counts as existing, so that reading it says why it fails.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    !matches!(path.metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// Reads the file of certificates or credentials that `setting` names, up to 1 MiB.
///
/// # Errors
/// `MISCONFIGURED` if the file is missing, not regular, too long or world-writable.
pub fn read(path: &Path, setting: &str) -> Result<Vec<u8>, Failure> {
    read_with_metadata(path, setting).map(|(bytes, _)| bytes)
}

/// Reads a file, and returns its owner and mode too.
pub(crate) fn read_with_metadata(path: &Path, setting: &str) -> Result<(Vec<u8>, Metadata), Failure> {
    private_files::read(CWD, path, &RULES).map_err(|problem| problem.failure(named(path, setting), path))
}

/// Reads the credential in the file that `setting` names, without the white space around it.
///
/// # Errors
/// As [`read`], and `MISCONFIGURED` if the file is empty or not UTF-8.
pub fn read_secret(path: &Path, setting: &str) -> Result<Secret, Failure> {
    read_secret_with_metadata(path, setting).map(|(secret, _)| secret)
}

/// Reads a credential, and returns the owner and mode of its file too.
pub(crate) fn read_secret_with_metadata(path: &Path, setting: &str) -> Result<(Secret, Metadata), Failure> {
    let wrong = |why: &str| {
        let remedy = "write the credential to it as UTF-8 text without a byte order mark";
        Failure::misconfigured(format!("{} {why}", named(path, setting)), remedy)
    };
    let (bytes, metadata) = read_with_metadata(path, setting)?;
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(wrong("is UTF-16, not UTF-8"));
    }
    let text = Secret::new(String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))?);
    match text.expose().trim() {
        "" => Err(wrong("is empty")),
        marked if marked.starts_with('\u{feff}') => {
            Err(wrong("begins with a byte order mark, so it was not sent"))
        }
        trimmed => Ok((Secret::new(trimmed.to_owned()), metadata)),
    }
}

fn named(path: &Path, setting: &str) -> String {
    format!("{}, which `{setting}` names,", path.display())
}
