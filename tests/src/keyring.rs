//! The real keychain of a Linux desktop: gnome-keyring in a session of its own.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The password that the keychain is made with.
pub const PASSWORD: &str = "password-of-the-kit";

/// A private bus with a keychain provider. It ends with this value.
#[derive(Debug)]
pub struct Session {
    folder: tempfile::TempDir,
    bus: Child,
    provider: Option<Child>,
}

/// The command that the bus starts when a program asks for the keychain.
#[derive(Debug, Clone, Copy)]
pub enum Activation<'a> {
    /// Nothing is started.
    Nothing,
    /// This command.
    Command(&'a str),
}

impl Session {
    /// A session with an unlocked keychain.
    #[must_use]
    pub fn unlocked() -> Self {
        let mut session = Self::without_provider(Activation::Nothing);
        session.provide(&["--unlock"], PASSWORD);
        session
    }

    /// A session whose keychain has these entries, `(service, account, value)`, and is locked.
    #[must_use]
    pub fn locked(entries: &[(&str, &str, &str)]) -> Self {
        let mut session = Self::unlocked();
        for (service, account, value) in entries {
            session.store(service, account, value);
        }
        session.relock();
        session
    }

    /// A session in which nothing provides a keychain.
    #[must_use]
    pub fn without_provider(activation: Activation<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path();
        for name in ["home", "run", "services"] {
            DirBuilder::new().mode(0o700).create(place.join(name)).expect("a folder");
        }
        if let Activation::Command(command) = activation {
            let service = format!("[D-BUS Service]\nName=org.freedesktop.secrets\nExec={command}\n");
            fs::write(place.join("services/secrets.service"), service).expect("a file");
        }
        let bus = start_bus(place);
        let session = Self { folder, bus, provider: None };
        for _ in 0..300 {
            if UnixStream::connect(session.bus()).is_ok() {
                return session;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the bus does not listen after 6 s");
    }

    /// Starts gnome-keyring with these arguments and this on stdin, and waits until it answers.
    pub fn provide(&mut self, arguments: &[&str], input: &str) {
        let mut command = self.command("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]).args(arguments);
        command.arg(format!("--control-directory={}", self.folder.path().join("run").display()));
        self.start_provider(command, input);
        for _ in 0..300 {
            // Without activation only a running provider answers, and a search without a result ends at once.
            let ended = self.secret_tool(&["lookup", "kit", "is it there"], "");
            if ended.stderr.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("gnome-keyring did not come up within 6 s");
    }

    /// Starts the keychain provider, with this on stdin.
    pub(crate) fn start_provider(&mut self, mut command: Command, input: &str) {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut provider = command.spawn().expect("the provider starts");
        provider.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("its password");
        self.provider = Some(provider);
    }

    /// Restarts gnome-keyring, with its files and everything locked.
    pub fn relock(&mut self) {
        self.end_provider();
        self.provide(&[], "");
    }

    /// Asks the keychain provider to end, and waits a while, because it may have to save something.
    pub(crate) fn quit_provider(&mut self) {
        let Some(provider) = &mut self.provider else { return };
        kill_process(Pid::from_child(provider), Signal::TERM).expect("it runs");
        for _ in 0..100 {
            if provider.try_wait().expect("its state").is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.end_provider();
    }

    /// Ends the keychain provider.
    pub fn end_provider(&mut self) {
        if let Some(mut provider) = self.provider.take() {
            let _ = provider.kill();
            let _ = provider.wait();
        }
    }

    /// The process of gnome-keyring.
    #[must_use]
    pub fn provider(&self) -> u32 {
        self.provider.as_ref().expect("a provider").id()
    }

    /// The socket of the bus.
    #[must_use]
    pub fn bus(&self) -> PathBuf {
        self.folder.path().join("run/bus")
    }

    /// A folder of this session's own.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A program in this session.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().envs(self.environment()).current_dir(self.folder.path());
        command
    }

    /// The environment of a program in this session.
    #[must_use]
    pub fn environment(&self) -> HashMap<&'static str, String> {
        let place = |name: &str| self.folder.path().join(name).display().to_string();
        HashMap::from([
            ("HOME", place("home")),
            ("XDG_RUNTIME_DIR", place("run")),
            ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", place("run/bus"))),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
        ])
    }

    /// Runs libsecret's own tool, with this on stdin.
    pub fn secret_tool(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
        // It would wait for a window forever.
        let mut command = self.command("timeout");
        command
            .args(["60", "secret-tool"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("secret-tool starts");
        child.stdin.take().expect("stdin").write_all(input.as_ref()).ok();
        child.wait_with_output().expect("an end")
    }

    /// Stores an entry as `secret-tool` does it.
    pub fn store(&self, service: &str, account: &str, value: impl AsRef<[u8]>) {
        self.store_as(&["service", service, "username", account], value);
    }

    /// The same with any attributes.
    pub fn store_as(&self, attributes: &[&str], value: impl AsRef<[u8]>) {
        let arguments: Vec<_> = ["store", "--label=kit"].iter().chain(attributes).copied().collect();
        let ended = self.secret_tool(&arguments, value);
        assert!(ended.status.success(), "{attributes:?}: {ended:?}");
    }
}

/// A monitor of the bus.
#[derive(Debug)]
pub struct Monitor(Child);

impl Session {
    /// Starts `dbus-monitor` on the bus, with these additional arguments.
    #[must_use]
    pub fn monitor(&self, arguments: &[&str]) -> Monitor {
        let mut command = self.command("stdbuf");
        command.args(["-oL", "dbus-monitor", "--address", &format!("unix:path={}", self.bus().display())]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut monitor = command.spawn().expect("dbus-monitor starts");
        // Its first line is its own name.
        let mut first = [0];
        monitor.stdout.as_mut().expect("stdout").read_exact(&mut first).expect("a line");
        Monitor(monitor)
    }
}

impl Monitor {
    /// Ends it, and returns its output.
    #[must_use]
    pub fn seen(self) -> String {
        std::thread::sleep(Duration::from_millis(200));
        let process = Pid::from_child(&self.0);
        kill_process(process, Signal::TERM).expect("it runs");
        let ended = self.0.wait_with_output().expect("an end");
        String::from_utf8_lossy(&ended.stdout).into_owned()
    }
}

/// Starts a bus in a folder.
fn start_bus(place: &Path) -> Child {
    let socket = place.join("run/bus");
    let config = place.join("bus.conf");
    let text = format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig>\n  <type>session</type>\n  \
         <listen>unix:path={}</listen>\n  <servicedir>{}</servicedir>\n  <auth>EXTERNAL</auth>\n  \
         <policy context=\"default\">\n    <allow send_destination=\"*\" eavesdrop=\"true\"/>\n    \
         <allow eavesdrop=\"true\"/>\n    <allow own=\"*\"/>\n  </policy>\n</busconfig>\n",
        socket.display(),
        place.join("services").display()
    );
    fs::write(&config, text).expect("a file");
    Command::new("dbus-daemon")
        .args(["--nofork", "--nopidfile", &format!("--config-file={}", config.display())])
        .env_clear()
        .env("HOME", place.join("home"))
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-daemon starts")
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end_provider();
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}
