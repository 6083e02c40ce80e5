//! What a run costs in instructions, and the most that it may: a speed that no other load of the machine disturbs.
//!
//! Callgrind counts over all threads of the process, from the loader to the exit. Valgrind shows a process a processor
//! of its own, the same on every x86-64 machine that has AVX2, so that ring and the C library choose the same code on
//! all of them. `tests/budget` prints the counts.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::resolver::{self, Run};

/// What each case was measured at when its budget was last set.
const CASES: [Case; 6] = [
    Case { sentence: "--help", scheme: None, ids: 0, kept: false, thousands: 1804 },
    Case { sentence: "a request for nothing", scheme: Some("http"), ids: 0, kept: false, thousands: 425 },
    Case { sentence: "1 id over http", scheme: Some("http"), ids: 1, kept: false, thousands: 520 },
    Case { sentence: "1 id over https", scheme: Some("https"), ids: 1, kept: false, thousands: 3303 },
    Case { sentence: "1 id, a kept session", scheme: Some("https"), ids: 1, kept: true, thousands: 3376 },
    Case {
        sentence: "100 ids over https, HTTP/2",
        scheme: Some("https"),
        ids: 100,
        kept: false,
        thousands: 11856,
    },
];

/// How much more a case may cost, in percent. Runs of one binary differ by 0.3 (keys of TLS, seeds of hash tables), and
/// by 1 from another place (the C library reads `/proc/self/maps`, in which paths stand); another C library takes more.
const MARGIN: u64 = 3;

/// The least of some runs counts: what comes by chance mostly comes on top.
const RUNS: usize = 3;

struct Case {
    sentence: &'static str,
    /// The address that the profile has; without one, there is no profile.
    scheme: Option<&'static str>,
    ids: usize,
    /// Whether it reads with a session that an earlier run has signed in for.
    kept: bool,
    thousands: u64,
}

#[test]
#[ignore = "needs valgrind and the release build: tests/budget has both"]
fn no_run_costs_more_instructions_than_its_budget() {
    assert!(
        std::env::var_os("SECRETREF_BIN").is_some(),
        "only the release build is counted: run tests/budget"
    );
    assert!(is_x86_feature_detected!("avx2"), "without AVX2 ring takes another way, which has no budget");
    let place = Place::new();
    place.sign_in();
    println!("{:<28} {:>9} {:>9} {:>9}", "thousands of instructions", "measured", "at most", "now");
    let over = CASES.iter().filter(|case| {
        let most = case.thousands * (100 + MARGIN) / 100;
        let now = (0..RUNS).map(|_| place.count(case)).min().expect("a run") / 1000;
        println!("{:<28} {:>9} {most:>9} {now:>9}", case.sentence, case.thousands);
        now > most
    });
    let over: Vec<_> = over.map(|case| case.sentence).collect();
    assert!(
        over.is_empty(),
        "over budget: {}. Make it cheaper; or, if it is worth its cost, put what stands under `now` into \
         tests/tests/budget.rs and say why in the commit",
        over.join("; ")
    );
}

/// The kit's Vault, and a folder for a profile that leads to it.
struct Place {
    folder: tempfile::TempDir,
    fake: FakeVault,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let fake = FakeVault::start(folder.path(), Manner::default());
        fake.mount("secret");
        fake.token("hvs.seeded-token", Token { denied: "\0", may_look: true });
        fake.login("auth/approle/login", "hvs.seeded-token", |_| true);
        for number in 0..100 {
            fake.put("secret", &format!("budget/n{number}"), &format!("{{\"key\":\"value-{number}\"}}"));
        }
        std::fs::write(folder.path().join("token"), "hvs.seeded-token\n").expect("a token");
        Self { folder, fake }
    }

    fn profile(&self, scheme: &str, kept: bool) -> PathBuf {
        let address = if scheme == "http" { &self.fake.http } else { &self.fake.https };
        let ca = self.fake.ca.display();
        // Valgrind takes fifty times as long as the process alone.
        let sign_in = if kept {
            let folder = self.folder.path().join("kept");
            format!(
                "auth = \"approle\"\nrole_id = \"r\"\nsecret_id_file = \"token\"\nkeep_session = \"{}\"",
                folder.display()
            )
        } else {
            "token_file = \"token\"".to_owned()
        };
        let text = format!("address = \"{address}\"\nca_cert = \"{ca}\"\n{sign_in}\ntimeout = \"120s\"\n");
        let path = self.folder.path().join("vault.toml");
        std::fs::write(&path, text).expect("a profile");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// Lets the session be made that a run is to find.
    fn sign_in(&self) {
        let profile = self.profile("https", true);
        let run = Run::new(resolver::path("secretref-vault")).args([Path::new("--profile"), &profile]);
        assert_eq!(run.request(&["budget/n0#key"]).end().code, Some(0));
    }

    /// The instructions of one run, which must do what it is for.
    fn count(&self, case: &Case) -> u64 {
        let report = self.folder.path().join("callgrind.out");
        let run = Run::new("valgrind").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        let run = run.args(["-q", "--tool=callgrind", &format!("--callgrind-out-file={}", report.display())]);
        let run = run.args([resolver::path("secretref-vault")]);
        let run = match case.scheme {
            Some(scheme) => run.args([Path::new("--profile"), &self.profile(scheme, case.kept)]),
            None => run.args([case.sentence]),
        };
        let ids: Vec<String> = (0..case.ids).map(|number| format!("budget/n{number}#key")).collect();
        let ended = run.request(&ids.iter().map(String::as_str).collect::<Vec<_>>()).end();
        let answered = ended.stdout.matches("\"value-").count();
        assert_eq!((ended.code, answered), (Some(0), case.ids), "{}: {ended:?}", case.sentence);
        let report = std::fs::read_to_string(report).expect("the report of callgrind");
        let total = report.lines().find_map(|line| line.strip_prefix("totals:")).expect("a total");
        total.trim().parse().expect("a number")
    }
}
