//! A unit of systemd itself, which runs for that unit alone as the first process of namespaces of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::gateway::NOBODY;
use crate::resolver::{self, Ended, Run};

/// The lines of every unit. `SuccessAction` and `FailureAction` pass its exit code to the process that started systemd.
const UNIT: &str = "[Unit]
DefaultDependencies=no
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
TimeoutStartSec=60
User=nobody
";

/// The unit `gateway.service` of the user [`NOBODY`], to be run once.
#[derive(Debug)]
pub struct Unit {
    place: TempDir,
    prepare: String,
    service: String,
}

impl Unit {
    /// One with these lines in `[Service]`.
    #[must_use]
    pub fn new(service: &str) -> Self {
        assert!(rustix::process::geteuid().is_root(), "needs root, for systemd as the first process");
        let place = tempfile::tempdir().expect("a folder");
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).expect("a mode");
        Self { place, prepare: String::new(), service: service.to_owned() }
    }

    /// With what root types into the shell before systemd starts.
    #[must_use]
    pub fn prepared(self, commands: &str) -> Self {
        Self { prepare: commands.to_owned(), ..self }
    }

    /// A folder that the unit can enter.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.place.path()
    }

    /// Copies a resolver into [`Unit::folder`], because the user may not be able to enter the folder of the build.
    pub fn resolver(&self, name: &str) -> PathBuf {
        let path = self.folder().join(name);
        resolver::copy(name, &path);
        path
    }

    /// A file of the user in [`Unit::folder`].
    pub fn file(&self, name: &str, mode: u32, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        chown(&path, Some(NOBODY), Some(NOBODY)).expect("an owner");
        path
    }

    /// Runs these commands of the shell in the unit, in the environment that systemd gives it.
    #[must_use]
    pub fn run(self, commands: &str) -> Ended {
        let script = self.file("script", 0o400, commands);
        let output = |name: &str| self.file(name, 0o600, "").display().to_string();
        let (stdout, stderr) = (output("stdout"), output("stderr"));
        let text = format!(
            "{UNIT}StandardOutput=file:{stdout}\nStandardError=file:{stderr}\n{}\nExecStart=/bin/sh -eu {}\n",
            self.service,
            script.display()
        );
        self.file("gateway.service", 0o644, text);
        self.file("prepare", 0o600, &self.prepare);
        let boot = resolver::repository().join("tests/systemd/run");
        let words = ["--mount".as_ref(), "sh".as_ref(), boot.as_os_str(), self.folder().as_os_str()];
        let ended =
            Run::new("/usr/bin/unshare").args(words).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").end();
        let said =
            |path: &str, by_systemd: String| by_systemd + &fs::read_to_string(path).expect("its output");
        Ended { stdout: said(&stdout, ended.stdout), stderr: said(&stderr, ended.stderr), ..ended }
    }
}

/// A command for the shell, with its own variables added to the others.
#[must_use]
pub fn typed(command: &Command) -> String {
    let quote =
        |text: &std::ffi::OsStr| format!("'{}'", text.to_str().expect("UTF-8").replace('\'', r"'\''"));
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let variables =
        variables.map(|(name, value)| format!("{}={}", name.to_str().expect("UTF-8"), quote(value)));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quote);
    let words: Vec<_> = std::iter::once("env".to_owned()).chain(variables).chain(words).collect();
    words.join(" ")
}
