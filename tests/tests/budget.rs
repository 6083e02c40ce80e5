//! The instructions of a run, and their limits. Other load on the machine does not change these numbers.
//!
//! Callgrind counts over all threads of the process, from the loader to the exit. Valgrind shows a process a processor
//! of its own, the same on every x86-64 machine that has AVX2, so that ring and the C library choose the same code on
//! all of them. `tests/budget` prints the counts. The budgets are in `tests/src/stores/NAME/budget.rs`. `tests/start-order`
//! reads callgrind's reports, from the folder `SECRETREF_REPORTS`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secretref_tests::resolver::{self, Run};
use secretref_tests::store::{Cost, Counted, Store};
use secretref_tests::stores;

/// How much more a case may cost, in percent. Runs of one binary differ by 0.3 (keys of TLS, seeds of hash tables), and
/// by 1 with another key of the file, or from another place (the C library reads `/proc/self/maps`, which contains paths);
/// another C library takes more.
const MARGIN: u64 = 3;

/// The smallest count of several runs is used, because chance mostly adds instructions.
const RUNS: usize = 3;

#[test]
#[ignore = "needs valgrind, gnome-keyring and the release build: tests/budget"]
fn no_run_costs_more_instructions_than_its_budget() {
    assert!(
        std::env::var_os("SECRETREF_BIN").is_some(),
        "only the release build is counted: run tests/budget"
    );
    assert!(is_x86_feature_detected!("avx2"), "without AVX2 ring takes another way, which has no budget");
    println!("{:<38} {:>9} {:>9} {:>9}", "thousands of instructions", "measured", "at most", "now");
    // `tests/budget NAME` counts the runs of one store.
    let names = std::env::var("SECRETREF_STORES").ok();
    let is_wanted =
        |store: &&&Store| names.as_ref().is_none_or(|names| names.split(' ').any(|name| name == store.name));
    let counted = stores::ALL.iter().filter(is_wanted);
    let over: Vec<_> = counted.flat_map(|store| Place::new(store).over_budget()).collect();
    assert!(
        over.is_empty(),
        "over budget: {}. Make it cheaper; or, if it is worth its cost, put the counts under `now` into \
         tests/src/stores/NAME/budget.rs and say why in the commit",
        over.join("; ")
    );
}

/// A store with secrets, and a folder for a profile that leads to them.
struct Place {
    store: &'static Store,
    folder: tempfile::TempDir,
    secrets: Box<dyn Counted>,
}

impl Place {
    fn new(store: &'static Store) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = (store.budget.start)(folder.path());
        Self { store, folder, secrets }
    }

    /// Prints the count of each kind of run, and returns those over their limit.
    fn over_budget(&self) -> Vec<String> {
        let over = self.store.budget.costs.iter().filter_map(|cost| {
            self.warm_up(cost);
            let name = format!("{}: {}", self.store.name, cost.sentence);
            let most = cost.thousands * (100 + MARGIN) / 100;
            let now = (0..RUNS).map(|_| self.count(cost)).min().expect("a run") / 1000;
            println!("{name:<38} {:>9} {most:>9} {now:>9}", cost.thousands);
            (now > most).then_some(name)
        });
        over.collect()
    }

    /// One run that is not counted: it creates the session that the others find in the cache.
    fn warm_up(&self, cost: &Cost) {
        if let Ok(way) = cost.way {
            let run = self.store.run().args([Path::new("--profile"), &self.profile(way)]);
            assert_eq!(run.request(&[&self.secrets.id(0)]).end().code, Some(0), "{}", cost.sentence);
        }
    }

    fn profile(&self, way: &str) -> PathBuf {
        let path = self.folder.path().join("profile.toml");
        // Valgrind takes fifty times as long as the process alone.
        let text = format!("{}\ntimeout = \"120s\"\n", self.secrets.profile(way));
        std::fs::write(&path, text).expect("a profile");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// The instructions of one run, which must succeed.
    fn count(&self, cost: &Cost) -> u64 {
        let reports =
            std::env::var_os("SECRETREF_REPORTS").map_or(self.folder.path().to_owned(), PathBuf::from);
        let report = reports.join(format!("{}: {}", self.store.name, cost.sentence).replace('/', "-"));
        let run = Run::new("valgrind").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        let run = run.args(["-q", "--tool=callgrind", "--demangle=no"]);
        let run = run.args([format!("--callgrind-out-file={}", report.display())]);
        let run = run.args([resolver::path(&self.store.binary())]);
        let run = match cost.way {
            Ok(way) => run.args([Path::new("--profile"), &self.profile(way)]),
            Err(arguments) => run.args(arguments),
        };
        let ids: Vec<String> = (0..cost.ids).map(|number| self.secrets.id(number)).collect();
        let ended = run.request(&ids.iter().map(String::as_str).collect::<Vec<_>>()).end();
        let answered = ended.stdout.matches("\"value-").count();
        assert_eq!((ended.code, answered), (Some(0), cost.ids), "{}: {ended:?}", cost.sentence);
        let report = std::fs::read_to_string(report).expect("the report of callgrind");
        let total = report.lines().find_map(|line| line.strip_prefix("totals:")).expect("a total");
        total.trim().parse().expect("a number")
    }
}
