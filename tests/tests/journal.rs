//! The line in the system's log: with journald itself, with a daemon of syslog, with neither, and with one that does not
//! read. Each in a mount namespace of its own, in which an ordinary user runs the resolver with an empty environment.
//!
//! Blocks of `docs/shell.md`: "Logs" text 1

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::page::Page;
use secretref_tests::resolver::{self, SLACK};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The user who runs the resolver.
const NOBODY: u32 = 65534;

/// The time that a new namespace and three programs before the resolver take.
const START: Duration = Duration::from_millis(200);

#[test]
#[ignore = "needs root and journald: tests/run has both"]
fn journald_has_one_record_of_each_logged_run() {
    let place = Place::new();
    let room = Room::journald(&place);
    let failures = place.profile("failures", "");
    let all = place.profile("all", "log = \"all\"\n");
    let off = place.profile("off", "log = \"off\"\n");
    let (failures, all, off) = (failures.as_os_str(), all.as_os_str(), off.as_os_str());
    let with_profile = ["--profile".as_ref(), failures, "--log=off".as_ref()];
    let late = ["--profile".as_ref(), failures, "--timeout=300ms".as_ref()];
    let runs = [
        room.ask(
            ["--profile".as_ref(), failures],
            "partly",
            &["a#k", "no/such#k", "denied#k", "@\nPRIORITY=0"],
        ),
        room.ask(["--profile".as_ref(), failures], "good", &["a#k"]),
        room.ask(["--profile".as_ref(), all], "all", &["a#k", "b#k"]),
        room.ask(["--profile".as_ref(), off], "off", &["no/such#k"]),
        room.ask(
            ["--profile".as_ref(), Path::new("/nonexistent.toml").as_os_str()],
            "unset",
            &["a#k", "b#k"],
        ),
        room.ask(with_profile, "steered", &["a#k"]),
        room.ask(late, "late", &["a#k", "hang#k"]),
        room.run(["--profile".as_ref(), failures], "nonsense"),
        room.run(["--profile".as_ref(), failures, "get".as_ref(), "no/such#k".as_ref()], ""),
    ];
    let codes: Vec<_> = runs.iter().map(|run| run.code).collect();
    assert_eq!(codes, [0, 0, 0, 0, 3, 2, 0, 7, 1], "{runs:?}");

    let records = room.records(6);
    let expected = [
        (
            0,
            "4",
            json!("partly"),
            json!(["NOT_FOUND", "ACCESS_DENIED", "INVALID_ID"]),
            json!(["no/such#k", "denied#k"]),
        ),
        (2, "6", json!("all"), json!(null), json!(["a#k", "b#k"])),
        (4, "3", json!("unset"), json!("MISCONFIGURED"), json!(["a#k", "b#k"])),
        (5, "3", json!("steered"), json!("MISCONFIGURED"), json!("a#k")),
        (6, "4", json!("late"), json!("TIMEOUT"), json!("hang#k")),
        (7, "3", json!(null), json!("INVALID_ID"), json!(null)),
    ];
    assert_eq!(records.len(), expected.len(), "{records:#?}");
    for (record, (at, priority, provider, codes, ids)) in records.iter().zip(expected) {
        let run: &Ran = &runs[at];
        assert_eq!(record["_PID"], json!(run.pid.to_string()), "{record:#}");
        assert_eq!(record["_UID"], json!(NOBODY.to_string()), "{record:#}");
        assert_eq!(record["_TRANSPORT"], "journal");
        assert_eq!(record["PRIORITY"], priority, "{record:#}");
        assert_eq!(record["SECRETREF_PROVIDER"], provider);
        assert_eq!(sorted(&record["SECRETREF_CODE"]), sorted(&codes), "{record:#}");
        assert_eq!(sorted(&record["SECRETREF_ID"]), sorted(&ids), "{record:#}");
        assert_eq!(record["SECRETREF_EXIT"], json!(run.code.to_string()));
        assert!(record["SECRETREF_MS"].as_str().unwrap().parse::<u128>().unwrap() <= run.took.as_millis());
        let id = record["SECRETREF_RUN"].as_str().unwrap();
        assert!(id.len() == 16 && record["MESSAGE"].as_str().unwrap().starts_with(&format!("run {id}: ")));
    }
    let line = |at: usize| records[at]["MESSAGE"].as_str().unwrap();
    assert!(line(0).contains(": 3 of 4 ids failed for provider partly in "), "{}", line(0));
    assert!(
        line(0).contains("no/such#k NOT_FOUND ") && line(0).contains("(no id) INVALID_ID"),
        "{}",
        line(0)
    );
    assert!(line(1).contains(": 2 ids resolved for provider all in "), "{}", line(1));
    assert!(line(1).contains(": a#k, b#k"), "{}", line(1));
    assert!(
        line(2).contains(": 2 of 2 ids failed for provider unset")
            && line(2).contains("a#k, b#k MISCONFIGURED: ")
    );
    assert!(line(3).contains("--log cannot be used with --profile"), "{}", line(3));
    let command = Page::read("docs/shell.md").block("Logs", "text");
    let shown = room.journalctl(&command.split(' ').skip(1).collect::<Vec<_>>());
    assert!(command.starts_with("journalctl ") && shown.contains(line(1)), "{command}: {shown}");
    assert!(
        line(4).contains(": 1 of 2 ids failed") && line(4).contains("no answer within 300 ms"),
        "{}",
        line(4)
    );
    assert!(line(5).contains(": nothing could be answered in ") && line(5).contains("not a JSON object"));
    room.keeps(&["value-of-a", "value-of-b", "hvs.seeded-token"], "no/such#k");
}

/// journald asks the kernel for the unit of a process, which it can while there is the process.
#[test]
#[ignore = "needs root, for a mount namespace: tests/run"]
fn the_process_still_exists_when_journald_reads_its_record() {
    let place = Place::new();
    let journal = place.socket("journal");
    let room = Room::with_sockets(&place, Some("journal"), None);
    // On a busy machine this may come too late by itself, so one success of five is enough.
    let was_there = (0..5).any(|_| {
        let child = room.start(["--timeout=2s"], "nonsense");
        wait_for_record(&journal);
        thread::sleep(Duration::from_millis(10));
        journal.recv(&mut [0; 16384]).unwrap();
        let was_there = fs::read_link(format!("/proc/{}/exe", child.id())).is_ok();
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(7));
        was_there
    });
    assert!(was_there, "each time it had ended");
}

#[test]
#[ignore = "needs root, for a mount namespace: tests/run"]
fn without_journald_the_line_goes_to_syslog() {
    let place = Place::new();
    let syslog = place.socket("syslog");
    let room = Room::with_sockets(&place, None, Some("syslog"));
    let profile = place.profile("failures", "");
    let profile = ["--profile".as_ref(), profile.as_os_str()];
    assert_eq!(room.ask(profile, "vault", &["a#k"]).code, 0);
    let ran = room.ask(profile, "vault", &["a#k", "no/such#k"]);
    let line = take(&syslog).unwrap();
    let head = format!("<12>secretref-vault[{}]: run ", ran.pid);
    assert!(line.starts_with(&head) && line.contains(": 1 of 2 ids failed for provider vault in "), "{line}");
    assert!(line.contains(": no/such#k NOT_FOUND ") && !line.contains(char::is_control), "{line}");
    assert_eq!(take(&syslog), None);
}

#[test]
#[ignore = "needs root, for a mount namespace: tests/run"]
fn a_run_that_is_killed_leaves_one_line() {
    let place = Place::new();
    let syslog = place.socket("syslog");
    let room = Room::with_sockets(&place, None, Some("syslog"));
    // The answer is not read.
    place.fake.put("secret", "large", &json!({"k": "x".repeat(500_000)}).to_string());
    let profile = place.profile("failures", "");
    let args = ["--profile".as_ref(), profile.as_os_str(), "--timeout=400ms".as_ref()];
    let mut child = room.start(args, &request("vault", &["large#k"]));
    child.wait().unwrap();
    let line = take(&syslog).unwrap();
    assert!(
        line.contains("could not be written completely") || line.contains("gateway reads the answer"),
        "{line}"
    );
    assert_eq!(take(&syslog), None);
    // The user's home is asked for where the name service hangs.
    let _silent = place.name_service();
    let ran = room.ask(["--profile=name", "--timeout=300ms"], "vault", &["a#k"]);
    let line = take(&syslog).unwrap();
    assert!(ran.code == 6 && ran.took < Duration::from_millis(300) + START + SLACK, "{ran:?}");
    assert!(
        line.contains(": nothing could be answered in 3") && line.contains(": TIMEOUT: no answer within 3"),
        "{line}"
    );
    assert_eq!(take(&syslog), None);
}

#[test]
#[ignore = "needs root, for a mount namespace: tests/run"]
fn a_missing_or_blocked_log_delays_no_answer() {
    let place = Place::new();
    let full = place.socket("full");
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(&[b'x'; 1000], place.folder.path().join("full")).is_ok() {}
    let unread = place.socket("unread");
    let secret = place.socket("secret");
    fs::set_permissions(place.folder.path().join("secret"), Permissions::from_mode(0o600)).unwrap();
    let profile = place.profile("failures", "");
    let rooms = [
        (None, None),
        (Some("nonexistent"), Some("nonexistent")),
        (Some("full"), Some("full")),
        (Some("secret"), Some("secret")),
        (Some("unread"), None),
    ];
    for (journal, syslog) in rooms {
        let room = Room::with_sockets(&place, journal, syslog);
        let ran = room.ask(["--profile".as_ref(), profile.as_os_str()], "vault", &["a#k", "no/such#k"]);
        assert!(ran.code == 0 && ran.stdout.contains(r#""a#k":"value-of-a""#), "{journal:?}: {ran:?}");
        assert!(ran.stderr.is_empty() && ran.took < START + SLACK, "{journal:?}: {ran:?}");
    }
    assert!(take(&unread).is_some());
    drop((full, secret));
}

/// The kit's Vault, and a folder for the files of an ordinary user.
struct Place {
    folder: TempDir,
    fake: FakeVault,
}

impl Place {
    fn new() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "needs root: a log is put in place in a mount namespace"
        );
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let fake = FakeVault::start(folder.path(), Manner::default());
        fake.mount("secret");
        fake.token("hvs.seeded-token", Token { denied: "denied", may_look: true });
        fake.put("secret", "a", r#"{"k":"value-of-a"}"#);
        fake.put("secret", "b", r#"{"k":"value-of-b"}"#);
        resolver::copy("secretref-vault", &folder.path().join("secretref-vault"));
        fs::write(folder.path().join("token"), "hvs.seeded-token").unwrap();
        Self { folder, fake }
    }

    fn profile(&self, name: &str, more: &str) -> PathBuf {
        let path = self.folder.path().join(name).with_extension("toml");
        let text = format!("address = \"{}\"\ntoken_file = \"token\"\n{more}", self.fake.http);
        fs::write(&path, text).unwrap();
        path
    }

    /// A socket that accepts datagrams from every user.
    fn socket(&self, name: &str) -> UnixDatagram {
        let path = self.folder.path().join(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        socket
    }

    /// A cache of names, as the C library asks one, that does not answer.
    fn name_service(&self) -> UnixListener {
        let path = self.folder.path().join("names");
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        listener
    }
}

/// A mount namespace, for as long as a process keeps it.
struct Room {
    keeper: Child,
    folder: PathBuf,
}

#[derive(Debug)]
struct Ran {
    pid: u32,
    code: i32,
    stdout: String,
    stderr: String,
    took: Duration,
}

impl Room {
    /// With a journald of its own, which stores its records in the folder `log` of the place, and receives nothing else.
    fn journald(place: &Place) -> Self {
        fs::create_dir(place.folder.path().join("log")).unwrap();
        let script = r#"
            mount -t tmpfs -o mode=755 none /run
            mkdir -p /run/systemd/journal /run/log/journal
            mount --bind "$1/log" /run/log/journal
            mount -t tmpfs -o mode=755 none /etc/systemd
            echo "[Journal]\nStorage=volatile\nRateLimitBurst=0" > /etc/systemd/journald.conf
            [ ! -e /dev/kmsg ] || mount --bind /dev/null /dev/kmsg
            echo ready
            exec /lib/systemd/systemd-journald"#;
        let room = Self::keep(place, script, ["", ""]);
        let socket = format!("/proc/{}/root/run/systemd/journal/socket", room.keeper.id());
        let started = Instant::now();
        while !Path::new(&socket).exists() {
            assert!(started.elapsed() < Duration::from_secs(10), "journald does not start");
            thread::sleep(Duration::from_millis(10));
        }
        room
    }

    /// With these sockets of the place for those of journald and of syslog.
    fn with_sockets(place: &Place, journal: Option<&str>, syslog: Option<&str>) -> Self {
        let script = r#"
            mount -t tmpfs -o mode=755 none /run
            mount -t tmpfs -o mode=755 none /dev
            mkdir -p /run/systemd/journal /run/nscd
            ln -s "$1/names" /run/nscd/socket
            [ -z "$2" ] || ln -s "$1/$2" /run/systemd/journal/socket
            [ -z "$3" ] || ln -s "$1/$3" /dev/log
            echo ready
            exec cat"#;
        Self::keep(place, script, [journal.unwrap_or_default(), syslog.unwrap_or_default()])
    }

    fn keep(place: &Place, script: &str, sockets: [&str; 2]) -> Self {
        let mut keeper = Command::new("unshare");
        keeper.args(["-m", "sh", "-ec", script, "sh"]).arg(place.folder.path()).args(sockets);
        let mut keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { keeper, folder: place.folder.path().to_owned() }
    }

    fn ask(
        &self,
        args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
        provider: &str,
        ids: &[&str],
    ) -> Ran {
        self.run(args, &request(provider, ids))
    }

    fn run(&self, args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>, stdin: &str) -> Ran {
        let started = Instant::now();
        let child = self.start(args, stdin);
        let pid = child.id();
        let ended = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran {
            pid,
            code: ended.status.code().unwrap(),
            stdout: text(ended.stdout),
            stderr: text(ended.stderr),
            took: started.elapsed(),
        }
    }

    /// Starts the resolver in the namespace, as an ordinary user. Each program before it executes the next one.
    fn start(&self, args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>, stdin: &str) -> Child {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.keeper.id()));
        // By numbers: one of the tests has a name service that hangs.
        let user = format!("+{NOBODY}");
        command.args(["chroot", &format!("--userspec={user}:{user}"), &format!("--groups={user}"), "/"]);
        command.args(["env", "-i"]).arg(self.folder.join("secretref-vault")).args(args);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().expect("nsenter");
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child
    }

    /// The records of the resolver in journald: waits until there are this many, or too much time has passed.
    fn records(&self, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let text = self.journalctl(&["--output=json", "SYSLOG_IDENTIFIER=secretref-vault"]);
            let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if records.len() >= count || started.elapsed() > Duration::from_secs(5) {
                return records;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asserts that none of these secrets is in the journal, and that the other words are.
    fn keeps(&self, secrets: &[&str], known: &str) {
        let mut all = self.journalctl(&["--output=export"]);
        all.push_str(&self.journalctl(&["--output=verbose", "--all"]));
        assert!(all.contains(known));
        for secret in secrets {
            assert!(!all.contains(secret), "{secret}");
        }
    }

    fn journalctl(&self, args: &[&str]) -> String {
        let mut command = Command::new("journalctl");
        command.arg("--directory").arg(self.folder.join("log")).args(["--no-pager", "--quiet"]).args(args);
        String::from_utf8_lossy(&command.output().expect("journalctl").stdout).into_owned()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn request(provider: &str, ids: &[&str]) -> String {
    json!({"protocolVersion": 1, "provider": provider, "ids": ids}).to_string()
}

/// The next datagram, if one has come.
fn take(socket: &UnixDatagram) -> Option<String> {
    socket.set_nonblocking(true).unwrap();
    let mut bytes = [0; 16384];
    let length = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8(bytes[..length].to_owned()).unwrap())
}

fn wait_for_record(socket: &UnixDatagram) {
    let limit = rustix::event::Timespec { tv_sec: 5, tv_nsec: 0 };
    let mut wish = [rustix::event::PollFd::new(socket, rustix::event::PollFlags::IN)];
    assert_eq!(rustix::event::poll(&mut wish, Some(&limit)), Ok(1), "no record");
}

/// One text, several or none, in order.
fn sorted(field: &Value) -> Vec<String> {
    let mut texts: Vec<String> = match field {
        Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    };
    texts.sort();
    texts
}
