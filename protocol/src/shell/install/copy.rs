//! The copy of the program next to a profile: the command of a profile whose first line cannot name the program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::Place;
use super::text::{Start, has_copy, needs_copy};
use crate::failure::Failure;
use crate::gateway::{is_same, own_path};

/// The most bytes of a file that may be a profile.
const PROFILE_LIMIT: u64 = 1 << 20;

impl Place {
    /// Returns the path of a copy of the program next to the profile.
    pub(super) fn copy_path(&self, binary: &str) -> PathBuf {
        self.folder().join(binary)
    }

    /// Fails if the path of the copy is that of the profile.
    pub(super) fn check_copy(&self, binary: &str) -> Result<(), Failure> {
        let copy = self.copy_path(binary);
        if copy != self.path() {
            return Ok(());
        }
        let what = format!("{} is the path of the profile and of the copy of the program", copy.display());
        Err(Failure::misconfigured(what, "give the profile another name with --to"))
    }

    /// Decides whether `install --copy` makes the copy. `before` is the profile that is there.
    ///
    /// Fails if the path of the copy is that of the program itself, or if it has a file that `install` did not make.
    pub(super) fn plan_copy(
        &self,
        program: &Path,
        binary: &str,
        (before, force): (Option<&str>, bool),
    ) -> Result<Start<'static>, Failure> {
        let copy = self.copy_path(binary);
        if is_same(&copy, program) {
            let what = format!("{} is this program, and cannot be a copy of itself", copy.display());
            return Err(Failure::misconfigured(what, "leave out --copy, or choose another folder with --to"));
        }
        let there = match fs::symlink_metadata(&copy) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Start::Copy),
            Err(error) => return Err(self.problem(&error)),
            Ok(there) => there,
        };
        let is_made = || before.is_some_and(|text| has_copy(binary, text)) || self.has_maker(binary);
        if there.is_file() && !is_made() && has_bytes_of(&copy, program) {
            return Ok(Start::Found);
        }
        if force || there.is_file() && is_made() {
            return Ok(Start::Copy);
        }
        let what = format!("{} is there, and `install` did not write it", copy.display());
        Err(Failure::misconfigured(what, "add --force to replace it, or choose another folder with --to"))
    }

    /// Makes the copy, unless it is there already.
    pub(super) fn copy(&self, program: &Path, binary: &str) -> Result<(), Failure> {
        let copy = self.copy_path(binary);
        if !copy.is_symlink() && has_bytes_of(&copy, program) {
            return Ok(());
        }
        let bytes = fs::read(program).map_err(|error| self.problem(&error))?;
        self.put(binary, &bytes, 0o700)
    }

    /// Removes the copy that `install` made for a profile with this text, unless it is this program or another profile needs
    /// it. Returns its path, or nothing if it stays.
    pub(super) fn remove_copy(&self, binary: &str, text: &str) -> Option<PathBuf> {
        let copy = self.copy_path(binary);
        let is_running = || own_path().map_or(true, |own| is_same(&own, &copy));
        let is_removed = has_copy(binary, text)
            && !copy.is_symlink()
            && !is_running()
            && !self.has_other_profile(&copy)
            && fs::remove_file(&copy).is_ok();
        is_removed.then_some(copy)
    }

    /// Whether a profile of the folder says that `install` made the copy.
    fn has_maker(&self, binary: &str) -> bool {
        let files = self.files().unwrap_or_default();
        files.iter().filter_map(|file| text_of(file)).any(|text| has_copy(binary, &text))
    }

    /// Whether the folder has another profile, which may need the copy of the program.
    fn has_other_profile(&self, copy: &Path) -> bool {
        let is_profile = |file: &PathBuf| {
            // One that names its program does not need the copy.
            let is_other = |text: String| !text.starts_with("#!") || needs_copy(&text);
            if file.extension().is_some_and(|extension| extension == "toml") {
                text_of(file).is_none_or(is_other)
            } else {
                text_of(file).is_some_and(|text| needs_copy(&text))
            }
        };
        let Some(files) = self.files() else { return true };
        files.iter().filter(|file| *file != copy).any(is_profile)
    }

    /// Returns what is in the folder, apart from the profile; `None` if it cannot be listed.
    fn files(&self) -> Option<Vec<PathBuf>> {
        let entries: io::Result<Vec<_>> = fs::read_dir(self.folder()).ok()?.collect();
        let files = entries.ok()?.into_iter().map(|entry| entry.path());
        Some(files.filter(|file| file != self.path()).collect())
    }
}

/// Returns the text of a file that is short enough for a profile.
fn text_of(file: &Path) -> Option<String> {
    let is_short = fs::metadata(file).is_ok_and(|there| there.is_file() && there.len() <= PROFILE_LIMIT);
    if is_short { fs::read_to_string(file).ok() } else { None }
}

fn has_bytes_of(copy: &Path, program: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).ok().map(|file| file.len());
    let read = |path: &Path| fs::read(path).ok();
    length(copy).is_some() && length(copy) == length(program) && read(copy) == read(program)
}
