//! Reads `.env` files as the gateway does, which uses npm `dotenv` 17. Pure.
//!
//! Every value that is read here is the same there. A line that `dotenv` silently skips is an error here.

use regex_lite::{Captures, Match, Regex};

use crate::secret::Secret;

/// The regular expression of `dotenv`, with one group per kind of quotes; S is the white space of JavaScript.
const LINE: &str = r#"(?m)^S*(?:exportS+)?(NAME)(?:S*=S*?|:S+?)(?:(S*'(?:\\'|[^'])*')|(S*"(?:\\"|[^"])*")|(S*`(?:\\`|[^`])*`)|([^#\n]+))?S*(?:#.*)?$"#;

/// The names that `dotenv` accepts, and also ids, which contain `:`, `/` and `#`.
const NAME: &str = r"[\w.-]+(?:[:/#][\w.-]+)*";

/// White space in JavaScript.
const SPACE: &str =
    r"[\t-\r\x20\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}]";

/// One entry of a file; its value may have several lines.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Secret,
    /// How bash reads the same entry.
    pub(super) in_bash: InBash,
}

/// How bash reads an entry, compared with `dotenv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InBash {
    Same,
    /// bash includes the `#` at which the value ends here, and the text after it.
    Longer,
    Other,
}

/// Returns the entries in their order. `Err` is the number of the first line that is not an entry.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, usize> {
    let pattern = LINE.replace("NAME", NAME).replace('S', SPACE);
    let Ok(pattern) = Regex::new(&pattern) else { return Err(0) };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut entries = Vec::new();
    let mut end = 0;
    for found in pattern.captures_iter(&text) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else { continue };
        between(&text, end, whole.start())?;
        end = whole.end();
        let entry = entry(&found, name.as_str()).ok_or_else(|| number(&text, name.start()))?;
        entries.push(entry);
    }
    between(&text, end, text.len())?;
    Ok(entries)
}

/// Fails if the text between two entries is not only comments.
fn between(text: &str, start: usize, end: usize) -> Result<(), usize> {
    let mut at = start;
    for line in text[start..end].split_inclusive('\n') {
        if !is_comment(line) {
            return Err(number(text, at));
        }
        at += line.len();
    }
    Ok(())
}

fn is_comment(line: &str) -> bool {
    let line = trimmed(line);
    line.is_empty() || line.starts_with('#')
}

/// Returns an entry; `None` if its value was probably not intended: quotes are not closed or have text after them, or it is
/// the last line of a base64 value.
fn entry(found: &Captures<'_>, name: &str) -> Option<Entry> {
    let group = |at| found.get(at).map(|group: Match<'_>| trimmed(group.as_str()));
    let quoted = |text: &str| text[1..text.len() - 1].to_owned();
    let (value, in_bash) = if let Some(text) = group(2) {
        (quoted(text), InBash::new(!text.contains(r"\'")))
    } else if let Some(text) = group(3) {
        let bends = text.contains(['\\', '$', '`']);
        (quoted(text).replace(r"\n", "\n").replace(r"\r", "\r"), InBash::new(!bends))
    } else if let Some(text) = group(4) {
        (quoted(text), InBash::Other)
    } else {
        let text = group(5).unwrap_or_default();
        if text.starts_with(['"', '\'', '`']) || !text.is_empty() && text.bytes().all(|byte| byte == b'=') {
            return None;
        }
        (text.to_owned(), bare_in_bash(found, text))
    };
    (name != "export").then(|| Entry { name: name.to_owned(), value: Secret::new(value), in_bash })
}

impl InBash {
    fn new(is_same: bool) -> Self {
        if is_same { Self::Same } else { Self::Other }
    }
}

fn bare_in_bash(found: &Captures<'_>, text: &str) -> InBash {
    let whole = found.get(0).map_or("", |whole| whole.as_str());
    let end = found.get(5).map_or(0, |value| value.end() - found.get(0).map_or(0, |whole| whole.start()));
    let before =
        if end == 0 { whole.split_once('#').map_or("", |(before, _)| before) } else { &whole[..end] };
    let is_cut = whole[before.len()..].starts_with('#') && !before.ends_with(char::is_whitespace);
    let bends = |c: char| c.is_whitespace() || "\\$`'\";&|<>()".contains(c);
    match text {
        _ if is_cut => InBash::Longer,
        _ => InBash::new(!text.contains(bends) && !text.starts_with('~')),
    }
}

/// Trims as JavaScript does.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() && c != '\u{85}' || c == '\u{feff}')
}

fn number(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, usize> {
        let pairs = entries(text)?;
        let pairs: Vec<_> =
            pairs.iter().map(|entry| format!("{}={}", entry.name, entry.value.expose())).collect();
        Ok(pairs.join("|"))
    }

    #[test]
    fn what_is_in_a_file() {
        for (text, want) in [
            ("", ""),
            ("\n# only a comment = this", ""),
            ("A=1\n\n  # c\nB=2", "A=1|B=2"),
            ("A=1\r\nB=\"2\"\r\n", "A=1|B=2"),
            ("export A=1\nexport\tB=2\nexported=3", "A=1|B=2|exported=3"),
            (" A = 1 ", "A=1"),
            ("A=a=b==", "A=a=b=="),
            ("A=one # c\nB=two\t# c\nC=a#b\nD=#e", "A=one|B=two|C=a|D="),
            ("A=\nB= # c\nC=\"\"\nD=''", "A=|B=|C=|D="),
            ("A='one # 1' # c\nB=\"two # 2\"# c\nC=`three`", "A=one # 1|B=two # 2|C=three"),
            (r#"A="\n\r\t\"\\\$\p\u0041$X""#, "A=\n\r\\t\\\"\\\\\\$\\p\\u0041$X"),
            (r"A='\n$X'", r"A=\n$X"),
            (r#"A="C:\\""#, r"A=C:\\"),
            (r#"A="C:\""#, r"A=C:\"),
            ("A=\"-----BEGIN\nx=1\n\n# 2\n\"\nB=3", "A=-----BEGIN\nx=1\n\n# 2\n|B=3"),
            ("A='1\r\n2'\r\nB=3\r\n", "A=1\n2|B=3"),
            ("A=it's\nB=5\" x", "A=it's|B=5\" x"),
            ("A=1\nA=2", "A=1|A=2"),
            ("a-b/c.d=1\nA=é", "a-b/c.d=1|A=é"),
            ("A: 1\na/b: 2", "A=1|a/b=2"),
        ] {
            assert_eq!(of(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn the_line_where_it_is_no_such_file() {
        for (text, number) in [
            ("A=1\nhunter2\n", 2),
            ("\n\n=hunter2", 3),
            ("export =1", 1),
            ("export A", 1),
            ("A='hunter2\nB=1", 1),
            ("A=\"1\n2\"\nB=\"hunter2\n", 3),
            ("A=\"1\" 2", 1),
            ("[1]", 1),
            // Lines of a value that was broken, or never had a name.
            ("A=\naHVudGVyMg==\n", 2),
            ("A=1\ndb://user:hunter2@host?a=b", 2),
            ("A b=1", 1),
        ] {
            assert_eq!(of(text), Err(number), "{text}");
        }
    }

    #[test]
    fn what_a_shell_reads_otherwise() {
        for (line, want) in [
            ("A=sk-1", InBash::Same),
            ("A=sk-1 # c", InBash::Same),
            ("A=", InBash::Same),
            ("A= # c", InBash::Same),
            ("A='p#1 $x'", InBash::Same),
            ("A=\"p#1\n2\"", InBash::Same),
            ("A=pass#word", InBash::Longer),
            ("A=#word", InBash::Longer),
            (r#"A="a\nb""#, InBash::Other),
            (r#"A="a$b""#, InBash::Other),
            (r"A='it\'s'", InBash::Other),
            (r"A=a\nb", InBash::Other),
            ("A=a b", InBash::Other),
            ("A=`id`", InBash::Other),
        ] {
            assert_eq!(entries(line).unwrap()[0].in_bash, want, "{line}");
        }
    }
}
