//! Opening and reading a file, with a check of its type, owner, mode and length.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::Access;
use crate::failure::Failure;
use crate::system_error::words;

/// The conditions under which a file is read.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether the file may be reached through a symbolic link.
    pub links: Links,
    /// The users who may have access to the file.
    pub access: Access,
    /// The user who reads the file.
    pub uid: u32,
    /// The most that the file may hold, in MiB.
    pub limit: u64,
}

/// Whether a symbolic link is followed to a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// A link is followed. Mounted credentials often are links.
    Follow,
    /// A link is an error.
    Refuse,
}

/// Why a file or folder cannot be used, and what to do about it.
#[derive(Debug)]
pub struct Problem {
    /// What is wrong, as it follows a path: `is not a regular file`.
    pub why: String,
    /// What to do next, apart from `chmod`.
    pub remedy: String,
    /// The change of its mode that `chmod` has to make: `go-w`.
    pub chmod: Option<&'static str>,
    /// The error of the system, if there was one.
    pub error: Option<io::Error>,
}

impl Problem {
    pub(super) fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { why: why.into(), remedy: remedy.into(), chmod: None, error: None }
    }

    /// A mode that gives other users too much access.
    pub(super) fn mode(why: &str, chmod: &'static str, remedy: &str) -> Self {
        Self { chmod: Some(chmod), ..Self::new(why, remedy) }
    }

    /// What to do next about `path`, which is the file or folder.
    #[must_use]
    pub fn remedy(&self, path: &Path) -> String {
        let chmod = self.chmod.map(|change| format!("run `chmod {change} {}`", path.display()));
        let remedy = Some(self.remedy.clone()).filter(|remedy| !remedy.is_empty());
        chmod.into_iter().chain(remedy).collect::<Vec<_>>().join(", ")
    }

    /// Whether the file or folder does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Makes this the failure of `thing`, which is `path` with more words if a person needs them.
    #[must_use]
    pub fn failure(&self, thing: impl std::fmt::Display, path: &Path) -> Failure {
        let too_many = self.error.as_ref().and_then(Failure::too_many_files);
        too_many.unwrap_or_else(|| Failure::misconfigured(format!("{thing} {}", self.why), self.remedy(path)))
    }
}

/// The error of the system for a file or folder that cannot be opened.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        let why = format!("cannot be opened ({})", words(&error));
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "let the user who runs this read it, and enter its folders",
            _ => "check the path and its permissions",
        };
        Self { error: Some(error), ..Self::new(why, remedy) }
    }
}

/// Opens the file `name` of a folder, which may be [`rustix::fs::CWD`], and checks it.
///
/// Only a regular file is opened: a pipe or a device could block the process.
pub(crate) fn open(folder: impl AsFd, name: &Path, rules: &Rules) -> Result<(File, Metadata), Problem> {
    let mut flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    flags.set(OFlags::NOFOLLOW, rules.links == Links::Refuse);
    let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty()).map_err(io::Error::from)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Problem::new("is not a regular file", "check the path"));
    }
    rules.access.check(&metadata, rules.uid)?;
    Ok((file, metadata))
}

/// Reads an open file up to the limit.
pub(crate) fn read_all(file: File, metadata: &Metadata, rules: &Rules) -> Result<Vec<u8>, Problem> {
    let limit = rules.limit << 20;
    // Room for one byte more, so that the end of the file is seen without another allocation.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1);
    match file.take(limit + 1).read_to_end(&mut bytes) {
        Ok(count) if count as u64 > limit => Err(Problem::new(
            format!("is longer than {} MiB", rules.limit),
            "check that it is the right file",
        )),
        Ok(_) => Ok(bytes),
        Err(error) => {
            let why = format!("cannot be read ({})", words(&error));
            Err(Problem { error: Some(error), ..Problem::new(why, "check the file system") })
        }
    }
}

/// Opens, checks and reads a file. The path may be a name in a folder, or any path in [`rustix::fs::CWD`].
///
/// # Errors
/// A file that is missing, not regular, too long, or open to other users than the rules allow.
pub fn read(folder: impl AsFd, name: &Path, rules: &Rules) -> Result<(Vec<u8>, Metadata), Problem> {
    let (file, metadata) = open(folder, name, rules)?;
    Ok((read_all(file, &metadata, rules)?, metadata))
}
