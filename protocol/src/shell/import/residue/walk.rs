//! The files below some folders. Links are not followed, and only regular files are searched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::system_error::words;

/// How deep a folder is searched.
const DEPTH: usize = 48;

/// How many files are searched.
const FILES: usize = 200_000;

/// What there is to search.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) files: Vec<PathBuf>,
    /// What cannot be searched, and why.
    pub(super) unread: Vec<(PathBuf, String)>,
    /// The links that were not followed.
    pub(super) links: Vec<PathBuf>,
    /// The files that were searched as they are, and not what is compressed in them.
    pub(super) compressed: Vec<PathBuf>,
}

impl Walk {
    /// Adds what a person has named. A link is followed here, as a state folder may be one.
    pub(super) fn add_root(&mut self, path: &Path) {
        let root = fs::canonicalize(path);
        match root.and_then(|root| fs::metadata(&root).map(|metadata| (root, metadata.is_dir()))) {
            Ok((root, true)) => self.add_folder(&root, 0),
            Ok((root, false)) => self.files.push(root),
            Err(error) => self.unread.push((path.to_owned(), words(&error))),
        }
    }

    /// Adds the entries of a folder whose name has this word in it; none if there is no such folder.
    pub(super) fn add_named(&mut self, folder: &Path, word: &str) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().contains(word)) {
            self.add(&entry.path(), entry.file_type(), 1);
        }
    }

    fn add_folder(&mut self, folder: &Path, depth: usize) {
        if depth > DEPTH {
            return self.unread.push((folder.to_owned(), "it is too deep".to_owned()));
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.unread.push((folder.to_owned(), words(&error))),
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.add(&entry.path(), entry.file_type(), depth + 1);
        }
    }

    fn add(&mut self, path: &Path, kind: io::Result<fs::FileType>, depth: usize) {
        match kind {
            Ok(kind) if kind.is_dir() => self.add_folder(path, depth),
            Ok(kind) if kind.is_symlink() => self.links.push(path.to_owned()),
            Ok(kind) if kind.is_file() && self.files.len() < FILES => {
                if is_compressed(path) {
                    self.compressed.push(path.to_owned());
                }
                self.files.push(path.to_owned());
            }
            Ok(kind) if kind.is_file() => {
                self.unread.push((path.to_owned(), format!("there are more than {FILES} files")));
            }
            // Sockets, pipes and devices have no content of their own.
            Ok(_) => {}
            Err(error) => self.unread.push((path.to_owned(), words(&error))),
        }
    }
}

/// Whether the name of a file says that it is compressed.
fn is_compressed(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    ["gz", "tgz", "bz2", "xz", "zst", "zip", "7z"].contains(&end.as_str())
}
