//! The credential fields of the gateway's own files that still have plaintext, whether an id has it or not.

use std::fs;
use std::path::{Path, PathBuf};

use super::walk::Walk;
use crate::gateway::CredentialFields;
use crate::shell::import::from::plaintext_of;

/// Returns each file with the name of a field or variable.
pub(super) fn plaintext(walk: &mut Walk, state: &Path) -> Vec<(String, String)> {
    let Ok(state) = fs::canonicalize(state) else { return Vec::new() };
    let agents = fs::read_dir(state.join("agents")).into_iter().flatten().flatten();
    let profiles = agents.map(|agent| agent.path().join("agent/auth-profiles.json"));
    let own = ["openclaw.json", ".env"].map(|name| state.join(name));
    let files = own.into_iter().chain(profiles).filter(|file| file.is_file());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    let (fields, mut found) = (CredentialFields::read(), Vec::new());
    for file in files {
        let path = file.display().to_string();
        match plaintext_of(&path, &fields) {
            Ok(names) => found.extend(names.into_iter().map(|name| (path.clone(), name))),
            Err(failure) => walk.unread.push((file, failure.what().to_owned())),
        }
    }
    found
}
