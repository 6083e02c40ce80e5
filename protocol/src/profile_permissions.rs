//! The permissions of a profile: only root and this user can have written it, or put another file in its place.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::CWD;

use crate::failure::Failure;
use crate::private_files::{self, Access, Links, Rules};

/// Reads a profile, up to 1 MiB, if only root and the user `uid` can have written it.
pub(crate) fn read_trusted(path: &Path, uid: u32) -> Result<String, Failure> {
    let thing = || format!("the profile {}", path.display());
    let refuse = |why: String, remedy: String| Failure::misconfigured(format!("{} {why}", thing()), remedy);
    let rules = Rules { links: Links::Follow, access: Access::OnlyOwnWriters, uid, limit: 1 };
    // Opened before the folders are checked, so that the file cannot be exchanged after the check.
    let opened = private_files::open(CWD, path, &rules);
    let flaw = flaw(path, uid);
    if let Some(Flaw::Link(link)) = flaw {
        return Err(refuse(
            format!("is reached through the link {}, which belongs to another user", link.display()),
            "use the path of the profile itself, or keep it in a folder of your own".into(),
        ));
    }
    let (file, metadata) = opened.map_err(|problem| problem.failure(thing(), path))?;
    if let Some(Flaw::Folder { folder, why, remedy }) = flaw {
        return Err(refuse(
            format!("is in {}, where other users can replace it: the folder {why}", folder.display()),
            format!("{remedy}, or keep the profile in a folder of your own"),
        ));
    }
    let bytes =
        private_files::read_all(file, &metadata, &rules).map_err(|problem| problem.failure(thing(), path))?;
    String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8".into(), "save it as UTF-8".into()))
}

/// Reads a file, up to 1 MiB, if only root can have written it, or put it in its place.
pub(crate) fn read_of_root(path: &Path) -> Result<String, Failure> {
    let thing = format!("the base {}", path.display());
    let rules = Rules { links: Links::Follow, access: Access::OnlyOwnWriters, uid: 0, limit: 1 };
    let opened = private_files::open(CWD, path, &rules);
    if let Err(problem) = &opened
        && problem.error.is_some()
    {
        return Err(problem.failure(thing, path));
    }
    let (Ok((file, metadata)), None) = (opened, flaw(path, 0)) else {
        return Err(Failure::misconfigured(
            format!(
                "{thing} is not only root's: another user can write it, or replace it in one of its folders"
            ),
            "make the file and its folders root's, and run `chmod go-w` on them; or remove `extends` from the profile",
        ));
    };
    let bytes =
        private_files::read_all(file, &metadata, &rules).map_err(|problem| problem.failure(&thing, path))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::misconfigured(format!("{thing} is not UTF-8"), "save it as UTF-8"))
}

/// Fails if a profile at `path` would be refused, because other users can replace it there.
pub(crate) fn check_place(path: &Path, uid: u32) -> Result<(), Failure> {
    let (folder, why) = match flaw(path, uid) {
        None => return Ok(()),
        Some(Flaw::Link(link)) => (link, "is a link of another user".to_owned()),
        Some(Flaw::Folder { folder, why, .. }) => (folder, why),
    };
    Err(Failure::misconfigured(
        format!("other users could replace a profile in {}: {} {why}", path.display(), folder.display()),
        format!(
            "name a place with --to in which all folders belong to root or this user and are writable by them only; of a shared \
             volume, the owner can run `chmod +t {}`, so that users replace only their own files",
            folder.display()
        ),
    ))
}

/// Returns the folder or link by which users other than root and `uid` can put another file in the place of `path`.
pub(crate) fn replaceable_in(path: &Path, uid: u32) -> Option<PathBuf> {
    flaw(path, uid).map(|flaw| match flaw {
        Flaw::Folder { folder, .. } | Flaw::Link(folder) => folder,
    })
}

/// The most links that a path may lead through, as in the kernel.
const LINKS: usize = 40;

/// A place in a path where users other than root and this user decide which file it leads to.
enum Flaw {
    /// A folder in which they can replace an entry; why they can, and the remedy.
    Folder { folder: PathBuf, why: String, remedy: String },
    /// A link of theirs. They can make one in a sticky folder, and the kernel follows it if `fs.protected_symlinks` is
    /// off.
    Link(PathBuf),
}

/// Returns the first flaw in a path. Every folder in which a part of the path is looked up counts, also those that a link
/// leads through.
fn flaw(path: &Path, uid: u32) -> Option<Flaw> {
    let mut rest: VecDeque<OsString> = parts(&std::path::absolute(path).ok()?);
    let mut folder = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            folder.pop();
            continue;
        }
        if let Some((why, remedy)) = can_be_replaced(&folder, uid) {
            return Some(Flaw::Folder { folder, why, remedy });
        }
        if links > LINKS {
            let (why, remedy) = ("has links that lead in a circle".into(), "correct the links".into());
            return Some(Flaw::Folder { folder, why, remedy });
        }
        let entry = folder.join(part);
        if let Ok(target) = std::fs::read_link(&entry) {
            if is_shared(&folder) && !is_own(&entry, uid) {
                return Some(Flaw::Link(entry));
            }
            links += 1;
            if target.is_absolute() {
                folder = PathBuf::from("/");
            }
            rest = parts(&target).into_iter().chain(rest).collect();
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

/// Returns why other users can replace an entry of a folder, and the remedy. In a sticky folder (`/tmp`) they cannot.
fn can_be_replaced(folder: &Path, uid: u32) -> Option<(String, String)> {
    let Ok(metadata) = std::fs::metadata(folder) else {
        return Some(("cannot be examined".into(), "check its permissions".into()));
    };
    let is_sticky = metadata.mode() & 0o1000 != 0 && (metadata.uid() == uid || metadata.uid() == 0);
    let problem = Access::OnlyOwnWriters.check(&metadata, uid).err().filter(|_| !is_sticky)?;
    let remedy = problem.remedy(folder);
    Some((problem.why, remedy))
}

/// Whether other users can make entries in a folder.
fn is_shared(folder: &Path) -> bool {
    std::fs::metadata(folder).map_or(true, |metadata| metadata.mode() & 0o022 != 0)
}

/// Whether a link belongs to root or this user.
fn is_own(link: &Path, uid: u32) -> bool {
    std::fs::symlink_metadata(link).is_ok_and(|metadata| metadata.uid() == uid || metadata.uid() == 0)
}
