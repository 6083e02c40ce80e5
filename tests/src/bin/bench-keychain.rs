//! The benchmark of the keychain: the ways to get secrets out of a GNOME Keyring, and out of a file, side by side in one run.
//!
//! Rounds are interleaved, as in `bench-vault`, and five times as many, since each is short. Prints a table, and writes
//! the same as JSON to the file that is its first argument. `tests/bench` runs it.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use secretref_tests::keyring::Session;
use secretref_tests::resolver;
use serde_json::{Value, json};

fn main() {
    let json_file = PathBuf::from(std::env::args().nth(1).expect("a file for the JSON"));
    let rounds =
        5 * std::env::args().nth(2).map_or(40, |text| text.parse::<usize>().expect("a number of rounds"));
    let session = Session::unlocked();
    for number in 0..100 {
        session.store("bench", &format!("n{number}"), format!("value-{number}"));
    }
    let contestants = contestants(&session);
    let mut walls = vec![Vec::new(); contestants.len()];
    for _ in 0..rounds {
        for (contestant, walls) in contestants.iter().zip(&mut walls) {
            walls.push(contestant.run(&session));
        }
    }
    let medians: Vec<f64> = walls.into_iter().map(median).collect();
    for (contestant, median) in contestants.iter().zip(&medians) {
        println!("{:<44} {median:>8.2} ms", contestant.name);
    }
    let row = |name: &str| contestants.iter().position(|contestant| contestant.name == name).expect("a row");
    let goals = goals(|name| medians[row(name)], contestants[row("1 id")].peak());
    let rows = contestants
        .iter()
        .zip(&medians)
        .map(|(contestant, median)| json!({"name": contestant.name, "ids": contestant.ids, "ms": median}));
    let report = json!({"rounds": rounds, "rows": rows.collect::<Vec<_>>(), "goals": goals});
    fs::write(&json_file, format!("{report:#}\n")).expect("the JSON file");
}

/// One way to get secrets.
struct Contestant {
    name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    ids: usize,
}

fn contestants(session: &Session) -> Vec<Contestant> {
    let bus = session.bus().display().to_string();
    let folder = session.folder().join("file").display().to_string();
    let desktop = profile(session.folder(), "desktop", &format!("bus = \"{bus}\"\n"));
    let file = profile(
        session.folder(),
        "file",
        &format!("store = \"file\"\nfolder = \"{folder}\"\nservice = \"bench\"\n"),
    );
    let set = |number: usize| {
        let arguments =
            ["--store", "file", "--folder", &folder, "set", &format!("bench/n{number}")].map(str::to_owned);
        let run = resolver::Run::new(resolver::path("secretref-keychain")).args(arguments);
        assert_eq!(run.stdin(format!("value-{number}")).end().code, Some(0));
    };
    (0..50).for_each(set);
    let ours = |name, profile: &Path, ids| Contestant {
        name,
        program: resolver::path("secretref-keychain"),
        args: vec!["--profile".into(), profile.display().to_string()],
        ids,
    };
    let sockets =
        |name, ids| Contestant { name, program: resolver::path("dbus"), args: vec![bus.clone()], ids };
    vec![
        ours("no id", &desktop, 0),
        ours("1 id", &desktop, 1),
        sockets("1 id, hand-written D-Bus", 1),
        Contestant {
            name: "1 id, secret-tool lookup",
            program: "/usr/bin/secret-tool".into(),
            args: ["lookup", "service", "bench", "username", "n0"].map(str::to_owned).into(),
            ids: 0,
        },
        ours("100 ids", &desktop, 100),
        sockets("100 ids, hand-written D-Bus", 100),
        ours("1 id of 50 in a file", &file, 1),
    ]
}

fn profile(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(format!("{name}.toml"));
    fs::write(&path, lines).expect("a profile");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
    path
}

impl Contestant {
    fn request(&self) -> String {
        let ids: Vec<_> = (0..self.ids).map(|number| format!("bench/n{number}")).collect();
        json!({"protocolVersion": 1, "provider": "keychain", "ids": ids}).to_string()
    }

    /// The most memory it takes, in MiB.
    fn peak(&self) -> f64 {
        let run = resolver::Run::new(resolver::path("peak")).args([&self.program]).args(&self.args);
        let ended = run.stdin(self.request()).end();
        let kib = ended.stderr.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok());
        kib.expect("a peak") / 1024.0
    }

    /// Milliseconds from start to end.
    fn run(&self, session: &Session) -> f64 {
        let request = self.request();
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.name.contains("secret-tool") {
            command.envs(session.environment());
        }
        let started = Instant::now();
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("stdin").write_all(request.as_bytes()).ok();
        let ended = child.wait_with_output().expect("an end");
        let took = started.elapsed().as_secs_f64() * 1000.0;
        let values = String::from_utf8_lossy(&ended.stdout).matches("value-").count();
        let expected = if self.name.contains("secret-tool") { 1 } else { self.ids };
        assert!(ended.status.success() && values == expected, "{}: {ended:?}", self.name);
        took
    }
}

fn median(mut walls: Vec<f64>) -> f64 {
    walls.sort_by(f64::total_cmp);
    walls[walls.len() / 2]
}

fn goals(median: impl Fn(&str) -> f64, peak: f64) -> Vec<Value> {
    let one = median("1 id");
    let size = fs::metadata(resolver::path("secretref-keychain")).expect("a binary").len();
    let size = f64::from(u32::try_from(size).expect("small")) / 1e6;
    println!("\n{:<44} {:>8} {:>8}", "must reach", "at most", "reached");
    let goals = [
        ("1 id: times hand-written D-Bus", one / median("1 id, hand-written D-Bus"), 1.25),
        ("1 id: times secret-tool lookup", one / median("1 id, secret-tool lookup"), 0.25),
        ("100 ids: ms", median("100 ids"), 15.0),
        ("1 id of a file: times no id", median("1 id of 50 in a file") / median("no id"), 1.5),
        ("peak memory for 1 id: MiB", peak, 4.0),
    ];
    let goals = goals.map(|(what, reached, most)| {
        let verdict = if reached <= most { "" } else { "  NOT REACHED" };
        println!("{what:<44} {most:>8.2} {reached:>8.2}{verdict}");
        json!({"what": what, "at_most": most, "reached": reached, "holds": reached <= most})
    });
    println!("{:<44} {:>8} {size:>8.2}", "size of the binary: MB", "");
    goals.into()
}
