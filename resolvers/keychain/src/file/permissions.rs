//! Facts for `doctor`: who can read the files of a store, and what the encryption protects from.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use secretref_protocol::private_files::Access;
use secretref_protocol::words;

use super::folder::uid;
use super::{Files, LAST, STORE};

impl Files {
    /// Lists the owner and mode of each file, and what the encryption protects from and what not.
    pub(crate) fn permissions(&self) -> Vec<String> {
        let identity = self.identity();
        let files = [
            ("the folder", self.folder.clone()),
            ("the identity", identity.clone()),
            ("the store", self.folder.join(STORE)),
            ("the store before the last change", self.folder.join(LAST)),
        ];
        let mut facts: Vec<String> = files.iter().map(|(name, path)| owner_and_mode(name, path)).collect();
        if !self.folder.join(STORE).exists() {
            return facts;
        }
        // A user without the identity cannot read the store, whatever its mode. A resolve refuses an identity that other
        // users can read.
        let is_private = |metadata| Access::OnlyOwnReaders.check(&metadata, uid()).is_ok();
        if identity.metadata().is_ok_and(is_private) {
            facts.push("other users of this machine cannot read the store".into());
        }
        facts.push(if identity.parent() == Some(self.folder.as_path()) {
            format!(
                "a copy of {STORE} alone cannot be read, but a backup or image of the whole folder contains the identity: keep the identity elsewhere, or leave it out"
            )
        } else {
            "a backup or image of the folder cannot be read: the identity is elsewhere".into()
        });
        facts.push(
            "root and every program of this user can read the store: an agent that runs as this user can, too"
                .into(),
        );
        facts
    }
}

fn owner_and_mode(name: &str, path: &Path) -> String {
    let status = match path.metadata() {
        Ok(metadata) => {
            let mode = metadata.mode() & 0o7777;
            format!("mode {mode:04o}, owned by uid {}", metadata.uid())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => "does not exist".to_owned(),
        Err(error) => format!("cannot be examined ({})", words(&error)),
    };
    format!("{name} {}: {status}", path.display())
}
