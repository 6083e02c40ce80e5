//! The limits of a process, each from zero to plenty. Whatever is missing, the process ends by its deadline, answers each id
//! once, and prints little to stderr.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use secretref_tests::canned::Canned;
use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::resolver::{self, Ended, Run};
use serde_json::Value;

/// The deadline of each run.
const TIMEOUT: Duration = Duration::from_millis(400);

/// How much longer a run may take, with others on the same processors.
const SLACK: Duration = Duration::from_secs(1);

/// The most bytes on stderr.
const SAID: usize = 1000;

const IDS: [&str; 3] = ["a#k", "none#k", "@"];

/// A limit, and the values to try.
struct Limit {
    /// The name of the limit in prlimit(1), or a variable of the environment.
    name: &'static str,
    /// Below this value the program cannot start.
    starts: u64,
    /// From this value on there is no difference to no limit.
    plenty: u64,
    values: &'static [u64],
}

const MB: u64 = 1 << 20;

const LIMITS: [Limit; 6] = [
    Limit {
        name: "as",
        starts: 32 * MB,
        plenty: 256 * MB,
        values: &[
            MB,
            8 * MB,
            14 * MB,
            15 * MB,
            16 * MB,
            17 * MB,
            20 * MB,
            32 * MB,
            64 * MB,
            128 * MB,
            256 * MB,
        ],
    },
    Limit {
        name: "data",
        starts: 4 * MB,
        plenty: 64 * MB,
        values: &[0, MB / 4, MB, 2 * MB, 3 * MB, 4 * MB, 8 * MB, 64 * MB],
    },
    Limit {
        name: "stack",
        starts: 512 << 10,
        plenty: 512 << 10,
        values: &[0, 16 << 10, 64 << 10, 512 << 10, 64 * MB, 1 << 40],
    },
    Limit { name: "nofile", starts: 4, plenty: 16, values: &[0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16] },
    Limit { name: "fsize", starts: 0, plenty: 0, values: &[0, 1, 4096] },
    Limit {
        name: "RUST_MIN_STACK",
        starts: 0,
        plenty: 0,
        values: &[0, 1, 16 << 10, 1 << 40, 1 << 46, u64::MAX],
    },
];

const THREADS: Limit = Limit { name: "nproc", starts: 0, plenty: 8, values: &[0, 1, 2, 3, 4, 5, 8] };

#[test]
fn within_every_limit_each_id_is_answered_in_time() {
    Stores::start().try_all(&LIMITS, None);
}

/// The limit is on all processes of a user, so each run has a user of its own.
#[test]
#[ignore = "needs root, to be another user: tests/run"]
fn without_a_thread_each_id_is_answered_in_time() {
    Stores::start().try_all(&[THREADS], Some(61_000));
}

/// Stores that answer, refuse and hang.
struct Stores {
    folder: tempfile::TempDir,
    binary: PathBuf,
    fake: FakeVault,
    silent: Canned,
}

/// A run that is not started yet.
#[derive(Debug)]
struct Case {
    limit: &'static str,
    value: u64,
    url: String,
    uid: Option<u32>,
}

impl Stores {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        // The folder of the build may be one that another user cannot enter.
        let binary = folder.path().join("secretref-vault");
        resolver::copy("secretref-vault", &binary);
        let fake = FakeVault::start(folder.path(), Manner::default());
        fake.mount("secret");
        fake.token("hvs.seeded-token", Token { denied: "\0", may_look: true });
        fake.put("secret", "a", r#"{"k":"value-a"}"#);
        Self { folder, binary, fake, silent: Canned::start("") }
    }

    fn try_all(&self, limits: &[Limit], first_uid: Option<u32>) {
        let uids = AtomicU32::new(first_uid.unwrap_or_default());
        let cases: Vec<_> = limits
            .iter()
            .flat_map(|limit| limit.values.iter().map(move |value| (limit, *value)))
            .flat_map(|(limit, value)| self.urls().into_iter().map(move |url| (limit, value, url)))
            .map(|(limit, value, url)| {
                let uid = first_uid.map(|_| uids.fetch_add(1, Ordering::Relaxed));
                (limit, Case { limit: limit.name, value, url, uid })
            })
            .collect();
        let (cases, wrong) = (Mutex::new(cases.into_iter()), Mutex::new(Vec::new()));
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    while let Some((limit, case)) = { cases.lock().expect("cases").next() } {
                        let ended = self.run(&case);
                        if let Some(why) = self.objection(limit, &case, &ended) {
                            wrong.lock().expect("findings").push(format!("{why}: {case:?} {ended:?}"));
                        }
                    }
                });
            }
        });
        let wrong = wrong.into_inner().expect("findings");
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// Stores that answer, hang and refuse, by IP address and by a name that the system looks up.
    fn urls(&self) -> Vec<String> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
        let (secure, silent) = (&self.fake.https, &self.silent.http);
        let by_ip = [&self.fake.http, secure, silent, "http://127.0.0.1:1"].map(str::to_owned);
        let by_name = [secure, silent].map(|url| url.replace("127.0.0.1", host.trim()));
        by_ip.into_iter().chain(by_name).collect()
    }

    fn run(&self, case: &Case) -> Ended {
        // One that does not end is killed, so that the test ends.
        let run = Run::new("/usr/bin/timeout").args(["--signal=KILL", "5"]);
        let run = if case.limit == "RUST_MIN_STACK" {
            run.env(case.limit, case.value.to_string())
        } else {
            run.args(["/usr/bin/prlimit", &format!("--{0}={1}:{1}", case.limit, case.value)])
        };
        let run = case.uid.into_iter().fold(run, Run::uid);
        let timeout = format!("{}ms", TIMEOUT.as_millis());
        let run = run
            .args([&self.binary])
            .args(["--allow-http", "--timeout", &timeout])
            .env("VAULT_ADDR", &case.url);
        let run = run.env("VAULT_CACERT", &self.fake.ca).env("VAULT_TLS_SERVER_NAME", "127.0.0.1");
        run.env("VAULT_TOKEN", "hvs.seeded-token").env("HOME", self.folder.path()).request(&IDS).end()
    }

    /// Returns what is wrong with the end of a run.
    fn objection(&self, limit: &Limit, case: &Case, ended: &Ended) -> Option<&'static str> {
        let answers = case.url == self.fake.http || case.url == self.fake.https;
        let outcomes = outcomes(&ended.stdout);
        if ended.took > TIMEOUT + SLACK {
            Some("it is late")
        } else if ended.stderr.len() > SAID {
            Some("it says much")
        } else if outcomes.is_none() && (case.value >= limit.starts || !ended.stdout.is_empty()) {
            Some("some id is not answered once")
        } else if ended.stdout.contains("INTERNAL") {
            Some("it takes a limit for a bug")
        } else if answers && case.value >= limit.plenty && !ended.stdout.contains("value-a") {
            Some("there is plenty, and no value")
        } else {
            None
        }
    }
}

/// A response in which each id has one outcome.
fn outcomes(stdout: &str) -> Option<()> {
    let response: Value = serde_json::from_str(stdout).ok()?;
    let of = |part: &str| response[part].as_object().into_iter().flat_map(|ids| ids.keys().cloned());
    let ids: Vec<_> = of("values").chain(of("errors")).collect();
    let wanted: BTreeSet<_> = IDS.iter().map(ToString::to_string).collect();
    (ids.len() == IDS.len() && ids.into_iter().collect::<BTreeSet<_>>() == wanted).then_some(())
}
