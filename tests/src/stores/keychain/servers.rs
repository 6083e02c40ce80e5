//! The servers for the keychain's cases: its encrypted file, which needs no installation, and a GNOME keyring.

use crate::keyring::Session;
use crate::resolver;
use crate::store::{Holds, Prepared, Server};
use crate::transcript::{Case, Only};

pub const SERVERS: &[Server] = &[
    Server {
        name: "a file",
        kind: Only::Fake,
        start: || Box::new(File(tempfile::tempdir().expect("a folder"))),
    },
    Server { name: "GNOME Keyring", kind: Only::Real, start: || Box::new(Session::unlocked()) },
];

/// The encrypted file, one for each case.
struct File(tempfile::TempDir);

impl Holds for File {
    fn put(&mut self, case: &Case, room: &str) -> Prepared {
        let folder = self.0.path().join(room);
        let folder = folder.to_str().expect("UTF-8");
        for (name, value) in entries(case) {
            let run = resolver::Run::new(resolver::path("secretref-keychain"));
            let run = run.args(["--store", "file", "--folder", folder, "set", name]);
            let ended = run.stdin(value).end();
            assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
        }
        Prepared { profile: format!("store = \"file\"\nfolder = \"{folder}\"\n"), ..Prepared::default() }
    }
}

impl Holds for Session {
    fn put(&mut self, case: &Case, room: &str) -> Prepared {
        for (name, value) in entries(case) {
            self.store(room, name, value);
        }
        Prepared {
            profile: format!("bus = \"{}\"\nservice = \"{room}\"\n", self.bus().display()),
            ..Prepared::default()
        }
    }
}

/// The secrets of a case; a keychain keeps no versions.
fn entries(case: &Case) -> impl Iterator<Item = (&str, &str)> {
    case.store.iter().map(|(name, versions)| match versions.texts() {
        [text] => (name.as_str(), text.as_str()),
        _ => panic!("{}: {name} has versions", case.sentence),
    })
}
