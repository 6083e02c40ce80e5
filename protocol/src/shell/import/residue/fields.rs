//! The fields of a JSON file that have a text in them. Pure.

use std::ops::Range;

use serde_json::Value;

use super::needles::Needle;
use super::search::is_name;
use crate::gateway::json5;

/// What a JSON file has.
pub(super) struct Fields {
    /// The number of each text that a field or its name has, and the path of the field.
    pub(super) found: Vec<(usize, String)>,
    /// Where the comments are, in bytes.
    pub(super) comments: Vec<Range<usize>>,
}

/// Returns the fields with a text. None, if the file is not JSON.
pub(super) fn fields(text: &str, needles: &[Needle]) -> Option<Fields> {
    let value = json5::parse(text.trim_start_matches('\u{feff}')).ok()?;
    let mut search = Search { needles, path: Vec::new(), found: Vec::new() };
    search.walk(&value);
    Some(Fields { found: search.found, comments: json5::comments(text.as_bytes()) })
}

struct Search<'n> {
    needles: &'n [Needle],
    path: Vec<String>,
    found: Vec<(usize, String)>,
}

impl Search<'_> {
    fn walk(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    // A name can be another secret.
                    self.path.push(if is_name(key) { key.clone() } else { "(a name)".to_owned() });
                    self.add(key);
                    self.walk(member);
                    self.path.pop();
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.path.push(at.to_string());
                    self.walk(item);
                    self.path.pop();
                }
            }
            Value::String(text) => self.add(text),
            // A number can be a value, too.
            Value::Number(number) => self.add(&number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn add(&mut self, text: &str) {
        for (at, needle) in self.needles.iter().enumerate() {
            let count = text.matches(needle.text.expose()).count();
            self.found.extend((0..count).map(|_| (at, self.path.join("."))));
        }
    }
}
