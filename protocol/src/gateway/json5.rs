//! JSON5 text of a file that anyone may have written: its nesting is counted before it is parsed. Pure.

use std::ops::Range;

use serde_json::Value;

/// How deep objects and lists may be in each other. The parser recurses, and a deeper text would end the process.
const DEPTH: usize = 128;

/// Parses a text.
///
/// # Errors
/// Why it is not JSON5, as it follows the name of the file: `line 2 is not JSON5`.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    if scan(text.as_bytes()).depth > DEPTH {
        return Err(format!("it has more than {DEPTH} objects and lists in each other"));
    }
    json5::from_str(text).map_err(|error| match error.position() {
        Some(position) => format!("line {} is not JSON5", position.line + 1),
        None => "it is not JSON5".to_owned(),
    })
}

/// Returns where the comments of a text are, in bytes.
pub(crate) fn comments(text: &[u8]) -> Vec<Range<usize>> {
    scan(text).comments
}

/// What a text has, as far as it is JSON5.
struct Scanned {
    depth: usize,
    comments: Vec<Range<usize>>,
}

fn scan(text: &[u8]) -> Scanned {
    let mut scanned = Scanned { depth: 0, comments: Vec::new() };
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = text.get(at) {
        let end = match (byte, text.get(at + 1)) {
            (b'"' | b'\'', _) => end_of_string(text, at),
            (b'/', Some(b'/')) => end_of_line(text, at),
            (b'/', Some(b'*')) => {
                let end = memchr::memmem::find(&text[at + 2..], b"*/");
                end.map_or(text.len(), |found| at + 2 + found + 2)
            }
            _ => at + 1,
        };
        match byte {
            b'/' if end > at + 1 => scanned.comments.push(at..end),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        scanned.depth = scanned.depth.max(depth);
        at = end;
    }
    scanned
}

/// Returns what follows the string that starts here.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if byte == text[start] => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Returns the end of the comment that starts here: at any of the four line ends of JSON5.
fn end_of_line(text: &[u8], start: usize) -> usize {
    let is_end = |at: &usize| {
        matches!(text[*at], b'\n' | b'\r') || matches!(text[*at..], [0xe2, 0x80, 0xa8 | 0xa9, ..])
    };
    (start..text.len()).find(is_end).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_text_is_refused_before_it_is_parsed() {
        let deep = |open: &str, close: &str, count: usize| open.repeat(count) + "1" + &close.repeat(count);
        assert!(parse(&deep("[", "]", 128)).is_ok());
        for text in [
            deep("[", "]", 129),
            deep("[", "]", 200_000),
            deep("{a:", "}", 129),
            "// ' \"\n".to_owned() + &"[".repeat(200_000),
            "/* \" */".to_owned() + &"[".repeat(200_000),
            "//\u{2028}".to_owned() + &"[".repeat(200_000),
            "['\\'',\"\\\\\",".to_owned() + &"[".repeat(200_000),
        ] {
            assert!(parse(&text).unwrap_err().contains("more than 128"), "{}", &text[..20]);
        }
        assert!(parse(&format!("{{ a: '{}' /* {} */ }} // [[", "[".repeat(200), "[".repeat(200))).is_ok());
        assert_eq!(parse("{\n  a: [\n").unwrap_err(), "line 2 is not JSON5");
    }

    #[test]
    fn comments_are_found_outside_of_strings() {
        let text = "{ a: 'http://x', // one\n b: /* two */ 1 }";
        let found: Vec<_> = comments(text.as_bytes()).into_iter().map(|at| &text[at]).collect();
        assert_eq!(found, ["// one", "/* two */"]);
    }
}
