//! For a resolver's binary (feature `cli`): tells it which build it is, links the unwinder into it, and orders its functions.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "cargo and a build script talk through the environment and stdout, and this one asks the compiler and git"
)]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CLI").is_some() {
        name_the_build();
        link_the_unwinder();
        order_the_functions();
    }
}

/// What `--version` says after the version.
fn name_the_build() {
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=SECRETREF_BUILD={}, {target}", commit());
}

/// The commit: what the packager says, else what the crate's package says, else what git says.
///
/// A development build does not ask: it would be compiled again after each commit.
fn commit() -> String {
    println!("cargo::rerun-if-env-changed=SECRETREF_COMMIT");
    let given = env::var("SECRETREF_COMMIT").ok().filter(|commit| !commit.is_empty());
    if given.is_none() && env::var("PROFILE").as_deref() != Ok("release") {
        return "development build".to_owned();
    }
    let commit = given.or_else(commit_of_the_package).or_else(commit_of_the_checkout);
    commit.map_or("unknown commit".to_owned(), |commit| {
        format!("commit {}", commit.get(..12).unwrap_or(&commit))
    })
}

/// `{"git":{"sha1":"..."}}`, which `cargo package` writes.
fn commit_of_the_package() -> Option<String> {
    let text = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, commit) = text.split_once("\"sha1\"")?;
    commit.split('"').nth(1).map(str::to_owned)
}

/// Only of this repository: sources that were unpacked into another one are not at its commit.
fn commit_of_the_checkout() -> Option<String> {
    let found = git(&["rev-parse", "--show-prefix", "HEAD", "--git-path", "logs/HEAD"])?;
    let [prefix, commit, log] = found.lines().collect::<Vec<_>>().try_into().ok()?;
    println!("cargo::rerun-if-changed={log}");
    (prefix == "protocol/").then(|| commit.to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let found = Command::new("git").args(arguments).output().ok()?;
    found.status.success().then(|| String::from_utf8(found.stdout).ok()).flatten()
}

/// Links the unwinder into the binary if the system's compiler has it as an archive. One shared library less to load takes
/// a tenth off the start of a process.
fn link_the_unwinder() {
    if env::var("TARGET").as_deref() != Ok("x86_64-unknown-linux-gnu") {
        return;
    }
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let archive = found.ok().and_then(|found| String::from_utf8(found.stdout).ok()).unwrap_or_default();
    let folder = env::var("OUT_DIR").unwrap_or_default();
    // `cc` prints the bare name if it has no such file.
    if Path::new(archive.trim()).is_absolute()
        && fs::write(Path::new(&folder).join("libgcc_s.so"), "INPUT(-lgcc_eh)\n").is_ok()
    {
        println!("cargo::rustc-link-search=native={folder}");
    }
}

/// Has the linker place the functions that a resolve runs side by side, if it takes `start-order.ld`, as lld does. That
/// halves the pages of the program that a start touches.
fn order_the_functions() {
    println!("cargo::rerun-if-changed=start-order.ld");
    if env::var("PROFILE").as_deref() == Ok("release") && the_linker_takes_it() == Some(true) {
        println!("cargo::rustc-link-search=native={}", env!("CARGO_MANIFEST_DIR"));
        println!("cargo::rustc-link-lib=dylib:+verbatim=start-order.ld");
    }
}

/// Links an empty program with it, as cargo would.
fn the_linker_takes_it() -> Option<bool> {
    let folder = env::var("OUT_DIR").ok()?;
    let program = Path::new(&folder).join("empty.rs");
    fs::write(&program, "fn main() {}").ok()?;
    let mut rustc = Command::new(env::var_os("RUSTC")?);
    rustc.args([
        "--target",
        &env::var("TARGET").ok()?,
        "--out-dir",
        &folder,
        "-L",
        env!("CARGO_MANIFEST_DIR"),
    ]);
    rustc.args(["-l", "dylib:+verbatim=start-order.ld"]).arg(&program);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    rustc.args(env::var("CARGO_ENCODED_RUSTFLAGS").ok()?.split('\u{1f}').filter(|flag| !flag.is_empty()));
    Some(rustc.output().ok()?.status.success())
}
