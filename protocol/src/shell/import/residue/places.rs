//! The places of one file that have a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use memchr::memmem::Finder;
use rustix::fs::{CWD, Mode, OFlags};

use super::fields::fields;
use super::needles::Needle;
use super::search::{Found, Hit, MOST, search};
use crate::system_error::words;

/// The longest file that is searched.
const LONGEST: u64 = 1 << 30;

/// The longest file whose fields are named. Of a longer one, the lines are.
const LONGEST_JSON: u64 = 4 << 20;

/// A place that still has a value.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Left {
    pub(super) file: String,
    pub(super) place: Place,
    pub(super) id: usize,
    pub(super) form: &'static str,
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Field(String),
    Line(usize, Option<String>),
    Byte(u64),
    /// So many others.
    More(usize),
}

impl Left {
    /// How many places this is.
    pub(super) fn count(&self) -> usize {
        if let Place::More(count) = self.place { count } else { 1 }
    }

    /// Whether this is the field or variable of this name.
    pub(super) fn is_at(&self, file: &str, name: &str) -> bool {
        let is_name = match &self.place {
            Place::Field(field) => field == name,
            Place::Line(_, Some(variable)) => variable == name,
            _ => false,
        };
        self.file == file && is_name
    }
}

/// Adds the places of one file. Fails with a reason if it cannot be searched; a file that is gone has nothing left.
pub(super) fn search_file(
    path: &Path,
    needles: &[Needle],
    finders: &[Finder<'_>],
    left: &mut BTreeSet<Left>,
) -> Result<(), String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = rustix::fs::openat(CWD, path, flags, Mode::empty());
    let mut file = match opened.map_err(io::Error::from) {
        Ok(file) => File::from(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(words(&error)),
    };
    let told = |error: io::Error| words(&error);
    let metadata = file.metadata().map_err(told)?;
    if !metadata.is_file() {
        return Ok(());
    }
    if metadata.len() > LONGEST {
        return Err(format!("it is longer than {} MiB", LONGEST >> 20));
    }
    let found = search(&file, finders).map_err(told)?;
    let mut text = Vec::new();
    if !found.hits.is_empty() && !found.is_binary && metadata.len() <= LONGEST_JSON {
        file.rewind().and_then(|()| file.take(LONGEST_JSON).read_to_end(&mut text)).map_err(told)?;
    }
    let mut by_id: BTreeMap<usize, Places> = BTreeMap::new();
    for (needle, place) in places(found, &text, needles) {
        by_id.entry(needles[needle].id).or_default().add(needle, place);
    }
    let file = path.display().to_string();
    for (id, places) in by_id {
        let of = |place, form| Left { file: file.clone(), place, id, form };
        left.extend(places.named.into_iter().map(|(place, needle)| of(place, needles[needle].form)));
        left.extend((places.more > 0).then(|| of(Place::More(places.more), "")));
    }
    Ok(())
}

/// The places of one id, each with the first of the texts that it has.
#[derive(Default)]
struct Places {
    named: BTreeMap<Place, usize>,
    more: usize,
}

impl Places {
    fn add(&mut self, needle: usize, place: Place) {
        match place {
            Place::More(count) => self.more += count,
            place if self.named.contains_key(&place) || self.named.len() < MOST => {
                let first = self.named.entry(place).or_insert(needle);
                *first = needle.min(*first);
            }
            _ => self.more += 1,
        }
    }
}

/// Returns the places of each text: fields, and the lines or bytes that are in no field.
fn places(found: Found, text: &[u8], needles: &[Needle]) -> Vec<(usize, Place)> {
    let fields = (!text.is_empty()).then(|| fields(&String::from_utf8_lossy(text), needles)).flatten();
    let is_binary = found.is_binary;
    let hits = uncovered(found.hits, needles);
    let Some(fields) = fields else {
        let more = found.counts.iter().enumerate().filter(|(_, count)| **count > MOST);
        let more: Vec<_> = more.map(|(needle, count)| (needle, Place::More(count - MOST))).collect();
        let named = hits.into_iter().map(|hit| {
            let place = if is_binary { Place::Byte(hit.byte) } else { Place::Line(hit.line, hit.name) };
            (hit.needle, place)
        });
        return named.chain(more).collect();
    };
    let in_comment = |hit: &Hit| {
        fields.comments.iter().any(|at| usize::try_from(hit.byte).is_ok_and(|byte| at.contains(&byte)))
    };
    let (comments, others): (Vec<_>, Vec<_>) = hits.into_iter().partition(in_comment);
    // A file can have more than its fields: of two with the same name, only the last is one.
    let is_hidden = |hit: &Hit| {
        let of_id = |needle: usize| needles[needle].id == needles[hit.needle].id;
        let known = fields.found.iter().filter(|(needle, _)| of_id(*needle)).count();
        others.iter().filter(|other| of_id(other.needle)).count() > known
    };
    let hidden = others.iter().filter(|hit| is_hidden(hit)).cloned();
    let lines = comments.into_iter().chain(hidden).map(|hit| (hit.needle, Place::Line(hit.line, hit.name)));
    let lines: Vec<_> = lines.collect();
    fields.found.into_iter().map(|(needle, field)| (needle, Place::Field(field))).chain(lines).collect()
}

/// Leaves out what is a part of a longer text of the same id: the line of a value that is there as a whole.
fn uncovered(hits: Vec<Hit>, needles: &[Needle]) -> Vec<Hit> {
    let range = |hit: &Hit| hit.byte..hit.byte + needles[hit.needle].text.expose().len() as u64;
    // In the order of the file, so that one pass is enough.
    let mut ends: BTreeMap<usize, u64> = BTreeMap::new();
    let mut kept = Vec::new();
    for hit in hits {
        let (id, range) = (needles[hit.needle].id, range(&hit));
        let end = ends.entry(id).or_default();
        if range.end > *end {
            *end = range.end;
            kept.push(hit);
        }
    }
    kept
}
