//! The path of this program that an upgrade of its package keeps.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use crate::failure::Failure;
use crate::system_error::words;

/// Returns a path of this program that is still there after an upgrade.
///
/// # Errors
/// `MISCONFIGURED` if the system does not tell the path of the program.
pub(crate) fn own_path() -> Result<PathBuf, Failure> {
    let running = std::env::current_exe().map_err(|error| {
        let what = format!("the path of this program is unknown ({})", words(&error));
        Failure::misconfigured(what, "start it by its absolute path")
    })?;
    let is_it = |candidate: &PathBuf| is_same(candidate, &running);
    Ok(candidates(&running).into_iter().find(is_it).unwrap_or(running))
}

/// Returns the paths that packages keep: Homebrew's `opt`, and the folders that every system has.
fn candidates(running: &Path) -> Vec<PathBuf> {
    let name = running.file_name().unwrap_or_default();
    let of_system = ["/usr/bin", "/usr/local/bin"].map(|folder| Path::new(folder).join(name));
    homebrew(running).into_iter().chain(of_system).collect()
}

/// `PREFIX/Cellar/NAME/VERSION/bin/x` → `PREFIX/opt/NAME/bin/x`.
fn homebrew(running: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = running.components().collect();
    let cellar = parts.iter().position(|part| *part == Component::Normal("Cellar".as_ref()))?;
    let (prefix, [_, formula, _, rest @ ..]) = parts.split_at(cellar) else { return None };
    let prefix: PathBuf = prefix.iter().collect();
    Some(prefix.join("opt").join(formula).join(rest.iter().collect::<PathBuf>()))
}

/// Whether two paths lead to the same file.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    file(one).is_some_and(|one| file(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homebrew_keeps_the_path_below_opt() {
        for (running, stable) in [
            ("/opt/homebrew/Cellar/secretref/1.2.0/bin/x", Some("/opt/homebrew/opt/secretref/bin/x")),
            ("/home/linuxbrew/.linuxbrew/Cellar/s/1_1/bin/x", Some("/home/linuxbrew/.linuxbrew/opt/s/bin/x")),
            ("/usr/bin/x", None),
            ("/Cellar", None),
        ] {
            assert_eq!(homebrew(Path::new(running)), stable.map(PathBuf::from), "{running}");
        }
    }
}
