//! Asks the gateway to reload its secrets, by its own command.

use std::io::{self, ErrorKind, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;

use crate::failure::{Failure, Kind};
use crate::system_error::words;

/// How long the command may take: it starts Node, and the gateway resolves all its secrets.
pub(super) const LIMIT: Duration = Duration::from_mins(2);

/// How often its end is looked for.
const PAUSE: Duration = Duration::from_millis(20);

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
    let mut child = start(openclaw, config).map_err(|error| {
        let remedy = "name the gateway's command with --openclaw, as an absolute path for a timer";
        let what = format!("{} cannot be started ({})", openclaw.display(), words(&error));
        Failure::misconfigured(
            what,
            if error.kind() == ErrorKind::NotFound { remedy } else { "check its mode" },
        )
    })?;
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(said(&mut child)),
            Ok(Some(status)) => {
                return Err(failed(status, &said(&mut child)));
            }
            Ok(None) => sleep(PAUSE),
            Err(error) => return Err(Failure::internal(format!("no end of a child ({})", words(&error)))),
        }
    }
    stop(&mut child);
    let what = format!("`openclaw secrets reload` did not end within {} s", LIMIT.as_secs());
    Err(Failure::new(Kind::Timeout, what, "check that the gateway answers"))
}

fn failed(status: ExitStatus, said: &Reloaded) -> Failure {
    let words = said.error.message.lines().next().map(|line| format!(": {line}")).unwrap_or_default();
    let what = format!("`openclaw secrets reload` failed ({status}){words}");
    Failure::new(Kind::Unavailable, what, "check that the gateway runs")
}

#[expect(clippy::disallowed_methods, reason = "a person asked for this start; it is no resolve")]
fn start(openclaw: &Path, config: Option<&Path>) -> io::Result<Child> {
    let mut command = Command::new(openclaw);
    command
        .args(["secrets", "reload", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0);
    if let Some(config) = config {
        command.env("OPENCLAW_CONFIG_PATH", std::path::absolute(config)?);
    }
    command.spawn()
}

/// Reads what the command has printed; nothing if it is not the JSON of this version of the gateway.
fn said(child: &mut Child) -> Reloaded {
    let mut text = String::new();
    let stdout = child.stdout.take();
    let _ = stdout.map(|stdout| stdout.take(64 << 10).read_to_string(&mut text));
    serde_json::from_str(&text).unwrap_or_default()
}

fn stop(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}
