//! What `doctor` says of a keychain: where it is, who provides it, and whether it is unlocked.

use std::path::Path;

use secretref_protocol::{Failure, Run, Stage};

use super::calls::{NAME, call_bus};
use super::collections::Collection;
use super::{Service, take};

impl Service {
    /// Notes what the provider says of itself.
    pub(crate) async fn inspect(&self, run: &Run) -> Result<(), Failure> {
        run.note(Stage::Connection, format!("the bus at {}", self.place));
        self.databases().await?;
        self.session().await?;
        run.note(Stage::SignIn, format!("provided by {}; session {}", self.provider().await?, self.wire));
        let collections = self.collections().await?;
        if !collections.iter().any(|collection| collection.is_default) {
            run.note(Stage::SignIn, "there is no default keychain: `unlock` makes one");
        }
        let mut locked = Ok(());
        for collection in collections {
            if collection.is_default && collection.is_locked {
                locked = Err(self.closed(&collection, "the default keychain").await);
            }
            let Collection { label, is_locked, is_default } = collection;
            let (which, state) = match (is_default, is_locked) {
                (true, true) => ("the default", "locked"),
                (true, false) => ("the default", "unlocked"),
                (false, true) => ("another", "locked"),
                // gnome-keyring has one more that lasts for the session, and is always so.
                (false, false) => continue,
            };
            run.note(Stage::SignIn, format!("{which} keychain is {label}, {state}"));
            run.conceal("keychain", label);
        }
        locked
    }

    /// The program that provides the keychain.
    pub(super) async fn provider(&self) -> Result<String, Failure> {
        let id: u32 = take(&self.answer(call_bus("GetConnectionUnixProcessID", NAME)).await?)?;
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let program = line.split(|byte| *byte == 0).next().map(String::from_utf8_lossy).unwrap_or_default();
        let name = Path::new(program.as_ref()).file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(name.map_or_else(|| format!("process {id}"), |name| format!("{name}, process {id}")))
    }
}
