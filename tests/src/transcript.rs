//! Cases as data: what the store holds, the request, the answer.
//!
//! ```toml
//! sentence = "a missing secret does not cost its neighbour"
//! ids = ["a/key", "b/key"]
//! answer = '{"values":{"a/key":"sk-1"},"errors":{"b/key":{"code":"NOT_FOUND"}}}'
//!
//! [store]
//! a = '{"key":"sk-1"}'
//! ```
//!
//! If an error in the answer has no `message`, only its code is compared. `{mount}` and `{address}` are replaced by those of
//! the run. No string of the store that has more than three characters, and no token, may occur outside `values`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::resolver::{self, Ended};

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The behaviour, in a sentence.
    pub sentence: String,
    /// The content of the store: JSON text by path, one for each version.
    #[serde(default)]
    pub store: BTreeMap<String, Versions>,
    /// The version of the KV engine that holds the secrets.
    #[serde(default = "newest_kv")]
    pub kv: u8,
    /// Versions to delete: `path#2`.
    #[serde(default)]
    pub deleted: Vec<String>,
    /// Versions to destroy: `path#2`.
    #[serde(default)]
    pub destroyed: Vec<String>,
    /// Secrets that have no value yet.
    #[serde(default)]
    pub empty: Vec<String>,
    /// Secrets whose text is a binary value in base64.
    #[serde(default)]
    pub binary: Vec<String>,
    /// The token to use: `root`, `limited` (no path with `denied` in it), `bare` (the same, and may not look itself
    /// up) or any other, which is unknown.
    #[serde(default = "root")]
    pub token: String,
    /// Lines of the profile, in addition to address, token and mount.
    #[serde(default)]
    pub profile: String,
    /// Arguments after the profile.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables of the environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The ids of the request.
    #[serde(default)]
    pub ids: Vec<String>,
    /// The bytes on stdin, if they are not an ordinary request.
    pub stdin: Option<String>,
    /// The exit code.
    #[serde(default)]
    pub exit: i32,
    /// The expected answer, without `protocolVersion`.
    pub answer: String,
    /// Words that stderr must contain.
    #[serde(default)]
    pub stderr: String,
    /// The servers that the case can be run on, by kind or by name; all if this is empty.
    #[serde(default, deserialize_with = "one_or_more")]
    pub only: Vec<String>,
}

/// The kind of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// `fake`: the kit's own.
    Fake,
    /// `real`: the real server, or an emulator of it.
    Real,
}

impl Only {
    /// The word of a case for this kind.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fake => "fake",
            Self::Real => "real",
        }
    }
}

/// The versions of a secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Versions {
    /// One.
    One(String),
    /// Several, the first being version 1.
    Many(Vec<String>),
}

impl Versions {
    /// The JSON text of each version.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// A text, or an array of them.
fn one_or_more<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Versions::deserialize(deserializer).map(|only| only.texts().to_owned())
}

fn newest_kv() -> u8 {
    2
}

fn root() -> String {
    "root".to_owned()
}

/// The cases that every resolver must pass.
#[must_use]
pub fn every() -> Vec<Case> {
    read(&resolver::repository().join("tests/transcripts"))
}

/// Reads the `.toml` files of a folder, in the order of their names.
#[must_use]
pub fn read(folder: &Path) -> Vec<Case> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("no transcripts in {}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    let case = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a case");
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.into_iter().map(case).collect()
}

impl Case {
    /// Whether the case can be run on this server.
    #[must_use]
    pub fn runs_on(&self, name: &str, kind: Only) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name || only == kind.word())
    }

    /// What goes to stdin.
    #[must_use]
    pub fn request(&self) -> String {
        let request = || json!({"protocolVersion": 1, "provider": "vault", "ids": self.ids}).to_string();
        self.stdin.clone().unwrap_or_else(request)
    }

    /// Every secret of the case, which may appear only in `values`.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let mut found = Vec::new();
        for text in self.store.values().flat_map(Versions::texts) {
            match serde_json::from_str(text) {
                Ok(value) => strings(&value, &mut found),
                Err(_) => found.push(text.clone()),
            }
        }
        found.retain(|secret| secret.trim().len() > 3);
        found
    }

    /// Compares the end of a run with the case.
    ///
    /// # Errors
    /// The difference.
    pub fn judge(
        &self,
        ended: &Ended,
        fill: impl Fn(&str) -> String,
        secrets: &[String],
    ) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what}\n{ended:#?}"));
        if ended.code != Some(self.exit) {
            return wrong(&format!("the exit code is not {}", self.exit));
        }
        let Ok(Value::Object(mut response)) = serde_json::from_str::<Value>(&ended.stdout) else {
            return wrong("stdout is not one JSON object");
        };
        let expected: Value = serde_json::from_str(&fill(&self.answer)).expect("JSON in the answer");
        if response.get("protocolVersion") != Some(&json!(1)) || response.len() != 3 {
            return wrong("the response has other members than protocolVersion 1, values and errors");
        }
        if response["values"] != expected["values"] {
            return wrong(&format!("the values are not {}", expected["values"]));
        }
        if let Err(why) = errors_match(&response["errors"], &expected["errors"]) {
            return wrong(&why);
        }
        if !ended.stderr.contains(&fill(&self.stderr)) {
            return wrong(&format!("stderr does not say: {}", self.stderr));
        }
        response.remove("values");
        let outside = format!("{} {}", Value::Object(response), ended.stderr);
        match secrets.iter().find(|secret| outside.contains(secret.as_str())) {
            Some(secret) => wrong(&format!("the secret {secret:?} appears outside of values")),
            None => Ok(()),
        }
    }
}

fn errors_match(errors: &Value, expected: &Value) -> Result<(), String> {
    let (Value::Object(errors), Value::Object(expected)) = (errors, expected) else {
        return Err("errors is not an object".into());
    };
    if errors.keys().ne(expected.keys()) {
        return Err(format!("the errors are not those of {:?}", expected.keys()));
    }
    for (id, error) in errors {
        let (Value::String(code), Value::String(message)) = (&error["code"], &error["message"]) else {
            return Err(format!("the error of {id} is not {{code, message}}"));
        };
        if *code != expected[id]["code"] {
            return Err(format!("the code of {id} is not {}", expected[id]["code"]));
        }
        if let Value::String(wanted) = &expected[id]["message"]
            && wanted != message
        {
            return Err(format!("the message of {id} is not: {wanted}"));
        }
    }
    Ok(())
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(members) => members.values().for_each(|member| strings(member, found)),
        _ => {}
    }
}
