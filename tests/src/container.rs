//! A real container, started with `runc` as Docker and Podman do. It has a resolver and the libraries that it links, and
//! nothing else: no entry in passwd, no home, no network, no capability, and a read-only root file system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tempfile::TempDir;

use crate::resolver::{self, Run};

/// A container that can be started several times.
#[derive(Debug)]
pub struct Container {
    place: TempDir,
    uid: u32,
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
        let container = Self { place, uid, mounts: BTreeMap::new(), volumes: BTreeMap::new() };
        let binary = resolver::path(name);
        container.copy(&binary, &format!("usr/local/bin/{name}"));
        let linked = Command::new("ldd").arg(&binary).output().expect("ldd");
        let linked = String::from_utf8(linked.stdout).expect("UTF-8");
        for library in linked.split_whitespace().filter(|word| word.starts_with('/')) {
            container.copy(Path::new(library), library);
        }
        container
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

    /// Runs this in the container, with nothing in its environment.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Run {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("secretref-kit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let bundle = self.place.path().join(&id);
        fs::create_dir(&bundle).expect("a folder");
        fs::write(bundle.join("config.json"), self.configuration(arguments)).expect("a file");
        let state = self.place.path().join("state");
        Run::new("/usr/sbin/runc")
            .args(["--root".as_ref(), state.as_os_str(), "run".as_ref(), "--bundle".as_ref()])
            .args([bundle.as_os_str(), id.as_ref()])
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
