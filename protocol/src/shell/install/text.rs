//! The text of a profile that `install` writes, and the mark by which it knows its own.

use std::fmt::Write as _;

use serde::Deserialize;
use toml::Spanned;

use crate::failure::Failure;
pub(super) use crate::gateway::names;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::store::Store;
use crate::text::quote;

/// The start of the line with the mark.
const MARK: &str = "# Written by `install`, mark ";

/// The line of a profile whose command is the copy of the program that `install` made.
const COPY: &str = "# Its command is the copy of the program in this folder.\n";

/// The line of a profile whose command is a program in its folder that `install` did not make.
const FOUND: &str = "# Its command is the program in this folder, which `install` did not make.\n";

/// How the gateway starts a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start<'l> {
    /// By this first line.
    Line(&'l str),
    /// By the copy of the program that `install` makes in its folder.
    Copy,
    /// By the same program, which was in its folder already.
    Found,
}

/// Returns the text of a profile with the settings that are set, and its base.
pub(super) fn profile(
    binary: &str,
    start: Start<'_>,
    settings: &Settings,
    extends: Option<&str>,
) -> Result<String, Failure> {
    let mut lines = String::new();
    if let Some(base) = extends {
        let _ = writeln!(lines, "extends = {}", quote(base));
    }
    for (key, value) in settings.as_toml()? {
        let _ = writeln!(lines, "{key} = {value}");
    }
    let variables: Vec<_> = settings.passed_secrets().into_iter().map(quote).collect();
    if !variables.is_empty() {
        let _ = writeln!(lines, "env = [{}]", variables.join(", "));
    }
    Ok(marked(binary, &head(start), &lines))
}

/// Returns the text of a profile that is there already, with another start, and with another `allow`, if there is one. Of a
/// profile that `install` did not write, nothing else changes.
pub(super) fn kept(binary: &str, start: Start<'_>, text: &str, patterns: Option<&[String]>) -> String {
    let rest = match text.split_once('\n') {
        Some((line, rest)) if line.starts_with("#!") => rest,
        _ => text,
    };
    if !is_own(binary, text) {
        let rest = patterns.map_or_else(|| rest.to_owned(), |patterns| with_allow(rest, patterns));
        return if let Start::Line(first) = start { format!("{first}\n{rest}") } else { rest };
    }
    let is_replaced =
        |line: &&str| line.starts_with('#') || patterns.is_some() && line.starts_with("allow = ");
    let mut lines = String::new();
    for line in rest.lines().filter(|line| !is_replaced(line)) {
        let _ = writeln!(lines, "{line}");
    }
    if let Some(patterns) = patterns {
        let _ = writeln!(lines, "{}", allow(patterns));
    }
    marked(binary, &head(start), &lines)
}

/// Returns the line `allow` of a profile.
pub(super) fn allow(patterns: &[String]) -> String {
    format!("allow = {}", list(patterns))
}

fn list(patterns: &[String]) -> String {
    let patterns: Vec<_> = patterns.iter().map(|pattern| quote(pattern)).collect();
    format!("[{}]", patterns.join(", "))
}

/// The key `allow` of a profile, with its place in the text.
#[derive(Deserialize)]
struct Allowed {
    allow: Option<Spanned<toml::Value>>,
}

/// Returns a text with these patterns in place of those of `allow`, however they are written; or with a first line for them.
fn with_allow(text: &str, patterns: &[String]) -> String {
    let span = toml::from_str::<Allowed>(text).ok().and_then(|found| found.allow).map(|allow| allow.span());
    match span {
        Some(span) => format!("{}{}{}", &text[..span.start], list(patterns), &text[span.end..]),
        None => format!("{}\n{text}", allow(patterns)),
    }
}

/// Whether the command of a profile that `install` wrote is the copy of the program that it made.
pub(super) fn has_copy(binary: &str, text: &str) -> bool {
    is_own(binary, text) && text.contains(COPY)
}

/// Whether a text says that its command is the program in its folder, even if it was changed since.
pub(super) fn needs_copy(text: &str) -> bool {
    text.contains(COPY) || text.contains(FOUND)
}

/// Whether a file is a profile of this store whose settings are kept: its first line says so, or `--force`, if it has none.
pub(super) fn may_keep(store: &Store, text: &str, start: Start<'_>, force: bool) -> bool {
    let is_named = || names(store.binary, text) || text.lines().next().map(Start::Line) == Some(start);
    let is_meant = is_own(store.binary, text) || is_named() || force && !text.starts_with("#!");
    is_meant && Profile::is_of(store, text)
}

/// Returns the keys of a profile that another does not set.
pub(super) fn dropped(there: &str, text: &str) -> Vec<String> {
    let keys = |text: &str| toml::from_str::<toml::Table>(text).unwrap_or_default();
    let new = keys(text);
    keys(there).into_iter().map(|(key, _)| key).filter(|key| !new.contains_key(key)).collect()
}

fn head(start: Start<'_>) -> String {
    match start {
        Start::Line(first) => format!("{first}\n"),
        Start::Copy => COPY.to_owned(),
        Start::Found => FOUND.to_owned(),
    }
}

/// The line below the mark.
fn note(binary: &str) -> String {
    format!("# After a change by hand, {binary} install replaces it only with --force.\n")
}

fn marked(binary: &str, first: &str, lines: &str) -> String {
    let note = note(binary);
    let mark = mark(&format!("{first}{note}{lines}"));
    format!("{first}{MARK}{mark:016x}.\n{note}{lines}")
}

/// Whether `install` of this resolver wrote this text, and it was not changed since.
pub(super) fn is_own(binary: &str, text: &str) -> bool {
    if !text.contains(&note(binary)) {
        return false;
    }
    let Some((before, rest)) = text.split_once(MARK) else { return false };
    let Some((written, after)) = rest.split_once(".\n") else { return false };
    u64::from_str_radix(written, 16) == Ok(mark(&format!("{before}{after}")))
}

/// FNV-1a, which tells a changed text from an unchanged one. It protects from mistakes alone.
fn mark(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a profile that a person has changed, only the patterns change.
    #[test]
    fn another_allow_leaves_the_rest_of_a_text() {
        let patterns = ["x/y".to_owned(), "z".to_owned()];
        for (text, want) in [
            (
                "a = 1 # mine\nallow = [\n  \"b\", # why\n] # end\n[ids]\nc = \"d\"\n",
                "a = 1 # mine\nallow = [\"x/y\", \"z\"] # end\n[ids]\nc = \"d\"\n",
            ),
            ("'allow' = []\r\na = 1\r\n", "'allow' = [\"x/y\", \"z\"]\r\na = 1\r\n"),
            ("[ids]\nallow = \"d\"\n", "allow = [\"x/y\", \"z\"]\n[ids]\nallow = \"d\"\n"),
            ("# allow = [\"é\"]\n", "allow = [\"x/y\", \"z\"]\n# allow = [\"é\"]\n"),
        ] {
            assert_eq!(with_allow(text, &patterns), want);
        }
    }

    #[test]
    fn a_text_is_known_until_it_is_changed() {
        let text = marked("secretref-x", "#!/usr/bin/secretref-x --profile\n", "a = \"b\"\n");
        assert!(
            text.starts_with("#!/usr/bin/secretref-x --profile\n# Written by `install`, mark "),
            "{text}"
        );
        let is_own = |text: &str| super::is_own("secretref-x", text);
        let has_copy = |text: &str| super::has_copy("secretref-x", text);
        assert!(is_own(&text) && !super::is_own("secretref-y", &text));
        assert!(is_own(&marked("secretref-x", "", "")));
        let found = kept("secretref-x", Start::Found, &text, None);
        assert!(is_own(&found) && !has_copy(&found) && needs_copy(&found), "{found}");
        let copied = kept("secretref-x", Start::Copy, &text, Some(&["i".to_owned()]));
        assert!(is_own(&copied) && has_copy(&copied) && !has_copy(&text), "{copied}");
        assert!(copied.ends_with("\na = \"b\"\nallow = [\"i\"]\n") && !copied.contains("#!"), "{copied}");
        assert_eq!(
            kept("secretref-x", Start::Line("#!/usr/bin/secretref-x --profile"), &copied, None)
                .matches("allow")
                .count(),
            1
        );
        assert_eq!(
            kept("secretref-x", Start::Line("#!/y --profile"), "#!/x --profile\na = 1 # mine\n", None),
            "#!/y --profile\na = 1 # mine\n"
        );
        for changed in
            [text.replace("\"b\"", "\"c\""), text.clone() + "c = 1\n", String::new(), "a = 1".into()]
        {
            assert!(!is_own(&changed), "{changed}");
        }
    }
}
