//! Files that a setting names: credentials and certificates.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::failure::Failure;
use crate::secret::Secret;
use crate::system_error::words;

/// The most bytes of such a file.
const LIMIT: u64 = 1 << 20;

/// Opens a regular file; a pipe or device would hold the process up.
pub(crate) fn open(path: &Path, setting: &str) -> Result<(File, Metadata), Failure> {
    let failed = |why: String| {
        Failure::misconfigured(
            format!("{}, which `{setting}` names, {why}", path.display()),
            "check the path and its permissions",
        )
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map(File::from);
    let file = file.map_err(|errno| failed(format!("cannot be opened ({})", words(&errno.into()))))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok((file, metadata)),
        _ => Err(failed("is not a regular file".into())),
    }
}

/// Whether there is something at `path`, be it something that may not be looked at.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    !matches!(path.metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// Reads a file of certificates or credentials.
///
/// Links are followed and the owner may be anyone (Kubernetes mounts root's files through links, a Vault Agent writes
/// with a user of its own), but a file that everybody can write is refused.
pub fn read(path: &Path, setting: &str) -> Result<Vec<u8>, Failure> {
    read_with_metadata(path, setting).map(|(bytes, _)| bytes)
}

pub(crate) fn read_with_metadata(path: &Path, setting: &str) -> Result<(Vec<u8>, Metadata), Failure> {
    let failed = |why: &str, remedy: &str| {
        Failure::misconfigured(format!("{}, which `{setting}` names, {why}", path.display()), remedy)
    };
    let (file, metadata) = open(path, setting)?;
    if metadata.mode() & 0o002 != 0 {
        return Err(failed("can be written by everybody", "chmod o-w it"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(LIMIT)).unwrap_or(0) + 1);
    let read = file.take(LIMIT + 1).read_to_end(&mut bytes);
    match read {
        Ok(count) if count as u64 > LIMIT => Err(failed("is longer than 1 MiB", "name the right file")),
        Ok(_) => Ok((bytes, metadata)),
        Err(_) => Err(failed("cannot be read", "check the file system")),
    }
}

/// Reads a credential, without the white space around it.
pub fn read_secret(path: &Path, setting: &str) -> Result<Secret, Failure> {
    read_secret_with_metadata(path, setting).map(|(secret, _)| secret)
}

/// The same, with what there is to say of the file.
pub(crate) fn read_secret_with_metadata(path: &Path, setting: &str) -> Result<(Secret, Metadata), Failure> {
    let wrong = |why: &str| {
        Failure::misconfigured(
            format!("{}, which `{setting}` names, {why}", path.display()),
            "write the credential into it, as UTF-8 text",
        )
    };
    let (bytes, metadata) = read_with_metadata(path, setting)?;
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(wrong("is UTF-16, and not UTF-8"));
    }
    let text = Secret::new(String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))?);
    match text.expose().trim() {
        "" => Err(wrong("is empty")),
        trimmed => Ok((Secret::new(trimmed.to_owned()), metadata)),
    }
}
