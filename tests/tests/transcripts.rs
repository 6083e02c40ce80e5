//! Every transcript, as a test of its own: for each store, on each server that the kit has of it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Trial};
use secretref_tests::resolver::{self, Run};
use secretref_tests::store::{Holds, Server, Store};
use secretref_tests::stores;
use secretref_tests::transcript::{self, Case, Only};

fn main() {
    let places: Vec<Arc<Place>> = stores::ALL
        .iter()
        .flat_map(|store| store.servers.iter().map(|server| Arc::new(Place::new(store, server))))
        .collect();
    let trials =
        places.iter().flat_map(|place| cases(place.store).into_iter().filter_map(|case| trial(place, case)));
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    // A server that outlives its test would stay.
    for place in &places {
        drop(place.started.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
    conclusion.exit();
}

/// The cases that every store must pass, and those of its own.
fn cases(store: &Store) -> Vec<Case> {
    let own = resolver::repository().join(store.transcripts());
    transcript::every().into_iter().chain(transcript::read(&own)).collect()
}

/// A server, and a folder for profiles that lead to it.
struct Place {
    store: &'static Store,
    server: &'static Server,
    /// The server, after the first case that needs it.
    started: Mutex<Option<Box<dyn Holds + Send>>>,
    folder: tempfile::TempDir,
}

fn trial(place: &Arc<Place>, case: Case) -> Option<Trial> {
    let Place { store, server, .. } = **place;
    let name = format!("{} on {}: {}", store.name, server.name, case.sentence);
    let runs_here = case.runs_on(server.name, server.kind);
    let place = Arc::clone(place);
    let run = move || place.run(&case).map_err(Into::into);
    // `cargo test` reports these as ignored; `tests/run` installs the real servers and runs all of them.
    runs_here.then(|| Trial::test(name, run).with_ignored_flag(server.kind == Only::Real))
}

impl Place {
    fn new(store: &'static Store, server: &'static Server) -> Self {
        Self { store, server, started: Mutex::default(), folder: tempfile::tempdir().expect("a folder") }
    }

    fn run(&self, case: &Case) -> Result<(), String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let room = format!("case{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let prepared = {
            let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
            started.get_or_insert_with(self.server.start).put(case, &room)
        };
        let profile = self.folder.path().join(format!("{room}.toml"));
        std::fs::write(&profile, format!("{}{}\n", prepared.profile, prepared.fill(&case.profile)))
            .expect("a profile");
        std::fs::set_permissions(&profile, Permissions::from_mode(0o600)).expect("a mode");
        let mut run: Run = self.store.run().args(["--profile".as_ref(), profile.as_os_str()]);
        run = run.args(case.args.iter().map(|arg| prepared.fill(arg)));
        for (name, value) in &case.env {
            run = run.env(name, value);
        }
        let ended = run.stdin(prepared.fill(&case.request())).end();
        let mut secrets = case.secrets();
        secrets.extend_from_slice(&prepared.credentials);
        case.judge(&ended, |text| prepared.fill(text), &secrets)
    }
}
