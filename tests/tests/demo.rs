//! The first command of the front page prints what the page shows, on any machine that has Rust.
//!
//! In `tests/run` it also builds the resolver. Here a `cargo` of the kit returns one that is built already.

use std::fs;
use std::path::{Path, PathBuf};

use secretref_tests::page::{Page, type_in};
use secretref_tests::resolver::{self, Ended, Run};
use tempfile::TempDir;

/// Makes a checkout, in a process of its own, so that no child of another test has its programs open for writing.
const MAKE: &str = r#"
mkdir -p "$PLACE/tests" cargo temporary
cp "$DEMO" "$PLACE/tests/demo"
cp "$RESOLVER" "$PLACE/secretref-keychain"
cat > cargo/cargo <<EOF
#!/bin/sh
echo '{"reason":"compiler-artifact","executable":null}'
echo '{"reason":"compiler-artifact","executable":"$PLACE/secretref-keychain"}'
exit $CARGO_ENDS
EOF
chmod 755 . cargo/cargo
chmod 1777 temporary
"#;

/// A copy of this repository, as far as the command needs it, and a folder for what it makes.
struct Checkout {
    around: TempDir,
    place: PathBuf,
}

impl Checkout {
    /// A checkout at this path, with a `cargo` that ends with this code.
    fn new(path: &str, cargo_ends: &str) -> Self {
        let around = tempfile::tempdir().expect("a folder");
        let place = around.path().join(path);
        let env = [
            ("PLACE", place.display().to_string()),
            ("DEMO", resolver::repository().join("tests/demo").display().to_string()),
            ("RESOLVER", resolver::path("secretref-keychain").display().to_string()),
            ("CARGO_ENDS", cargo_ends.to_owned()),
        ];
        type_in(MAKE, around.path(), &[], &env.each_ref().map(|(name, value)| (*name, value.as_str())));
        Self { around, place }
    }

    /// Where the command makes its folder.
    fn temporary(&self) -> PathBuf {
        self.around.path().join("temporary")
    }

    /// The command, with both its streams in one as on a terminal, after a line of shell.
    fn run(&self, before: &str, temporary: &Path) -> Run {
        let line = format!("{before}\nexec /bin/bash \"$1\" 2>&1");
        Run::new("/bin/bash")
            .args(["-c", &line, "bash", &self.place.join("tests/demo").display().to_string()])
            .env("PATH", format!("{}:/usr/bin:/bin", self.around.path().join("cargo").display()))
            .env("TMPDIR", temporary)
    }
}

/// Asserts that a run has shown its output.
fn holds(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(r#""values":{"openai":"sk-demo-1234"}"#), "{ended:?}");
}

/// The output, without the parts that differ between runs: the folder and the times.
fn lasting(text: &str) -> String {
    let line = |line: &str| {
        if let Some((_, program)) = line.rsplit_once('/').filter(|_| line.starts_with("#!")) {
            return format!("#!/FOLDER/{program}\n");
        }
        let words: Vec<_> = line.split(' ').collect();
        let is_time = |at: usize| words.get(at + 1).is_some_and(|unit| unit.trim_end_matches(';') == "ms");
        let lasting = words.iter().enumerate().map(|(at, word)| if is_time(at) { "N" } else { word });
        format!("{}\n", lasting.collect::<Vec<_>>().join(" "))
    };
    text.trim().lines().map(line).collect()
}

#[test]
fn it_prints_what_the_front_page_shows() {
    let checkout = Checkout::new("secretref", "0");
    let ended = checkout.run("", &checkout.temporary()).end();
    holds(&ended);
    let page = Page::read("README.md");
    assert_eq!(page.block("See it work", "sh"), "tests/demo");
    assert_eq!(lasting(&page.block("See it work", "text")), lasting(&ended.stdout));
    assert_eq!(fs::read_dir(checkout.temporary()).expect("a folder").count(), 0, "it leaves nothing behind");
}

/// A path that no first line can hold: it has a space in it, and more than 255 bytes.
#[test]
fn it_runs_in_any_checkout_and_twice_at_once() {
    let checkout = Checkout::new(&format!("a b/{}/{}", "c".repeat(200), "d".repeat(100)), "0");
    let run = || checkout.run("", &checkout.temporary()).end();
    std::thread::scope(|threads| {
        let other = threads.spawn(run);
        holds(&run());
        holds(&other.join().expect("an end"));
    });
}

#[test]
fn a_failure_is_one_line() {
    let checkout = Checkout::new("secretref", "0");
    let broken = Checkout::new("secretref", "101");
    let spaced = checkout.temporary().join("a b");
    let long = checkout.temporary().join("e".repeat(240));
    for folder in [&spaced, &long] {
        fs::create_dir(folder).expect("a folder");
    }
    let temporary = checkout.temporary();
    for (run, line) in [
        (checkout.run("", &temporary).env("PATH", "/nowhere"), "missing: a Rust toolchain"),
        (broken.run("", &broken.temporary()), "the resolver does not build; see the lines above"),
        (checkout.run("", &spaced), "is too long or has a space in it: set TMPDIR"),
        (checkout.run("", &long), "is too long or has a space in it: set TMPDIR"),
    ] {
        let ended = run.end();
        assert_eq!(ended.code, Some(1), "{line}: {ended:?}");
        assert!(ended.stdout.lines().count() == 1 && ended.stdout.contains(line), "{line}: {ended:?}");
    }
}

#[test]
#[ignore = "needs root, to be another user: tests/run"]
fn it_runs_for_an_ordinary_user() {
    let checkout = Checkout::new("secretref", "0");
    holds(&checkout.run("", &checkout.temporary()).uid(4242).end());
}

#[test]
#[ignore = "needs root, for a mount namespace: tests/run"]
fn a_folder_where_nothing_can_be_started_is_named() {
    let checkout = Checkout::new("secretref", "0");
    let before = "[[ $2 == in ]] || exec unshare -m \"$BASH\" -c \"$BASH_EXECUTION_STRING\" bash \"$1\" in
        mount -t tmpfs -o noexec none \"$TMPDIR\" || exit 99";
    let ended = checkout.run(before, &checkout.temporary()).end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("no program can be started in") && ended.stdout.contains("noexec"),
        "{ended:?}"
    );
}
