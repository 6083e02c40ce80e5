//! The benchmark of the keychain: ways to get secrets out of a GNOME Keyring, and out of a file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::bench::{Contestant, Race, Report};
use crate::keyring::Session;
use crate::resolver;

const SERVER: &str = "GNOME Keyring";
const OURS: &str = "secretref-keychain";
/// Compares what it finds with what it searched for, as the resolver does: a provider may answer with another entry.
const SOCKETS: &str = "hand-written D-Bus";
const CARELESS: &str = "hand-written D-Bus, not compared";
const SECRET_TOOL: &str = "secret-tool lookup";
const FILE: &str = "secretref-keychain, 50 in a file";

/// Five times as many rounds as other stores have, because each is short.
pub fn bench(rounds: usize) -> Report {
    let session = Session::unlocked();
    for number in 0..100 {
        session.store("bench", &format!("n{number}"), format!("value-{number}"));
    }
    let mut report = Report::new(5 * rounds);
    report.race(&Race { server: SERVER, contestants: contestants(&session), id, connections: None });
    goals(&mut report);
    report
}

fn id(number: usize) -> String {
    format!("bench/n{number}")
}

fn contestants(session: &Session) -> Vec<Contestant> {
    let bus = session.bus().display().to_string();
    let desktop = profile(session.folder(), "desktop", &format!("bus = \"{bus}\"\n"));
    let file = file(session.folder());
    let ours = |name, profile: &Path, ids| {
        let contestant = Contestant::new(name, resolver::path("secretref-keychain"), ids);
        contestant.args(["--profile".to_owned(), profile.display().to_string()])
    };
    let sockets = |ids| Contestant::new(SOCKETS, resolver::path("dbus"), ids).args([&bus, "compare"]);
    let careless = |ids| Contestant::new(CARELESS, resolver::path("dbus"), ids).args([&bus]);
    let secret_tool = Contestant::new(SECRET_TOOL, "/usr/bin/secret-tool", 1);
    let secret_tool = secret_tool.args(["lookup", "service", "bench", "username", "n0"]);
    vec![
        ours(OURS, &desktop, 0),
        ours(OURS, &desktop, 1),
        sockets(1),
        careless(1),
        session.environment().into_iter().fold(secret_tool, |tool, (name, value)| tool.env(name, value)),
        ours(OURS, &desktop, 100),
        sockets(100),
        careless(100),
        ours(FILE, &file, 1),
    ]
}

/// The profile of an encrypted file with 50 secrets.
fn file(around: &Path) -> PathBuf {
    let folder = around.join("file").display().to_string();
    for number in 0..50 {
        let run = resolver::Run::new(resolver::path("secretref-keychain"));
        let run = run.args(["--store", "file", "--folder", &folder, "set", &id(number)]);
        assert_eq!(run.stdin(format!("value-{number}")).end().code, Some(0));
    }
    profile(around, "file", &format!("store = \"file\"\nfolder = \"{folder}\"\nservice = \"bench\"\n"))
}

fn profile(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(format!("{name}.toml"));
    fs::write(&path, lines).expect("a profile");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
    path
}

fn goals(report: &mut Report) {
    let wall = |ids, contestant| report.row(SERVER, ids, contestant).wall_ms;
    let one = wall(1, OURS);
    let goals = [
        ("1 id: times hand-written D-Bus", one / wall(1, SOCKETS), 1.25),
        ("1 id: times secret-tool lookup", one / wall(1, SECRET_TOOL), 0.25),
        ("100 ids: ms", wall(100, OURS), 15.0),
        ("1 id of a file: times no id", wall(1, FILE) / wall(0, OURS), 1.5),
        ("peak memory for 1 id: MiB", report.row(SERVER, 1, OURS).peak_mib, 4.0),
    ];
    report.goals(goals);
}
