//! Who may have written a profile: root and this user, and nobody who could have put another in its place.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use crate::failure::Failure;
use crate::file;
use crate::guard::{Guard, objection};

/// The most bytes of a profile.
const LIMIT: u64 = 1 << 20;

/// Reads a file that only root and this user can have written.
pub(crate) fn read_trusted(path: &Path, uid: u32) -> Result<String, Failure> {
    let refuse = |why: String, remedy: &str| {
        Failure::misconfigured(format!("the profile {} {why}", path.display()), remedy.to_owned())
    };
    let opened = file::open(path, "--profile");
    let flaw = flaw(path, uid);
    if let Some(Flaw::Link(link)) = flaw {
        return Err(refuse(
            format!("is reached through the link {}, which belongs to another user", link.display()),
            "name the profile itself, or keep it in a folder of your own",
        ));
    }
    let (file, metadata) = opened?;
    if let Some((why, remedy)) = objection(&metadata, Guard::Written, uid) {
        return Err(refuse(why, &remedy));
    }
    if let Some(Flaw::Folder { folder, why, remedy }) = flaw {
        return Err(refuse(
            format!("is in {}, where others can put another in its place: it {why}", folder.display()),
            &format!("{remedy}, or keep the profile in a folder of your own"),
        ));
    }
    let mut text = String::with_capacity(usize::try_from(metadata.len().min(LIMIT)).unwrap_or(0) + 1);
    match file.take(LIMIT + 1).read_to_string(&mut text) {
        Ok(count) if count as u64 > LIMIT => {
            Err(refuse("is longer than 1 MiB".into(), "name the right file"))
        }
        Ok(_) => Ok(text),
        Err(_) => Err(refuse("is not UTF-8".into(), "save it as UTF-8")),
    }
}

/// The most links on the way to a profile, as the kernel has it.
const LINKS: usize = 40;

/// Where others than root and this user decide what a path leads to.
enum Flaw {
    /// A folder in which they can replace an entry, why, and the remedy.
    Folder { folder: PathBuf, why: String, remedy: String },
    /// A link of theirs. In a sticky folder others can make one, and the kernel follows it where
    /// `fs.protected_symlinks` is off.
    Link(PathBuf),
}

/// The first flaw on the way to `path`. Every folder in which a part of the way is looked up counts, those that links
/// lead through included.
fn flaw(path: &Path, uid: u32) -> Option<Flaw> {
    let mut way: VecDeque<OsString> = parts(&std::path::absolute(path).ok()?);
    let mut folder = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = way.pop_front() {
        if part == ".." {
            folder.pop();
            continue;
        }
        if let Some((why, remedy)) = can_be_replaced(&folder, uid) {
            return Some(Flaw::Folder { folder, why, remedy });
        }
        if links > LINKS {
            let (why, remedy) = ("has links that lead in a circle".into(), "mend them".into());
            return Some(Flaw::Folder { folder, why, remedy });
        }
        let entry = folder.join(part);
        if let Ok(target) = std::fs::read_link(&entry) {
            if is_open(&folder) && !is_own(&entry, uid) {
                return Some(Flaw::Link(entry));
            }
            links += 1;
            if target.is_absolute() {
                folder = PathBuf::from("/");
            }
            way = parts(&target).into_iter().chain(way).collect();
        } else {
            folder = entry;
        }
    }
    None
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let named = |part: Component| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(named).collect()
}

/// Why others can replace an entry of a folder, and the remedy. In a sticky one (`/tmp`) they cannot.
fn can_be_replaced(folder: &Path, uid: u32) -> Option<(String, String)> {
    let Ok(metadata) = std::fs::metadata(folder) else {
        return Some(("cannot be looked at".into(), "check its permissions".into()));
    };
    let is_sticky = metadata.mode() & 0o1000 != 0 && (metadata.uid() == uid || metadata.uid() == 0);
    objection(&metadata, Guard::Written, uid).filter(|_| !is_sticky)
}

/// Whether others can make entries in a folder.
fn is_open(folder: &Path) -> bool {
    std::fs::metadata(folder).map_or(true, |metadata| metadata.mode() & 0o022 != 0)
}

/// Whether a link is root's or this user's.
fn is_own(link: &Path, uid: u32) -> bool {
    std::fs::symlink_metadata(link).is_ok_and(|metadata| metadata.uid() == uid || metadata.uid() == 0)
}
