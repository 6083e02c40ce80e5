//! Finds a built resolver, and runs it as a gateway does: no environment, one request on stdin.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How much a run may take longer than its deadline, including the start of the process.
pub const SLACK: Duration = Duration::from_millis(100);

/// The path of a built resolver: in `SECRETREF_BIN`, which `tests/run` sets to the release build, else built here.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    if let Some(folder) = std::env::var_os("SECRETREF_BIN") {
        return Path::new(&folder).join(name);
    }
    let mut built = BUILT.lock().expect("the builds");
    built.entry(name.to_owned()).or_insert_with(|| build(name)).clone()
}

/// Copies a built resolver to `place`, to be run there.
///
/// Another process makes the copy: a file that this process has open for writing is also open in children of other tests,
/// and a program that is open for writing cannot be started (ETXTBSY).
pub fn copy(name: &str, place: &Path) {
    let copied = Command::new("cp").args([path(name).as_path(), place]).status().expect("cp");
    assert!(copied.success(), "no copy at {}", place.display());
}

/// The folder of this repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// A folder where systemd could have put the credentials of a unit.
#[must_use]
pub fn of_a_unit() -> tempfile::TempDir {
    let uid = rustix::process::geteuid();
    let run = if uid.is_root() { String::new() } else { format!("/user/{}", uid.as_raw()) };
    let run = format!("/run{run}/credentials");
    std::fs::create_dir_all(&run).unwrap_or_else(|error| panic!("{run}: {error}"));
    tempfile::tempdir_in(&run).unwrap_or_else(|error| panic!("a folder in {run}: {error}"))
}

fn build(package: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "-q", "-p", package, "--message-format=json"])
        .current_dir(repository())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("the resolver builds")
}

/// The result of a process.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

/// A process that is not started yet.
#[derive(Debug)]
pub struct Run(Command, Vec<u8>);

impl Run {
    /// Runs the program at `path` with an empty environment and nothing on stdin.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        let mut command = Command::new(path.as_ref());
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command, Vec::new())
    }

    /// With these arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Self {
        self.0.args(args);
        self
    }

    /// With this argument.
    #[must_use]
    pub fn arg(self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.args([arg])
    }

    /// With this variable in the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// As another user; needs root.
    #[must_use]
    pub fn uid(mut self, uid: u32) -> Self {
        use std::os::unix::process::CommandExt as _;
        self.0.uid(uid).gid(uid);
        self
    }

    /// With this on stdin, which is then closed.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.1 = bytes.into();
        self
    }

    /// With a request for these ids on stdin.
    #[must_use]
    pub fn request(self, ids: &[&str]) -> Self {
        let request = serde_json::json!({"protocolVersion": 1, "provider": "vault", "ids": ids});
        self.stdin(request.to_string())
    }

    /// The command itself, for a process that [`Run::end`] does not fit.
    #[must_use]
    pub fn command(self) -> Command {
        self.0
    }

    /// Runs it to its end.
    #[must_use]
    pub fn end(mut self) -> Ended {
        let started = Instant::now();
        let mut child = self.0.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("stdin");
        let input = self.1;
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let mut stderr = child.stderr.take().expect("stderr");
        let listener = std::thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).expect("stderr");
            text
        });
        let mut stdout = Vec::new();
        child.stdout.take().expect("stdout").read_to_end(&mut stdout).expect("stdout");
        let status = child.wait().expect("an end");
        let took = started.elapsed();
        writer.join().expect("stdin");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended {
            code: status.code(),
            stdout: text(stdout),
            stderr: text(listener.join().expect("stderr")),
            took,
        }
    }
}
