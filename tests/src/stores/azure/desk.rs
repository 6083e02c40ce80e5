//! A desk: the stand-in, and a folder with a profile that leads to it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::entra::TENANT;
use super::servers::{CLIENT, Place, SECRET, host};
use super::stand_in::StandIn;
use super::vaults::Version;
use crate::resolver::{self, Ended, Run};

/// The vault of the profile.
pub const VAULT: &str = "kit-vault";

/// The stand-in, and a folder with a profile.
#[derive(Debug)]
pub struct Desk(Place);

impl Desk {
    /// With a secret `openai` in the vault.
    #[must_use]
    pub fn new() -> Self {
        let desk = Self(Place::start());
        desk.put("openai", "value-openai");
        desk.write("secret", SECRET);
        desk
    }

    /// The stand-in.
    #[must_use]
    pub fn server(&self) -> &StandIn {
        &self.0.server
    }

    /// Adds a version of a secret to the vault.
    pub fn put(&self, name: &str, value: &str) {
        self.server().put(&host(VAULT), name, Version::new(value));
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.folder.path().join(name)
    }

    /// Writes a file that only its user reads.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("a file");
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).expect("a mode");
    }

    /// The lines of a profile that lead to the stand-in.
    #[must_use]
    pub fn way(&self) -> String {
        format!("proxy = \"{}\"\nca_cert = \"{}\"\n", self.server().proxy, self.server().ca.display())
    }

    /// The line that keeps tokens in the folder.
    #[must_use]
    pub fn kept(&self) -> String {
        format!("keep_session = \"{}\"\n", self.path("kept").display())
    }

    /// Writes the profile: what leads to the stand-in, and these lines.
    pub fn profile(&self, lines: &str) {
        self.write("profile.toml", format!("vault = \"{VAULT}\"\n{}{lines}\n", self.way()));
    }

    /// The same with an application.
    pub fn by_client(&self, client: &str, lines: &str) {
        self.profile(&format!("tenant_id = \"{TENANT}\"\nclient_id = \"{client}\"\n{lines}"));
    }

    /// The same with the client secret.
    pub fn by_secret(&self, lines: &str) {
        self.by_client(CLIENT, &format!("client_secret_file = \"secret\"\n{lines}"));
    }

    /// A start with the profile.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Run {
        let run = Run::new(resolver::path("secretref-azure"));
        run.args(["--profile".as_ref(), self.path("profile.toml").as_os_str()]).args(args)
    }

    /// Runs a command of a person.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Ended {
        self.command(args).end()
    }

    /// One start of a gateway for this id.
    #[must_use]
    pub fn resolve(&self, id: &str) -> Ended {
        self.command(&[]).request(&[id]).end()
    }

    /// Reads the secret `openai`.
    pub fn reads(&self) {
        let ended = self.resolve("openai");
        assert!(ended.code == Some(0) && ended.stdout.contains("value-openai"), "{ended:?}");
    }

    /// Fails to read it, with these words.
    pub fn fails(&self, words: &str) -> Ended {
        let ended = self.resolve("openai");
        assert!(ended.stdout.contains(words), "not {words:?} in {ended:?}");
        assert!(!ended.stdout.contains("value-openai"), "{ended:?}");
        ended
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}
