//! The text of a profile that `install` writes, and the mark by which it knows its own.

use std::fmt::Write as _;

use crate::failure::Failure;
use crate::settings::Settings;
use crate::text::quote;

/// The start of the line with the mark.
const MARK: &str = "# Written by `install`, mark ";

/// Returns the text of a profile with the settings that are set. `first` is its first line, if it is to be a command.
pub(super) fn profile(binary: &str, first: Option<&str>, settings: &Settings) -> Result<String, Failure> {
    let mut lines = String::new();
    for (key, value) in settings.as_toml()? {
        let _ = writeln!(lines, "{key} = {value}");
    }
    let variables: Vec<_> = settings.passed_secrets().into_iter().map(quote).collect();
    if !variables.is_empty() {
        let _ = writeln!(lines, "env = [{}]", variables.join(", "));
    }
    let first = first.map(|first| format!("{first}\n")).unwrap_or_default();
    Ok(marked(binary, &first, &lines))
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
        for changed in
            [text.replace("\"b\"", "\"c\""), text.clone() + "c = 1\n", String::new(), "a = 1".into()]
        {
            assert!(!is_own(&changed), "{changed}");
        }
    }
}
