//! A room with a journal: a mount namespace in which journald runs, and a test with everything that it starts.

use std::process::Command;

/// The variable that says that this process is in the room.
const INSIDE: &str = "SECRETREF_KIT_ROOM";

/// Mounts what journald needs, starts it, and runs a program until its end.
const SCRIPT: &str = r#"
    mount -t tmpfs -o mode=755 none /run
    mkdir -p /run/systemd/journal /run/log/journal
    mount -t tmpfs -o mode=755 none /etc/systemd
    mount -t tmpfs -o mode=755 none /var/log
    echo "[Journal]\nStorage=volatile\nRateLimitBurst=0" > /etc/systemd/journald.conf
    [ ! -e /dev/kmsg ] || mount --bind /dev/null /dev/kmsg
    /lib/systemd/systemd-journald &
    until [ -e /run/systemd/journal/socket ]; do sleep 0.05; done
    code=0
    "$@" || code=$?
    kill $!
    exit $code"#;

/// Runs the test `name` of this program again, in a room; `test` itself if it is there already.
///
/// # Panics
/// The test failed there, or this is not root.
pub fn in_room(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    assert!(rustix::process::geteuid().is_root(), "needs root, for a mount namespace");
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-ec", SCRIPT, "sh"]).arg(std::env::current_exe().expect("this program"));
    let ended = command.args(["--exact", name, "--include-ignored", "--nocapture"]).env(INSIDE, "1").output();
    let ended = ended.expect("unshare");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended.status.success(), "{}{}", said(&ended.stdout), said(&ended.stderr));
}
