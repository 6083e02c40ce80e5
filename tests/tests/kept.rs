//! The session cache: damaged, foreign and leftover files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secretref_tests::fake_vault::{FakeVault, Manner};
use secretref_tests::resolver::{self, Ended, Run};

const SESSION: &str = "hvs.session-of-the-fake";

/// A server of the kit's own that signs `me` in, and a profile with a folder for sessions.
struct Bench {
    folder: tempfile::TempDir,
    fake: FakeVault,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let fake = FakeVault::start(folder.path(), Manner::default());
        fake.mount("secret");
        fake.put("secret", "a", r#"{"k":"value-a"}"#);
        fake.login("auth/userpass/login/me", SESSION, |body| body["password"] == "right");
        let bench = Self { folder, fake };
        bench.profile("right", &format!("keep_session = \"{}\"", bench.kept().display()));
        bench
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    fn profile(&self, password: &str, lines: &str) {
        let address = &self.fake.http;
        let text = format!(
            "address = \"{address}\"\nauth = \"userpass\"\nusername = \"me\"\npassword_file = \"password\"\n{lines}\n"
        );
        fs::write(self.folder.path().join("password"), password).expect("a file");
        fs::write(self.folder.path().join("profile.toml"), text).expect("a profile");
    }

    fn run(&self, prefix: &[&str], args: &[&str]) -> Ended {
        let profile = self.folder.path().join("profile.toml");
        let binary = resolver::path("secretref-vault");
        let run = match prefix {
            [] => Run::new(binary),
            [program, rest @ ..] => Run::new(program).args(rest).args([binary]),
        };
        let run = run.args(["--profile".as_ref(), profile.as_os_str()]).args(args);
        if args.is_empty() { run.request(&["a#k"]).end() } else { run.end() }
    }

    fn reads(&self) {
        let ended = self.run(&[], &[]);
        assert!(ended.code == Some(0) && ended.stdout.contains("value-a"), "{ended:?}");
    }

    /// The files with something in them.
    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.kept()).expect("a folder").flatten().map(|entry| entry.path());
        files.filter(|path| path.metadata().is_ok_and(|metadata| metadata.len() > 0)).collect()
    }
}

#[test]
fn a_limit_on_the_size_of_files_costs_no_answer_and_leaves_no_token() {
    let bench = Bench::new();
    for limit in [0, 1, 100] {
        let ended = bench.run(&["/usr/bin/prlimit", &format!("--fsize={limit}:{limit}")], &[]);
        assert!(ended.code == Some(0) && ended.stdout.contains("value-a"), "{limit}: {ended:?}");
        assert!(bench.files().is_empty(), "{limit}: {:?}", bench.files());
    }
    bench.reads();
    assert_eq!(bench.files().len(), 1);
}

#[test]
fn the_next_writer_removes_the_drafts_of_a_killed_process() {
    let bench = Bench::new();
    bench.reads();
    let [record] = &bench.files()[..] else { panic!("{:?}", bench.files()) };
    // Drafts: one that was left, one that is being written, and files that are none.
    let draft = |name: &str| {
        let path = bench.kept().join(name);
        fs::write(&path, "hvs.left").expect("a file");
        path
    };
    let name = record.file_name().unwrap().to_str().unwrap();
    let left = [draft(&format!("{name}.4711")), draft(&format!("{}.18446744073709551615", "0".repeat(32)))];
    let others = [draft("backup.2024"), draft(&format!("{name}.old"))];
    let live = draft(&format!("{name}.12"));
    let writer = fs::File::open(&live).expect("a file");
    writer.lock().expect("a lock");
    fs::remove_file(record).expect("a record");
    bench.reads();
    assert!(left.iter().all(|path| !path.exists()), "{:?}", bench.files());
    assert!(others.iter().chain([&live]).all(|path| path.exists()), "{:?}", bench.files());
}

#[test]
fn a_session_that_was_damaged_is_made_again() {
    let bench = Bench::new();
    for damage in ["\0", "\n", "\u{e9}", " ", "\r\nx-other: 1"] {
        bench.reads();
        let [record] = &bench.files()[..] else { panic!("{:?}", bench.files()) };
        let whole = fs::read_to_string(record).expect("a record");
        let damaged = whole.replace(SESSION, &format!("hvs.{damage}session"));
        assert_ne!(whole, damaged);
        fs::write(record, &damaged).expect("a record");
        bench.reads();
        assert!(fs::read_to_string(record).expect("a record").contains(SESSION), "{damage:?}");
        fs::write(record, &damaged).expect("a record");
        let ended = bench.run(&[], &["logout"]);
        assert!(ended.code == Some(0) && bench.files().is_empty(), "{damage:?}: {ended:?}");
    }
}

#[test]
#[ignore = "needs root, to be another user: tests/run"]
fn a_folder_that_another_user_made_first_is_named() {
    const UID: u32 = 61_998;
    let taken = PathBuf::from(format!("/dev/shm/secretref-{UID}"));
    fs::create_dir(&taken).expect("a folder");
    let bench = Bench::new();
    // The folder of the build may be one that another user cannot enter.
    let binary = bench.folder.path().join("secretref-vault");
    resolver::copy("secretref-vault", &binary);
    fs::set_permissions(bench.folder.path(), Permissions::from_mode(0o755)).expect("its mode");
    let profile = bench.folder.path().join("profile.toml");
    let run = |args: &[&str]| {
        let run = Run::new(&binary).args(["--profile".as_ref(), profile.as_os_str()]).args(args);
        run.uid(UID).request(&["a#k"]).end()
    };
    let words = format!(
        "{} belongs to another user (uid 0); set `keep_session` to a folder of this user",
        taken.display()
    );
    bench.profile("wrong", "");
    let refused = run(&[]);
    bench.profile("right", "");
    let seen = run(&["doctor", "--names"]);
    fs::remove_dir(&taken).expect("the folder");
    assert!(refused.stdout.contains(&words), "{refused:?}");
    assert!(seen.code == Some(0) && seen.stdout.contains(&words), "{seen:?}");
}
