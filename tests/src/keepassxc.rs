//! KeePassXC as the keychain provider of a session, on a virtual screen.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::keyring::{Activation, PASSWORD, Session};

/// The settings of KeePassXC with which it asks no questions. A later line for the same setting wins.
pub const ASKS_NOBODY: &str = "ConfirmAccessItem=false\nConfirmDeleteItem=false\nUnlockBeforeSearch=false\n";

/// The root group of the database, and how KeePassXC writes it to expose it to other programs.
const GROUP: (&str, &str) = ("AAECAwQFBgcICQoLDA0ODw==", "{00010203-0405-0607-0809-0a0b0c0d0e0f}");

impl Session {
    /// A session whose keychain is a database of KeePassXC, open, with these settings of its Secret Service.
    #[must_use]
    pub fn keepassxc(settings: &str) -> Self {
        Self::keepassxc_with(settings, "")
    }

    /// The same with these entries, in the XML of `KeePass`.
    #[must_use]
    pub fn keepassxc_with(settings: &str, entries: &str) -> Self {
        let mut session = Self::without_provider(Activation::Nothing);
        make_database(&session, entries);
        session.open_database(settings);
        session
    }

    /// Restarts KeePassXC, with the database open.
    pub fn open_database(&mut self, settings: &str) {
        self.start_keepassxc(settings, &["--pw-stdin"]);
        self.wait_for("boolean false");
    }

    /// Restarts KeePassXC, with the database locked.
    pub fn lock_database(&mut self, settings: &str) {
        self.start_keepassxc(settings, &[]);
        self.wait_for("boolean true");
    }

    fn start_keepassxc(&mut self, settings: &str, arguments: &[&str]) {
        self.quit_provider();
        // Saved at its end: version 2.7.4 can crash if one save follows another.
        let config = self.folder().join("home/keepassxc.ini");
        let text = format!(
            "[General]\nConfigVersion=2\nUpdateCheckMessageShown=true\nAutoSaveAfterEveryChange=false\n[GUI]\nCheckForUpdates=false\n[FdoSecrets]\nEnabled=true\nShowNotification=false\n{settings}"
        );
        fs::write(&config, text).expect("a file");
        let mut command = self.command("keepassxc");
        // KeePassXC keeps a lock there, so that it is not started twice.
        command.env("TMPDIR", self.folder().join("run"));
        command.env("QT_QPA_PLATFORM", "offscreen").args(arguments).arg("--config").arg(config);
        command.arg("--localconfig").arg(self.folder().join("home/local.ini")).arg("home/secrets.kdbx");
        self.start_provider(command, &format!("{PASSWORD}\n"));
    }

    /// Waits until the answer to whether the database is locked contains this.
    fn wait_for(&self, words: &str) {
        let mut said = String::new();
        for _ in 0..300 {
            let mut command = self.command("dbus-send");
            command.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets"]);
            command.args(["/org/freedesktop/secrets/aliases/default", "org.freedesktop.DBus.Properties.Get"]);
            command.args(["string:org.freedesktop.Secret.Collection", "string:Locked"]);
            let ended = command.output().expect("dbus-send");
            said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
            if said.contains(words) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("KeePassXC after 15 s: {said}");
    }
}

/// Makes a database whose entries other programs may see.
fn make_database(session: &Session, entries: &str) {
    let (group, shown) = GROUP;
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<KeePassFile><Meta><DatabaseName>kit</DatabaseName>\
         <RecycleBinEnabled>False</RecycleBinEnabled><CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key>\
         <Value>{shown}</Value></Item></CustomData></Meta>\
         <Root><Group><UUID>{group}</UUID><Name>Root</Name>{entries}</Group></Root></KeePassFile>\n"
    );
    fs::write(session.folder().join("home/secrets.xml"), text).expect("a file");
    let mut command = session.command("keepassxc-cli");
    command.args(["import", "--quiet", "--set-password", "--decryption-time", "100"]);
    command.args(["home/secrets.xml", "home/secrets.kdbx"]).env("QT_QPA_PLATFORM", "offscreen");
    let made = typed_into(command, &format!("{PASSWORD}\n{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
}

/// Runs a command to its end with this on stdin.
fn typed_into(mut command: Command, input: &str) -> std::process::Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("its password");
    child.wait_with_output().expect("an end")
}
