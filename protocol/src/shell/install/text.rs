//! The text of a profile that `install` writes, and the mark by which it knows its own.

use std::fmt::Write as _;

use crate::failure::Failure;
use crate::settings::Settings;
use crate::text::quote;

/// The start of the line with the mark.
const MARK: &str = "# Written by `install`, mark ";

/// The line of a profile whose command is a copy of the program.
const COPY: &str = "# Its command is the copy of the program in this folder.\n";

/// Returns the text of a profile with the settings that are set, and its base. `first` is its first line, if it is to be a
/// command; else a copy of the program is its command.
pub(super) fn profile(
    binary: &str,
    first: Option<&str>,
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
    Ok(marked(binary, &head(first), &lines))
}

/// Returns the text of a profile that is there already, with another first line. If `install` has written it, also with
/// another `allow`, if there is one.
pub(super) fn kept(binary: &str, first: Option<&str>, text: &str, allow: Option<&[String]>) -> String {
    let rest = match text.split_once('\n') {
        Some((line, rest)) if line.starts_with("#!") => rest,
        _ => text,
    };
    if !is_own(text) {
        let first = first.map(|first| format!("{first}\n")).unwrap_or_default();
        return format!("{first}{rest}");
    }
    let is_replaced = |line: &&str| line.starts_with('#') || allow.is_some() && line.starts_with("allow = ");
    let mut lines = String::new();
    for line in rest.lines().filter(|line| !is_replaced(line)) {
        let _ = writeln!(lines, "{line}");
    }
    if let Some(patterns) = allow {
        let patterns: Vec<_> = patterns.iter().map(|pattern| quote(pattern)).collect();
        let _ = writeln!(lines, "allow = [{}]", patterns.join(", "));
    }
    marked(binary, &head(first), &lines)
}

/// Whether the command of a profile that `install` wrote is a copy of the program.
pub(super) fn has_copy(text: &str) -> bool {
    is_own(text) && text.contains(COPY)
}

fn head(first: Option<&str>) -> String {
    first.map_or_else(|| COPY.to_owned(), |first| format!("{first}\n"))
}

fn marked(binary: &str, first: &str, lines: &str) -> String {
    let note = format!("# After a change by hand, {binary} install replaces it only with --force.\n");
    let mark = mark(&format!("{first}{note}{lines}"));
    format!("{first}{MARK}{mark:016x}.\n{note}{lines}")
}

/// Whether `install` wrote this text, and it was not changed since.
pub(super) fn is_own(text: &str) -> bool {
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

    #[test]
    fn a_text_is_known_until_it_is_changed() {
        let text = marked("secretref-x", "#!/usr/bin/secretref-x --profile\n", "a = \"b\"\n");
        assert!(
            text.starts_with("#!/usr/bin/secretref-x --profile\n# Written by `install`, mark "),
            "{text}"
        );
        assert!(is_own(&text));
        assert!(is_own(&marked("secretref-x", "", "")));
        let copied = kept("secretref-x", None, &text, Some(&["i".to_owned()]));
        assert!(is_own(&copied) && has_copy(&copied) && !has_copy(&text), "{copied}");
        assert!(copied.ends_with("\na = \"b\"\nallow = [\"i\"]\n") && !copied.contains("#!"), "{copied}");
        assert_eq!(
            kept("secretref-x", Some("#!/usr/bin/secretref-x --profile"), &copied, None)
                .matches("allow")
                .count(),
            1
        );
        assert_eq!(
            kept("secretref-x", Some("#!/y --profile"), "#!/x --profile\na = 1 # mine\n", None),
            "#!/y --profile\na = 1 # mine\n"
        );
        for changed in
            [text.replace("\"b\"", "\"c\""), text.clone() + "c = 1\n", String::new(), "a = 1".into()]
        {
            assert!(!is_own(&changed), "{changed}");
        }
    }
}
