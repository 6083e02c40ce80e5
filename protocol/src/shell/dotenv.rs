//! The grammar of `.env` files, as far as those who read them agree: bash, Docker, and the gateway's own reader. Pure.

use crate::secret::Secret;

/// The names and values in their order. `Err` is the number of the line where it is none.
///
/// A value is bare up to ` #`, or stands between quotes, over several lines if it likes. Nothing in it is expanded; between
/// double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` stand for one character.
pub(super) fn entries(text: &str) -> Result<Vec<(String, Secret)>, usize> {
    let mut entries = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if rest.starts_with('#') {
            rest = line(rest).1.trim_start();
            continue;
        }
        let number = || text[..text.len() - rest.len()].matches('\n').count() + 1;
        let (name, value, after) = entry(rest).ok_or_else(number)?;
        entries.push((name, value));
        rest = after.trim_start();
    }
    Ok(entries)
}

/// `NAME=value`, with `export` before it or not; and what comes after it.
fn entry(text: &str) -> Option<(String, Secret, &str)> {
    let (name, _) = line(text).0.split_once('=')?;
    let after = &text[name.len() + 1..];
    let name = match name.strip_prefix("export") {
        Some(exported) if exported.trim_start() != exported => exported.trim(),
        _ => name.trim(),
    };
    let (value, after) = match line(after).0.trim_start().as_bytes().first() {
        Some(b'"' | b'\'' | b'`') => between_quotes(after.trim_start())?,
        _ => bare(after),
    };
    // A line of a secret's own may have a = in it, too, and is not to be taken for a name.
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/#-".contains(&byte);
    let is_name = !name.is_empty()
        && name.bytes().all(is_of_name)
        && (value.is_empty() || !value.bytes().all(|byte| byte == b'='));
    is_name.then(|| (name.to_owned(), Secret::new(value), after))
}

fn bare(text: &str) -> (String, &str) {
    let (line, after) = line(text);
    let bytes = line.as_bytes();
    let is_comment = |at: &usize| bytes[*at] == b'#' && bytes[at - 1].is_ascii_whitespace();
    let end = (1..bytes.len()).find(is_comment).unwrap_or(bytes.len());
    (line[..end].trim().to_owned(), after)
}

/// The value, and what comes after its line, on which nothing but a comment may follow.
fn between_quotes(text: &str) -> Option<(String, &str)> {
    let bytes = text.as_bytes();
    let is_double = bytes[0] == b'"';
    let mut end = 1;
    while *bytes.get(end)? != bytes[0] {
        end += if is_double && bytes[end] == b'\\' { 2 } else { 1 };
    }
    let (rest, after) = line(&text[end + 1..]);
    let rest = rest.trim_start();
    // A line end of the file, which may come from Windows, is one character of the value.
    let value = text[1..end].replace("\r\n", "\n");
    let is_over = rest.is_empty() || rest.starts_with('#');
    is_over.then(|| (if is_double { unescaped(&value) } else { value }, after))
}

fn unescaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, rest.clone().next()) {
            ('\\', Some(escaped @ ('n' | 'r' | 't' | '"' | '\\' | '$'))) => {
                rest.next();
                value.push(match escaped {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    itself => itself,
                });
            }
            _ => value.push(c),
        }
    }
    value
}

/// The first line, and what comes after it.
fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, usize> {
        let pairs = entries(text)?;
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect();
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
            ("A=one # c\nB=two\t# c\nC=a#b\nD=#e", "A=one|B=two|C=a#b|D=#e"),
            ("A=\nB= # c\nC=\"\"\nD=''", "A=|B=|C=|D="),
            ("A='one # 1' # c\nB=\"two # 2\"# c\nC=`three`", "A=one # 1|B=two # 2|C=three"),
            (r#"A="\n\r\t\"\\\$\p\u0041$X""#, "A=\n\r\t\"\\$\\p\\u0041$X"),
            (r"A='\n$X'", r"A=\n$X"),
            (r#"A="C:\\""#, r"A=C:\"),
            ("A=\"-----BEGIN\nx=1\n\n# 2\n\"\nB=3", "A=-----BEGIN\nx=1\n\n# 2\n|B=3"),
            ("A='1\r\n2'\r\nB=3\r\n", "A=1\n2|B=3"),
            ("A=it's\nB=5\" x", "A=it's|B=5\" x"),
            ("A=1\nA=2", "A=1|A=2"),
            ("a-b/c.d=1\nA=é", "a-b/c.d=1|A=é"),
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
            ("A=\"1\n2\"\nB=\"hunter2\\\"\n", 3),
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
}
