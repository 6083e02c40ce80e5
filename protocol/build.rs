//! For a resolver's binary (feature `cli`): links the unwinder into it if the system's compiler has it as an archive. One
//! shared library less to load takes a tenth off the start of a process.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "cargo and a build script talk through the environment and stdout, and this one asks the compiler"
)]

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_for_binary = env::var_os("CARGO_FEATURE_CLI").is_some();
    if !is_for_binary || env::var("TARGET").as_deref() != Ok("x86_64-unknown-linux-gnu") {
        return;
    }
    let found = std::process::Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let archive = found.ok().and_then(|found| String::from_utf8(found.stdout).ok()).unwrap_or_default();
    let folder = env::var("OUT_DIR").unwrap_or_default();
    // `cc` prints the bare name if it has no such file.
    if Path::new(archive.trim()).is_absolute()
        && fs::write(Path::new(&folder).join("libgcc_s.so"), "INPUT(-lgcc_eh)\n").is_ok()
    {
        println!("cargo::rustc-link-search=native={folder}");
    }
}
