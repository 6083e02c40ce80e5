//! A run, as a record of the journal or a line of a file has it.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::check::seconds;
use super::super::style::{Style, Tone};
use crate::failure::Kind;
use crate::journal::utc;
use crate::text::{plural, printable};

/// A run, as its record has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Ran {
    /// Seconds since the epoch.
    pub(super) time: u64,
    pub(super) provider: Option<String>,
    /// The unit of systemd that started it.
    pub(super) unit: Option<String>,
    /// How many ids were asked for, and how many of them failed.
    pub(super) asked: Option<u64>,
    pub(super) failed: Option<u64>,
    pub(super) codes: Vec<String>,
    pub(super) exit: Option<i32>,
    pub(super) millis: Option<u64>,
    pub(super) run: Option<String>,
    /// Only with `--names`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ids: Vec<String>,
    #[serde(skip)]
    pub(super) line: String,
}

impl Ran {
    pub(super) fn read(record: &Map<String, Value>) -> Option<Self> {
        let texts = |key: &str| texts(record.get(key));
        let text = |key: &str| texts(key).into_iter().next();
        let number = |key: &str| text(key)?.parse().ok();
        // Other lines of the same name have no run.
        let run = text("SECRETREF_RUN")?;
        Some(Self {
            time: number("__REALTIME_TIMESTAMP")? / 1_000_000,
            provider: text("SECRETREF_PROVIDER"),
            unit: text("_SYSTEMD_USER_UNIT").or_else(|| text("_SYSTEMD_UNIT")),
            asked: number("SECRETREF_ASKED"),
            failed: number("SECRETREF_FAILED"),
            codes: texts("SECRETREF_CODE").into_iter().filter(is_code).collect(),
            exit: text("SECRETREF_EXIT").and_then(|code| code.parse().ok()),
            millis: number("SECRETREF_MS"),
            run: Some(run),
            ids: texts("SECRETREF_ID"),
            line: text("MESSAGE").unwrap_or_default(),
        })
    }

    /// Reads a line of a file: `TIME NAME[PID]: run RUN: 1 of 2 ids failed for provider NAME in 12 ms: …`.
    pub(super) fn read_line(line: &str) -> Option<Self> {
        let (head, text) = line.split_once("]: run ")?;
        let (run, text) = text.split_once(": ")?;
        let time = seconds(head.split(' ').next()?)?;
        let (result, rest) = text.split_once(" ms")?;
        let (result, millis) = result.rsplit_once(" in ")?;
        let (result, provider) = match result.split_once(" for provider ") {
            Some((result, provider)) => (result, Some(provider.to_owned())),
            None => (result, None),
        };
        let numbers: Vec<u64> = result.split(' ').filter_map(|word| word.parse().ok()).collect();
        let (asked, failed) = match numbers[..] {
            [failed, asked] => (Some(asked), Some(failed)),
            [asked] => (Some(asked), Some(0)),
            _ => (None, None),
        };
        let is_there = |code: &&str| rest.split([' ', ':', ';']).any(|word| word == *code);
        let codes = if failed == Some(0) {
            Vec::new()
        } else {
            codes().filter(is_there).map(str::to_owned).collect()
        };
        let exit = if codes.is_empty() { Some(0) } else { None };
        Some(Self {
            time: time.try_into().ok()?,
            provider,
            unit: None,
            asked,
            failed,
            codes,
            exit,
            millis: millis.parse().ok(),
            run: Some(run.to_owned()),
            ids: Vec::new(),
            line: format!("run {run}: {text}"),
        })
    }

    /// Whether an id had no value.
    pub(super) fn is_bad(&self) -> bool {
        !self.codes.is_empty() || self.exit.is_some_and(|code| code != 0)
    }

    /// Whether no id had a value for a cause that is not about an id.
    pub(super) fn is_down(&self) -> bool {
        let is_of_id =
            |code: &String| Kind::TABLE.iter().any(|(kind, _)| kind.code() == code && kind.is_of_id());
        match self.exit {
            Some(code) => code != 0,
            // A line has no exit code.
            None => self.failed == self.asked && !self.codes.iter().any(is_of_id),
        }
    }

    pub(super) fn text(&self, names: bool, style: Style) -> String {
        let word =
            if self.is_bad() { style.tone(Tone::Bad, "failed") } else { style.tone(Tone::Good, "ok    ") };
        let provider = self.provider.as_deref().unwrap_or("-");
        let mut line = format!("{}  {provider}  {}", self.clock(), self.result());
        if let Some(millis) = self.millis {
            let _ = write!(line, ", {millis} ms");
        }
        if let Some(unit) = &self.unit {
            let _ = write!(line, ", {unit}");
        }
        let mut text = format!("{word}  {}\n", printable(line));
        if names {
            let _ = writeln!(text, "        {}", printable(self.line.clone()));
        }
        text
    }

    pub(super) fn result(&self) -> String {
        let codes = self.codes.join(", ");
        let ids = |count: u64| format!("{count} id{}", plural(usize::try_from(count).unwrap_or(usize::MAX)));
        match (self.asked, self.failed) {
            (Some(asked), Some(0)) if self.codes.is_empty() => format!("{} resolved", ids(asked)),
            (Some(asked), Some(failed)) => format!("{failed} of {} failed: {codes}", ids(asked)),
            _ if codes.is_empty() => "resolved".to_owned(),
            _ => format!("failed: {codes}"),
        }
    }

    /// The time in UTC.
    pub(super) fn clock(&self) -> String {
        utc(self.time)
    }
}

/// Whether this program has such a code: a record can say anything.
fn is_code(text: &String) -> bool {
    codes().any(|code| code == text)
}

fn codes() -> impl Iterator<Item = &'static str> {
    Kind::TABLE.iter().map(|(kind, _)| kind.code())
}

/// Returns the texts of a field: journald writes one as it is, several as a list, and one with odd bytes as numbers.
fn texts(field: Option<&Value>) -> Vec<String> {
    match field {
        Some(Value::String(text)) => vec![printable(text.clone())],
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(|text| printable(text.to_owned())).collect()
        }
        _ => Vec::new(),
    }
}
