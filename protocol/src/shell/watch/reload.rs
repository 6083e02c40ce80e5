//! Asks the gateway to reload its secrets, by its own command.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde::Deserialize;

use super::super::command_output::{CommandOutput, command_output};
use crate::environment::Environment;
use crate::failure::{Failure, Kind};
use crate::system_error::words;

/// How long the command may take: it starts Node, and the gateway resolves all its secrets.
pub(super) const LIMIT: Duration = Duration::from_mins(2);

/// How much of its output is read. Of a longer one, nothing is understood.
const MOST: usize = 1 << 20;

/// What the gateway says about a reload.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reloaded {
    /// How many warnings it has: owners whose secret it could not read.
    pub(super) warning_count: u64,
    error: Words,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Words {
    message: String,
}

/// Runs `openclaw secrets reload` for the gateway with this config, if one was named.
///
/// # Errors
/// The command cannot be started, fails or does not end.
pub(super) fn reload(openclaw: &Path, config: Option<&Path>) -> Result<Reloaded, Failure> {
    let output = start(openclaw, config).map_err(|error| not_started(openclaw, &error))?;
    let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
    match output.status {
        Some(status) if status.success() => Ok(said),
        Some(status) => Err(failed(status, &said)),
        None => {
            let what = format!("`openclaw secrets reload` did not end within {} s", LIMIT.as_secs());
            Err(Failure::new(Kind::Timeout, what, "check that the gateway answers"))
        }
    }
}

/// Fails if there is no such command that this user may run. It is only needed once a secret was rotated, and that would be
/// a late time to find it out.
///
/// # Errors
/// Which command, and what to do.
pub(super) fn check(openclaw: &Path, environment: &Environment) -> Result<(), Failure> {
    let path = environment.variable("PATH").unwrap_or_else(|| "/usr/bin:/bin".to_owned());
    let places: Vec<PathBuf> = if openclaw.components().count() > 1 || openclaw.is_absolute() {
        vec![openclaw.to_owned()]
    } else {
        path.split(':').map(|folder| Path::new(folder).join(openclaw)).collect()
    };
    let is_command =
        |place: &PathBuf| place.is_file() && rustix::fs::access(place, rustix::fs::Access::EXEC_OK).is_ok();
    if places.iter().any(is_command) {
        return Ok(());
    }
    Err(not_started(openclaw, &ErrorKind::NotFound.into()))
}

fn not_started(openclaw: &Path, error: &io::Error) -> Failure {
    let what = format!("the gateway's command {} cannot be started ({})", openclaw.display(), words(error));
    let remedy = "name the gateway's command with --openclaw, as an absolute path for a timer";
    Failure::misconfigured(what, if error.kind() == ErrorKind::NotFound { remedy } else { "check its mode" })
}

fn failed(status: ExitStatus, said: &Reloaded) -> Failure {
    let words = said.error.message.lines().next().map(|line| format!(": {line}")).unwrap_or_default();
    let what = format!("`openclaw secrets reload` failed ({status}){words}");
    Failure::new(Kind::Unavailable, what, "check that the gateway runs")
}

#[expect(clippy::disallowed_methods, reason = "a person asked for this start; it is no resolve")]
fn start(openclaw: &Path, config: Option<&Path>) -> io::Result<CommandOutput> {
    let mut command = Command::new(openclaw);
    command.args(["secrets", "reload", "--json"]);
    if let Some(config) = config {
        command.env("OPENCLAW_CONFIG_PATH", std::path::absolute(config)?);
    }
    command_output(&mut command, LIMIT, MOST)
}
