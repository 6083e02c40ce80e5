//! Facts on a store for somebody who looks after it: who can read what, and what the encryption is good for.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use secretref_protocol::guard::Guard;

use super::folder::objection;
use super::{Files, LAST, STORE};

impl Files {
    /// Whose the folder, the identity and the store are, and what they protect from and what not.
    pub(crate) fn rights(&self) -> Vec<String> {
        let identity = self.identity();
        let files = [self.folder.clone(), identity.clone(), self.folder.join(STORE), self.folder.join(LAST)];
        let mut facts: Vec<String> = files.iter().map(|path| fact(path)).collect();
        let is_beside = identity.parent() == Some(self.folder.as_path());
        if !self.folder.join(STORE).exists() {
            return facts;
        }
        // Whoever lacks the identity cannot read the store; one that others can read is refused by a resolve, too.
        if identity.metadata().is_ok_and(|of| objection(&of, Guard::Secret).is_none()) {
            facts.push("the store is closed to other users of this machine".into());
        }
        facts.push(if is_beside {
            format!(
                "a copy of {STORE} alone is closed to everybody, but a backup or image of the whole folder has the identity in it: keep that elsewhere, or leave it out"
            )
        } else {
            "a backup or image of the folder is closed to everybody: the identity is elsewhere".into()
        });
        facts.push(
            "the store is open to root, and to each program that runs as this user: to the agent too, if it does".into(),
        );
        facts
    }
}

fn fact(path: &Path) -> String {
    match path.metadata() {
        Ok(metadata) => {
            let mode = metadata.mode() & 0o7777;
            format!("{}: mode {mode:04o}, of uid {}", path.display(), metadata.uid())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("{}: not there", path.display())
        }
        Err(error) => format!("{}: cannot be looked at ({error})", path.display()),
    }
}
