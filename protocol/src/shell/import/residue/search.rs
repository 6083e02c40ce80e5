//! Looks for texts in one file, of which only a part is in memory.

use std::io::{self, Read};

use memchr::memmem::Finder;

/// How much of a file is read at once.
const PART: usize = 1 << 20;

/// How many places of one text in one file are named.
pub(super) const MOST: usize = 100;

/// A place where a text was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// The number of the text.
    pub(super) needle: usize,
    /// The first line is 1.
    pub(super) line: usize,
    pub(super) byte: u64,
    /// The name in `NAME=value`, if the line begins so.
    pub(super) name: Option<String>,
}

/// What was found in a file.
pub(super) struct Found {
    /// In the order of the file.
    pub(super) hits: Vec<Hit>,
    /// How often each text is in the file.
    pub(super) counts: Vec<usize>,
    /// Whether the file is not text.
    pub(super) is_binary: bool,
}

/// Looks for every text in a file.
///
/// # Errors
/// The error of reading.
pub(super) fn search(mut file: impl Read, finders: &[Finder<'_>]) -> io::Result<Found> {
    let longest = finders.iter().map(|finder| finder.needle().len()).max().unwrap_or(0);
    let mut found = Found { hits: Vec::new(), counts: vec![0; finders.len()], is_binary: false };
    // The end of a part is searched again with the next one, since a text can be in both.
    let mut buffer = vec![0; PART + longest];
    let (mut filled, mut start, mut line) = (0, 0_u64, 1);
    loop {
        let count = fill(&mut file, &mut buffer[filled..])?;
        let is_last = count < buffer.len() - filled;
        filled += count;
        let part = &buffer[..filled];
        found.is_binary |= start == 0 && memchr::memchr(0, &part[..filled.min(8192)]).is_some();
        let end = if is_last { filled } else { filled - longest };
        let mut hits: Vec<(usize, usize)> = Vec::new();
        for (needle, finder) in finders.iter().enumerate() {
            for at in finder.find_iter(part).take_while(|at| *at < end) {
                if found.counts[needle] < MOST {
                    hits.push((at, needle));
                }
                found.counts[needle] += 1;
            }
        }
        hits.sort_unstable();
        for (at, needle) in hits {
            let lines = line + memchr::memchr_iter(b'\n', &part[..at]).count();
            let name = name_before(&part[..at]);
            found.hits.push(Hit { needle, line: lines, byte: start + at as u64, name });
        }
        if is_last {
            return Ok(found);
        }
        line += memchr::memchr_iter(b'\n', &part[..end]).count();
        start += end as u64;
        buffer.copy_within(end..filled, 0);
        filled -= end;
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Returns the name that is set in a line: `export NAME=`, `Environment="NAME=`.
fn name_before(text: &[u8]) -> Option<String> {
    let line = &text[memchr::memrchr(b'\n', text).map_or(0, |at| at + 1)..];
    let line = std::str::from_utf8(line).ok().filter(|line| line.len() < 200)?.trim_start();
    let line = ["export ", "Environment="].iter().find_map(|start| line.strip_prefix(start)).unwrap_or(line);
    let (name, _) = line.trim_start_matches(['"', '\'']).split_once('=')?;
    let name = name.trim();
    is_name(name).then(|| name.to_owned())
}

/// Whether a text looks like the name of a field or variable, and not like another secret.
pub(super) fn is_name(text: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || " _.:/@-".contains(c);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_random = text.len() >= 20 && digits >= 4;
    !text.is_empty() && text.len() <= 64 && text.chars().all(is_of_name) && !is_random
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'t>(&'t [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(self.0.len()).min(60_001);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn found(text: &[u8], needles: &[&str]) -> Vec<(usize, usize, u64, Option<String>)> {
        let finders: Vec<_> = needles.iter().map(|needle| Finder::new(needle.as_bytes())).collect();
        let hits = search(Slow(text), &finders).unwrap().hits;
        hits.into_iter().map(|hit| (hit.needle, hit.line, hit.byte, hit.name)).collect()
    }

    #[test]
    fn a_place_has_its_line_and_name() {
        let text = b"# a\nexport KEY=\"secret-one\"\nEnvironment=\"B=secret-two\"\nx secret-one\n";
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            found(text, &["secret-one", "secret-two"]),
            [(0, 2, 16, name("KEY")), (1, 3, 43, name("B")), (0, 4, 57, None)]
        );
        assert!(found(b"", &["secret-one"]).is_empty());
    }

    #[test]
    fn every_text_has_places_of_its_own() {
        let text = "secret-one\n".repeat(150) + "KEY-0a1b2c3d4e5f6a7b8c=secret-two\n";
        let finders: Vec<_> = ["secret-one", "secret-two"].map(Finder::new).into();
        let found = search(text.as_bytes(), &finders).unwrap();
        assert_eq!((found.counts, found.hits.len()), (vec![150, 1], MOST + 1));
        let last = found.hits.last().unwrap();
        assert_eq!((last.needle, last.line, &last.name), (1, 151, &None), "its name is another secret");
    }

    /// Wherever it is with respect to the parts that are read, a text is found once.
    #[test]
    fn a_text_between_two_parts_is_found_once() {
        for at in [0, PART - 11, PART - 10, PART - 5, PART - 1, PART, PART + 5, 2 * PART - 3, 3 * PART] {
            let mut text = vec![b'\n'; 3 * PART + 100];
            text[at..at + 10].copy_from_slice(b"secret-one");
            assert_eq!(
                found(&text, &["secret-one", "longer-than-that"]),
                [(0, at + 1, at as u64, None)],
                "{at}"
            );
        }
    }
}
