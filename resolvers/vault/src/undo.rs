//! The shell commands that restore a deleted or replaced version.

use crate::locator::Locator;

/// The command that restores a deleted version.
pub(crate) fn undelete(locator: &Locator, version: u64) -> String {
    command("undelete", "versions", locator, version)
}

/// The command that writes an older version again, as the newest.
pub(crate) fn rollback(locator: &Locator, version: u64) -> String {
    command("rollback", "version", locator, version)
}

fn command(verb: &str, flag: &str, locator: &Locator, version: u64) -> String {
    let namespace = locator.mount.namespace.as_ref();
    let namespace =
        namespace.map(|namespace| format!(" -namespace={}", quoted(namespace))).unwrap_or_default();
    let (mount, path) = (quoted(&locator.mount.path), quoted(&locator.path));
    format!("bao kv {verb}{namespace} -mount={mount} -{flag}={version} {path}")
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("team/a-1.b"), "team/a-1.b");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
    }
}
