//! A test that runs in a network and with mounts of its own, so that it can have the addresses and the files of another
//! machine. Needs root.

use std::process::Command;

use crate::resolver;

/// Set in the second run of such a test.
const MARK: &str = "SECRETREF_KIT_OWN_MACHINE";

/// Runs the test `name` of this program again, on a machine that the shell commands of `script` have made, with this
/// resolver. Returns whether this is that second run.
#[must_use]
pub fn is_this(name: &str, binary: &str, script: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    assert!(rustix::process::geteuid().is_root(), "needs root, for a network of its own");
    let binary = resolver::path(binary);
    let ended = Command::new("unshare")
        .args(["-n", "-m", "sh", "-c", &format!("set -e; ip link set lo up; {script}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", name, "--include-ignored", "--nocapture"])
        .env(MARK, "1")
        .env("SECRETREF_BIN", binary.parent().expect("a folder"))
        .output()
        .expect("unshare");
    let text = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    false
}
