//! What a run costs in instructions, and the most that it may: a speed that no other load of the machine disturbs.
//!
//! Callgrind counts over all threads of the process, from the loader to the exit. Valgrind shows a process a processor
//! of its own, the same on every x86-64 machine that has AVX2, so that ring and the C library choose the same code on
//! all of them. `tests/budget` prints the counts.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::keyring::Session;
use secretref_tests::resolver::{self, Run};

/// What each case was measured at when its budget was last set.
const CASES: [Case; 8] = [
    Case { sentence: "--help", way: None, ids: 0, thousands: 1290 },
    Case { sentence: "a request for nothing", way: Some(Way::Http), ids: 0, thousands: 425 },
    Case { sentence: "1 id over http", way: Some(Way::Http), ids: 1, thousands: 520 },
    Case { sentence: "1 id over https", way: Some(Way::Https), ids: 1, thousands: 3303 },
    Case { sentence: "1 id, a kept session", way: Some(Way::Kept), ids: 1, thousands: 3376 },
    Case { sentence: "100 ids over https, HTTP/2", way: Some(Way::Https), ids: 100, thousands: 11856 },
    Case { sentence: "1 id of 50 in a file", way: Some(Way::File), ids: 1, thousands: 2132 },
    Case { sentence: "1 id of the Secret Service", way: Some(Way::SecretService), ids: 1, thousands: 671 },
];

/// How much more a case may cost, in percent. Runs of one binary differ by 0.3 (keys of TLS, seeds of hash tables), and
/// by 1 with another key of the file, or from another place (the C library reads `/proc/self/maps`, in which paths stand);
/// another C library takes more.
const MARGIN: u64 = 3;

/// The least of some runs counts: what comes by chance mostly comes on top.
const RUNS: usize = 3;

struct Case {
    sentence: &'static str,
    /// The way to the secrets that the profile has; without one, there is no profile.
    way: Option<Way>,
    ids: usize,
    thousands: u64,
}

#[derive(Clone, Copy)]
enum Way {
    Http,
    Https,
    /// With a session that an earlier run has signed in for.
    Kept,
    File,
    SecretService,
}

impl Way {
    fn binary(self) -> PathBuf {
        resolver::path(match self {
            Self::Http | Self::Https | Self::Kept => "secretref-vault",
            Self::File | Self::SecretService => "secretref-keychain",
        })
    }

    fn id(self, number: usize) -> String {
        match self {
            Self::Http | Self::Https | Self::Kept => format!("budget/n{number}#key"),
            Self::File | Self::SecretService => format!("budget/n{number}"),
        }
    }
}

#[test]
#[ignore = "needs valgrind, gnome-keyring and the release build: tests/budget"]
fn no_run_costs_more_instructions_than_its_budget() {
    assert!(
        std::env::var_os("SECRETREF_BIN").is_some(),
        "only the release build is counted: run tests/budget"
    );
    assert!(is_x86_feature_detected!("avx2"), "without AVX2 ring takes another way, which has no budget");
    let place = Place::new();
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

/// The stores of the kit, and a folder for a profile that leads to one of them.
struct Place {
    folder: tempfile::TempDir,
    fake: FakeVault,
    session: Session,
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
        let place = Self { folder, fake, session: Session::unlocked() };
        place.sign_in();
        place.fill_keychains();
        place
    }

    /// Lets the session be made that a run is to find.
    fn sign_in(&self) {
        assert_eq!(self.run(Way::Kept).request(&["budget/n0#key"]).end().code, Some(0));
    }

    fn fill_keychains(&self) {
        for number in 0..50 {
            let set = self.run(Way::File).args(["set", &Way::File.id(number)]);
            assert_eq!(set.stdin(format!("value-{number}")).end().code, Some(0));
        }
        self.session.store("budget", "n0", "value-0");
    }

    fn profile(&self, way: Way) -> PathBuf {
        let vault = |address: &str, sign_in: &str| {
            format!("address = \"{address}\"\nca_cert = \"{}\"\n{sign_in}", self.fake.ca.display())
        };
        let lines = match way {
            Way::Http => vault(&self.fake.http, "token_file = \"token\""),
            Way::Https => vault(&self.fake.https, "token_file = \"token\""),
            Way::Kept => vault(
                &self.fake.https,
                &format!(
                    "auth = \"approle\"\nrole_id = \"r\"\nsecret_id_file = \"token\"\nkeep_session = \"{}\"",
                    self.folder.path().join("kept").display()
                ),
            ),
            Way::File => "store = \"file\"\nfolder = \"file\"".to_owned(),
            Way::SecretService => format!("bus = \"{}\"", self.session.bus().display()),
        };
        let path = self.folder.path().join("profile.toml");
        // Valgrind takes fifty times as long as the process alone.
        std::fs::write(&path, format!("{lines}\ntimeout = \"120s\"\n")).expect("a profile");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// A run by the profile of a way, not counted.
    fn run(&self, way: Way) -> Run {
        Run::new(way.binary()).args([Path::new("--profile"), &self.profile(way)])
    }

    /// The instructions of one run, which must do what it is for.
    fn count(&self, case: &Case) -> u64 {
        let report = self.folder.path().join("callgrind.out");
        let run = Run::new("valgrind").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        let run = run.args(["-q", "--tool=callgrind", &format!("--callgrind-out-file={}", report.display())]);
        let run = match case.way {
            Some(way) => run.args([&way.binary(), Path::new("--profile"), &self.profile(way)]),
            None => run.args([resolver::path("secretref-vault").as_path(), Path::new(case.sentence)]),
        };
        let ids: Vec<String> = (0..case.ids).filter_map(|number| Some(case.way?.id(number))).collect();
        let ended = run.request(&ids.iter().map(String::as_str).collect::<Vec<_>>()).end();
        let answered = ended.stdout.matches("\"value-").count();
        assert_eq!((ended.code, answered), (Some(0), case.ids), "{}: {ended:?}", case.sentence);
        let report = std::fs::read_to_string(report).expect("the report of callgrind");
        let total = report.lines().find_map(|line| line.strip_prefix("totals:")).expect("a total");
        total.trim().parse().expect("a number")
    }
}
