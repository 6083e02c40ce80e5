//! A real container, started with `runc` as Docker and Podman do. It has a resolver and the libraries that it links, and
//! nothing else: no entry in passwd, no home, no network, no capability, and a read-only root file system.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tempfile::TempDir;

use crate::gateway::Running;
use crate::resolver::{self, Run};

/// The program of runc.
const RUNC: &str = "/usr/sbin/runc";

/// A container that can be started several times.
#[derive(Debug)]
pub struct Container {
    place: TempDir,
    uid: u32,
    environment: Vec<String>,
    mounts: BTreeMap<&'static str, PathBuf>,
    /// The folders that it can write.
    volumes: BTreeMap<String, PathBuf>,
}

impl Container {
    /// One with a resolver in `/usr/local/bin`, for a user.
    #[must_use]
    pub fn of(name: &str, uid: u32) -> Self {
        assert!(rustix::process::geteuid().is_root(), "needs root, for a container");
        let place = tempfile::tempdir().expect("a folder");
        let container =
            Self { place, uid, environment: Vec::new(), mounts: BTreeMap::new(), volumes: BTreeMap::new() };
        container.program(&resolver::path(name), &format!("/usr/local/bin/{name}"))
    }

    /// With a program in it, and the libraries that it links.
    #[must_use]
    pub fn program(self, binary: &Path, path: &str) -> Self {
        self.copy(binary, path);
        let linked = Command::new("ldd").arg(binary).output().expect("ldd");
        let linked = String::from_utf8(linked.stdout).expect("UTF-8");
        for library in linked.split_whitespace().filter(|word| word.starts_with('/')) {
            self.copy(Path::new(library), library);
        }
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// With a file of the user's in it.
    #[must_use]
    pub fn file(self, path: &str, mode: &str, text: &str) -> Self {
        let file = self.place.path().join("file");
        fs::write(&file, text).expect("a file");
        self.install(&["-m", mode, "-o", &self.uid.to_string()], &file, path);
        self
    }

    /// With a folder of the machine in it, which it cannot write.
    #[must_use]
    pub fn mount(mut self, folder: &Path, path: &'static str) -> Self {
        self.mounts.insert(path, folder.to_owned());
        self
    }

    /// With a folder of the machine in it, which it can write as its owner and mode allow.
    #[must_use]
    pub fn volume(mut self, folder: &Path, path: &str) -> Self {
        self.volumes.insert(path.to_owned(), folder.to_owned());
        self
    }

    /// Runs this in the container, with nothing in its environment but what [`Container::env`] put there.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::new(RUNC).args(self.runc("run")).args(self.bundle(arguments))
    }

    /// Starts this in the container, with its output in a log.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Started<'_> {
        let bundle = self.bundle(arguments);
        let log = Path::new(&bundle[1]).join("log");
        let output = fs::File::create(&log).expect("a log");
        let mut command = Command::new(RUNC);
        command.args(self.runc("run")).args(&bundle).stdin(Stdio::null()).process_group(0);
        command.stdout(output.try_clone().expect("a log")).stderr(output);
        let running = Running::of(command.spawn().expect("runc starts"), log);
        Started { container: self, id: bundle[2].clone(), running }
    }

    /// The arguments of a command of runc.
    fn runc(&self, command: &str) -> Vec<String> {
        ["--root", &self.place.path().join("state").display().to_string(), command]
            .map(str::to_owned)
            .to_vec()
    }

    /// Writes the configuration of one run. Returns the arguments that name it, its id last.
    fn bundle(&self, arguments: &[&str]) -> [String; 3] {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("secretref-kit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let bundle = self.place.path().join(&id);
        fs::create_dir(&bundle).expect("a folder");
        fs::write(bundle.join("config.json"), self.configuration(arguments)).expect("a file");
        ["--bundle".to_owned(), bundle.display().to_string(), id]
    }

    /// <https://github.com/opencontainers/runtime-spec/blob/main/config.md>
    fn configuration(&self, arguments: &[&str]) -> String {
        let folders = self.mounts.iter().map(|(path, folder)| {
            json!({"destination": path, "type": "bind", "source": folder, "options": ["bind", "ro"]})
        });
        let volumes = self.volumes.iter().map(|(path, folder)| {
            json!({"destination": path, "type": "bind", "source": folder, "options": ["bind", "rw"]})
        });
        let proc = json!({"destination": "/proc", "type": "proc", "source": "proc"});
        let namespaces = ["pid", "mount", "network", "ipc", "uts"].map(|kind| json!({"type": kind}));
        json!({
            "ociVersion": "1.0.0",
            "process": {
                "user": {"uid": self.uid, "gid": self.uid}, "args": arguments, "cwd": "/", "noNewPrivileges": true,
                "env": self.environment,
            },
            "root": {"path": self.root(), "readonly": true},
            "mounts": std::iter::once(proc).chain(folders).chain(volumes).collect::<Vec<_>>(),
            "linux": {"namespaces": namespaces},
        })
        .to_string()
    }

    fn root(&self) -> PathBuf {
        self.place.path().join("root")
    }

    fn copy(&self, file: &Path, path: &str) {
        self.install(&["-m", "755"], file, path);
    }

    fn install(&self, options: &[&str], file: &Path, path: &str) {
        let to = self.root().join(path.trim_start_matches('/'));
        let installed = Command::new("install").arg("-D").args(options).args([file, &to]).status();
        assert!(installed.expect("install").success(), "no {path}");
    }
}

/// What runs in a container. It ends with this value.
#[derive(Debug)]
pub struct Started<'c> {
    container: &'c Container,
    id: String,
    /// Its log.
    pub running: Running,
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        let _ = Command::new(RUNC).args(self.container.runc("delete")).args(["--force", &self.id]).output();
    }
}
