//! The fields of a JSON file that have a text in them. Pure.

use serde_json::Value;

use super::needles::Needle;
use crate::gateway::json5;

/// Returns the path of each field with a text, and the number of the text. None, if the file is not JSON.
pub(super) fn fields(text: &str, needles: &[Needle]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    if let Ok(value) = json5::parse(text.trim_start_matches('\u{feff}')) {
        walk(&value, &mut Vec::new(), needles, &mut found);
    }
    found
}

fn walk(value: &Value, path: &mut Vec<String>, needles: &[Needle], found: &mut Vec<(usize, String)>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                path.push(key.clone());
                walk(member, path, needles, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(at.to_string());
                walk(item, path, needles, found);
                path.pop();
            }
        }
        Value::String(text) => {
            let here = needles.iter().enumerate().filter(|(_, needle)| needle.is_in(text));
            found.extend(here.map(|(at, _)| (at, path.join("."))));
        }
        // A number can be a value, too.
        Value::Number(number) => {
            let text = number.to_string();
            let here = needles.iter().enumerate().filter(|(_, needle)| needle.is_in(&text));
            found.extend(here.map(|(at, _)| (at, path.join("."))));
        }
        Value::Null | Value::Bool(_) => {}
    }
}
