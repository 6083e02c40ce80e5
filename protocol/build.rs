//! Links the unwinder into the binary where the system's compiler has it as an archive: a shared library less to load
//! takes a tenth off the start of a process. Where it has none, the shared one is used as ever.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a build script speaks to cargo by environment and stdout, and asks the compiler"
)]

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("TARGET").as_deref() != Ok("x86_64-unknown-linux-gnu") {
        return;
    }
    let found = std::process::Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let archive = found.ok().and_then(|found| String::from_utf8(found.stdout).ok()).unwrap_or_default();
    let folder = env::var("OUT_DIR").unwrap_or_default();
    // `cc` prints the bare name where it has no such file.
    if Path::new(archive.trim()).is_absolute()
        && fs::write(Path::new(&folder).join("libgcc_s.so"), "INPUT(-lgcc_eh)\n").is_ok()
    {
        println!("cargo::rustc-link-search=native={folder}");
    }
}
