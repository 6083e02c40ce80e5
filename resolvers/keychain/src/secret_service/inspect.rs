//! What `doctor` reports: the bus, the keychain provider, and which keychains are unlocked.

use std::path::Path;

use secretref_protocol::{Failure, Run, Stage};

use super::calls::{NAME, call_bus};
use super::collections::Collection;
use super::{Service, take};
use crate::locator::keychain_of;

impl Service {
    /// Records the bus, the provider and the state of its keychains.
    pub(crate) async fn inspect(&self, run: &Run) -> Result<(), Failure> {
        run.fact(Stage::Connection, format!("the bus at {}", self.place));
        self.databases().await?;
        self.session().await?;
        run.fact(Stage::SignIn, format!("provided by {}; session {}", self.provider().await?, self.wire));
        self.open_without_password().await;
        let collections = self.collections().await?;
        let mut state = Ok(());
        if !collections.iter().any(|collection| collection.is_default) {
            state = Err(self.no_default().await);
        }
        for collection in collections {
            if collection.is_default && collection.is_locked {
                state = Err(self.closed(&collection, "the default keychain").await);
            } else if collection.is_default {
                state = self.has_file(&collection.path).await;
            }
            if let Some(caution) = self.clear_text(&collection.path).await {
                run.fact(Stage::SignIn, caution);
                run.redact("keychain", keychain_of(&collection.path));
            }
            let Collection { label, is_locked, is_default, .. } = collection;
            let (which, state) = match (is_default, is_locked) {
                (true, true) => ("the default", "locked"),
                (true, false) => ("the default", "unlocked"),
                (false, true) => ("another", "locked"),
                // gnome-keyring has another one for the session, which is always unlocked.
                (false, false) => continue,
            };
            run.fact(Stage::SignIn, format!("{which} keychain is {label}, {state}"));
            run.redact("keychain", label);
        }
        state
    }

    /// Returns the program that provides the keychain.
    pub(super) async fn provider(&self) -> Result<String, Failure> {
        let id = self.process().await?;
        Ok(program(id).map_or_else(|| format!("process {id}"), |name| format!("{name}, process {id}")))
    }

    /// Returns the process of that program.
    pub(super) async fn process(&self) -> Result<u32, Failure> {
        take(&self.answer(call_bus("GetConnectionUnixProcessID", NAME)).await?)
    }
}

/// Returns the name of a process's program.
pub(super) fn program(process: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let program = line.split(|byte| *byte == 0).next().map(String::from_utf8_lossy)?;
    Path::new(program.as_ref()).file_name().map(|name| name.to_string_lossy().into_owned())
}
