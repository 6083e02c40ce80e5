//! What `doctor` says of a keychain: where it is, who provides it, and whether it is unlocked.

use std::path::Path;

use secretref_protocol::{Failure, Run, Stage};

use super::{NAME, Service, take};

impl Service {
    /// Notes what the provider says of itself.
    pub(crate) async fn inspect(&self, run: &Run) -> Result<(), Failure> {
        run.note(Stage::Connection, format!("the bus at {}", self.place));
        self.greet().await?;
        self.session().await?;
        run.note(Stage::SignIn, format!("provided by {}; session {}", self.provider().await?, self.wire));
        let Some(collection) = self.default_collection().await? else {
            run.note(Stage::SignIn, "there is no default keychain");
            return Ok(());
        };
        let label = self.label(&collection).await?;
        let state = if self.is_locked(&collection).await? { "locked" } else { "unlocked" };
        if label.is_empty() {
            run.note(Stage::SignIn, format!("the default keychain has no name, and is {state}"));
        } else {
            run.conceal("keychain", label.clone());
            run.note(Stage::SignIn, format!("the default keychain is {label}, {state}"));
        }
        Ok(())
    }

    /// The program that provides the keychain.
    async fn provider(&self) -> Result<String, Failure> {
        let id: u32 = take(&self.ask_bus("GetConnectionUnixProcessID", &NAME).await?)?;
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let program = line.split(|byte| *byte == 0).next().map(String::from_utf8_lossy).unwrap_or_default();
        let name = Path::new(program.as_ref()).file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(name.map_or_else(|| format!("process {id}"), |name| format!("{name}, process {id}")))
    }
}
