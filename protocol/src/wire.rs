//! Bytes ↔ [`Request`] and response: the exec protocol, version 1. No other file knows its JSON.
//!
//! ```
//! use secretref_protocol::wire::{Request, respond};
//! use secretref_protocol::{Failure, Secret};
//!
//! let request = Request::parse(br#"{"protocolVersion":1,"provider":"vault","ids":["a#k","b#k"]}"#).unwrap();
//! assert_eq!(request.ids, ["a#k", "b#k"]);
//!
//! let outcomes = vec![Ok(Secret::new("sk-1".into()).into()), Err(Failure::not_found("no secret at b", "store it"))];
//! assert_eq!(
//!     respond(&request.ids, &outcomes, 1 << 20).unwrap().expose(),
//!     r#"{"protocolVersion":1,"values":{"a#k":"sk-1"},"errors":{"b#k":{"code":"NOT_FOUND","message":"no secret at b: store it"}}}"#,
//! );
//! ```

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::document::{Metadata, Value};
use crate::failure::{Failure, FailureReport, Kind};
use crate::secret::Secret;

/// The most bytes a request may have.
pub const REQUEST_LIMIT: usize = 256 * 1024;

/// The most ids a request may have.
pub const IDS_LIMIT: usize = 512;

/// The response to a request for nothing, which is also the shortest there is.
pub const EMPTY: &str = r#"{"protocolVersion":1,"values":{},"errors":{}}"#;

/// Values that a gateway takes for a redacted secret and refuses, compared after trimming.
const REDACTION_WORDS: [&str; 10] = [
    "__OPENCLAW_REDACTED__",
    "REDACTED",
    "xoxb-REDACTED",
    "xapp-REDACTED",
    "***",
    "[redacted]",
    "[REDACTED]",
    "<redacted>",
    "[REDACTED_PRIVATE_KEY]",
    "[REDACTED CREDENTIAL]",
];

/// What became of one id: its value, or why it has none.
pub type Outcome = Result<Value, Failure>;

/// A gateway's request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The ids as they were sent, each once, in the order of their first appearance; not yet checked.
    pub ids: Vec<String>,
    /// The alias under which the gateway asks, if it has sent one, and one that can be.
    pub provider: Option<String>,
}

/// The request as it stands in JSON. Other fields are ignored: some consumers add more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    protocol_version: u64,
    ids: Vec<String>,
    /// Whatever it is: no request fails for it.
    #[serde(borrow)]
    provider: Option<&'a RawValue>,
}

impl Request {
    /// Reads the one JSON document that a gateway sends.
    ///
    /// Fails where it is no request at all: too long, not one JSON document in UTF-8, another version, too many ids.
    /// What is wrong with a single id is not judged here.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let refuse = |what: String| {
            Failure::new(
                Kind::InvalidId,
                what,
                r#"send {"protocolVersion":1,"provider":"…","ids":["…"]} on stdin, or see --help for use in a shell"#,
            )
        };
        if bytes.is_empty() {
            return Err(refuse("there is no request on stdin".into()));
        }
        if bytes.len() > REQUEST_LIMIT {
            return Err(refuse(format!("the request is longer than {REQUEST_LIMIT} bytes")));
        }
        if !is_object(bytes) {
            return Err(refuse("the request is not a JSON object".into()));
        }
        // The parser's own words quote what they met; line and column are enough, and quote nothing.
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| {
            refuse(format!(
                "the request is not as the protocol says, at line {} column {}",
                error.line(),
                error.column()
            ))
        })?;
        if envelope.protocol_version != 1 {
            return Err(refuse(format!(
                "the request has protocolVersion {}, not 1",
                envelope.protocol_version
            )));
        }
        let mut seen = HashSet::new();
        let ids: Vec<_> = envelope.ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
        if ids.len() > IDS_LIMIT {
            return Err(refuse(format!("the request has {} ids, more than {IDS_LIMIT}", ids.len())));
        }
        Ok(Self { ids, provider: envelope.provider.and_then(|raw| alias(raw.get())) })
    }
}

/// What makes a JSON object a request, whatever it holds.
#[derive(Deserialize)]
struct Marks {
    #[serde(rename = "protocolVersion")]
    _version: IgnoredAny,
    #[serde(rename = "ids")]
    _ids: IgnoredAny,
}

/// Whether these bytes are a request, be it one of another version.
pub(crate) fn is_request(bytes: &[u8]) -> bool {
    marks(bytes).is_some_and(|marks| marks.is_ok())
}

/// Whether these bytes are a request, or could be the start of one.
pub(crate) fn begins_request(bytes: &[u8]) -> bool {
    marks(bytes).is_some_and(|marks| marks.map_or_else(|error| error.is_eof(), |_| true))
}

/// `None` where it is no object: the parser takes an array for a struct, too.
fn marks(bytes: &[u8]) -> Option<serde_json::Result<Marks>> {
    is_object(bytes).then(|| serde_json::from_slice(bytes))
}

fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// The alias in this JSON text, `^[a-z][a-z0-9_-]{0,63}$` as for the gateway; anything else is of no use to a reader.
fn alias(json: &str) -> Option<String> {
    let alias = json.strip_prefix('"')?.strip_suffix('"')?;
    let goes_on_well = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let is_alias = alias.len() <= 64
        && alias.starts_with(|first: char| first.is_ascii_lowercase())
        && alias.bytes().all(goes_on_well);
    is_alias.then(|| alias.to_owned())
}

/// Whether a gateway would take this text as a secret; it stops at a blank value, and refuses its own redaction words.
pub fn accept(value: Secret) -> Result<Secret, Failure> {
    // JavaScript's `trim` takes a byte order mark for white space; Rust's does not.
    let text = value.expose().trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Err(Failure::invalid_value("the value is empty or blank", "store a value in it"));
    }
    if REDACTION_WORDS.contains(&text) {
        return Err(Failure::invalid_value(
            "the value is a word that stands for a redacted secret",
            "store the secret itself",
        ));
    }
    Ok(value)
}

/// The failure of a value for which there is no room.
#[must_use]
pub fn does_not_fit() -> Failure {
    Failure::invalid_value(
        "the value does not fit in the response",
        "raise max_output, and the gateway's maxOutputBytes",
    )
}

/// The bytes of the response for `ids` without any byte of a value.
pub(crate) fn frame(ids: &[String]) -> usize {
    let entry = |id: &String| quote(id).len() + r#":"","#.len();
    EMPTY.len() + ids.iter().map(entry).sum::<usize>()
}

/// Writes the response: every id in exactly one of `values` and `errors`, in the order of the request.
///
/// It never has more than `limit` bytes. An outcome that does not fit gives way, in the order of the request: a value
/// to an error, a message to none. `None` where not even the shortest response fits.
#[must_use]
pub fn respond(ids: &[String], outcomes: &[Outcome], limit: usize) -> Option<Secret> {
    fit(ids, outcomes, limit).map(|(response, _)| response)
}

/// The response as [`respond`] writes it, and the places of the values that gave way in it.
pub(crate) fn fit(ids: &[String], outcomes: &[Outcome], limit: usize) -> Option<(Secret, Vec<usize>)> {
    fit_with(ids, outcomes, limit, in_response)
}

/// How a failure is written.
type Tell = fn(&Failure) -> String;

/// For a gateway, of which some show the message: it says what to do, too.
fn in_response(failure: &Failure) -> String {
    bare(failure.kind(), &failure.to_string())
}

fn in_report(failure: &Failure) -> String {
    serde_json::to_string(&FailureReport::new(failure)).unwrap_or_else(|_| in_response(failure))
}

fn bare(kind: Kind, message: &str) -> String {
    format!(r#"{{"code":"{}","message":{}}}"#, kind.code(), quote(message))
}

fn fit_with(ids: &[String], outcomes: &[Outcome], limit: usize, tell: Tell) -> Option<(Secret, Vec<usize>)> {
    let pairs = || ids.iter().zip(outcomes);
    let best: Vec<_> = pairs().filter_map(|(id, outcome)| Entry::best(id, outcome, limit, tell)).collect();
    let length = EMPTY.len() + best.iter().map(|entry| entry.text.len() + 1).sum::<usize>();
    if best.len() == outcomes.len() && length <= limit {
        return Some((write(best, length), Vec::new()));
    }
    let choices: Vec<_> = pairs().map(|(id, outcome)| Entry::choices(id, outcome, limit, tell)).collect();
    let shortest = |choices: &Vec<Entry>| choices.iter().map(|entry| entry.text.len()).min().unwrap_or(0);
    let mut length = EMPTY.len() + choices.iter().map(|choices| shortest(choices) + 1).sum::<usize>();
    if length > limit {
        return None;
    }
    let mut entries = Vec::with_capacity(choices.len());
    let mut gave_way = Vec::new();
    for (at, choices) in choices.into_iter().enumerate() {
        let without = length - shortest(&choices);
        let fits = choices.into_iter().find(|entry| without + entry.text.len() <= limit)?;
        length = without + fits.text.len();
        if outcomes[at].is_ok() && !fits.is_value {
            gave_way.push(at);
        }
        entries.push(fits);
    }
    Some((write(entries, length), gave_way))
}

fn write(entries: Vec<Entry>, length: usize) -> Secret {
    // Sized once: a buffer that grows would leave copies of secrets behind, if only until they are wiped.
    let mut response = String::with_capacity(length);
    let (values, errors): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.is_value);
    response.push_str(r#"{"protocolVersion":1,"values":{"#);
    push_list(&mut response, &values);
    response.push_str(r#"},"errors":{"#);
    push_list(&mut response, &errors);
    response.push_str("}}");
    Secret::new(response)
}

/// The response, with the remedies by themselves and with what is known of each value's document under `about`: for a person or a script, not a gateway.
#[must_use]
pub fn report(ids: &[String], outcomes: &[Outcome], limit: usize) -> Option<Secret> {
    let (response, _) = fit_with(ids, outcomes, limit, in_report)?;
    let known = ids.iter().zip(outcomes).filter_map(|(id, outcome)| {
        Some(format!("{}:{{{}}}", quote(id), facts(outcome.as_ref().ok()?.metadata())))
    });
    let known: Vec<_> = known.collect();
    let rest = response.expose().strip_suffix('}')?;
    Some(Secret::new(format!("{rest},\"about\":{{{}}}}}", known.join(","))))
}

fn facts(about: &Metadata) -> String {
    let facts = [("version", &about.version), ("created", &about.created), ("expires", &about.expires)];
    let facts = facts.iter().filter_map(|(name, fact)| Some(format!("\"{name}\":{}", quote(fact.as_ref()?))));
    facts.collect::<Vec<_>>().join(",")
}

fn push_list(response: &mut String, entries: &[Entry]) {
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            response.push(',');
        }
        response.push_str(&entry.text);
    }
}

/// One id's member of `values` or `errors`, with its name, as JSON.
struct Entry {
    text: String,
    is_value: bool,
}

impl Entry {
    /// The best way to write an outcome; `None` where a value alone would pass the limit.
    fn best(id: &str, outcome: &Outcome, limit: usize, tell: Tell) -> Option<Self> {
        match outcome {
            Ok(value) if value.expose().len() < limit => {
                let text = format!("{}:{}", quote(id), quote(value.expose()));
                Some(Self { text, is_value: true })
            }
            Ok(_) => None,
            Err(failure) => Some(Self::error(id, &tell(failure))),
        }
    }

    /// How an outcome can be written, the best first.
    fn choices(id: &str, outcome: &Outcome, limit: usize, tell: Tell) -> Vec<Self> {
        let no_room = does_not_fit();
        let failure = outcome.as_ref().err().unwrap_or(&no_room);
        let best = Self::best(id, outcome, limit, tell).filter(|best| best.is_value);
        let errors = [tell(failure), bare(failure.kind(), "")].map(|told| Self::error(id, &told));
        best.into_iter().chain(errors).collect()
    }

    fn error(id: &str, told: &str) -> Self {
        Self { text: format!("{}:{told}", quote(id)), is_value: false }
    }
}

pub(crate) fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| r#""""#.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(request: &[u8]) -> String {
        Request::parse(request).unwrap_err().what().to_owned()
    }

    #[test]
    fn a_request_is_one_document_of_version_1() {
        let parse = |text: &str| Request::parse(text.as_bytes());
        assert_eq!(parse(r#"{"protocolVersion":1,"ids":["a","b","a"]}"#).unwrap().ids, ["a", "b"]);
        assert!(parse("{\"timestamp\":[{}],\"protocolVersion\":1,\"provider\":\"p\",\"ids\":[]}\n").is_ok());
        assert!(refused(b"").contains("no request"));
        assert!(refused(br#"{"protocolVersion":2,"ids":[]}"#).contains("protocolVersion 2"));
        for bad in [
            r#"{"protocolVersion":1,"ids":["a"]} trailing"#,
            r#"{"protocolVersion":1,"ids":["a"]}{}"#,
            r#"{"protocolVersion":"1","ids":["a"]}"#,
            r#"{"protocolVersion":1,"ids":[1]}"#,
            r#"{"protocolVersion":1}"#,
        ] {
            assert!(refused(bad.as_bytes()).contains("not as the protocol says"), "{bad}");
        }
        for bad in ["[]", "null", "\n", r#"[1,["a"],"x"]"#] {
            assert!(refused(bad.as_bytes()).contains("not a JSON object"), "{bad}");
        }
        assert!(refused(b"{\"protocolVersion\":1,\"ids\":[\"\xff\"]}").contains("not as the protocol says"));
    }

    #[test]
    fn a_request_is_told_from_a_value() {
        for (text, is, begins) in [
            (r#"{"protocolVersion":1,"provider":"px","ids":["a"]}"#, true, true),
            (" {\"ids\": [], \"timestamp\": 1, \"protocolVersion\": 2}\n", true, true),
            (r#"{"protocolVersion":1,"provider":"px","ids":["a"#, false, true),
            ("{", false, true),
            (r#"{"ids":["a"]}"#, false, false),
            (r#"{"a":1}"#, false, false),
            ("[1,[2]]", false, false),
            ("{ echo; }", false, false),
            ("sk-1", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                (is_request(text.as_bytes()), begins_request(text.as_bytes())),
                (is, begins),
                "{text}"
            );
        }
    }

    #[test]
    fn an_alias_is_taken_only_where_it_is_one() {
        let parse = |provider: &str| {
            let request = format!(r#"{{"protocolVersion":1,"provider":{provider},"ids":[]}}"#);
            Request::parse(request.as_bytes()).unwrap().provider
        };
        let longest = format!("\"{}\"", "a".repeat(64));
        for good in [r#""vault""#, r#""v-2_b""#, &longest] {
            assert_eq!(parse(good).unwrap(), good.trim_matches('"'));
        }
        let longer = format!("\"{}\"", "a".repeat(65));
        for bad in [
            "1",
            "null",
            "[]",
            r#""""#,
            r#""Vault""#,
            r#""2b""#,
            r#""a b""#,
            r#""a\nb""#,
            r#""a\"""#,
            r#""é""#,
            &longer,
            r#"{"a":[{}]}"#,
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_has_given_way_is_told() {
        let ids = ["a", "b", "c"].map(str::to_owned);
        let texts = [r#"},"errors":{"b":{"code":"X"#.to_owned(), "x".repeat(500), "y".repeat(20)];
        let outcomes: Vec<Outcome> = texts.into_iter().map(|text| Ok(Secret::new(text).into())).collect();
        for (limit, gave_way) in [(400, vec![1]), (4000, vec![])] {
            assert_eq!(fit(&ids, &outcomes, limit).unwrap().1, gave_way);
        }
    }

    #[test]
    fn limits_hold() {
        let ids: Vec<_> = (0..513).map(|n| format!("i{n}")).collect();
        let request = |ids: &[String]| serde_json::json!({"protocolVersion": 1, "ids": ids}).to_string();
        assert_eq!(Request::parse(request(&ids[..512]).as_bytes()).unwrap().ids.len(), 512);
        assert!(refused(request(&ids).as_bytes()).contains("513 ids"));
        assert!(refused(" ".repeat(REQUEST_LIMIT + 1).as_bytes()).contains("longer than"));
        let deep = format!(r#"{{"protocolVersion":1,"ids":[],"x":{}}}"#, "[".repeat(200_000));
        assert!(Request::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_gateway_would_stop_at_these() {
        for blank in ["", " ", "\n\t", "\u{feff}", "\u{a0}"] {
            assert!(accept(Secret::new(blank.into())).is_err(), "{blank:?}");
        }
        for word in REDACTION_WORDS {
            assert!(accept(Secret::new(format!(" {word}\n"))).is_err(), "{word}");
        }
        assert_eq!(accept(Secret::new(" padded\n".into())).unwrap().expose(), " padded\n");
    }

    fn sized(sizes: &[usize], limit: usize) -> Option<serde_json::Value> {
        let ids: Vec<_> = (0..sizes.len()).map(|n| format!("id{n}")).collect();
        let outcomes: Vec<_> = sizes.iter().map(|size| Ok(Secret::new("x".repeat(*size)).into())).collect();
        let response = respond(&ids, &outcomes, limit)?;
        assert!(response.expose().len() <= limit);
        Some(serde_json::from_str(response.expose()).unwrap())
    }

    #[test]
    fn what_does_not_fit_becomes_an_error_and_the_rest_is_kept() {
        let response = sized(&[10, 5000, 20], 400).unwrap();
        assert_eq!(response["values"], serde_json::json!({"id0": "x".repeat(10), "id2": "x".repeat(20)}));
        assert_eq!(response["errors"]["id1"]["code"], "INVALID_VALUE");
        assert!(sized(&[10], 60).is_none());
    }

    #[test]
    fn what_fits_is_not_given_up_for_the_length_of_an_error() {
        let response = sized(&[1; 10], 160).unwrap();
        assert_eq!(response["values"].as_object().unwrap().len(), 10);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Request::parse(&bytes);
        }

        #[test]
        fn every_id_stands_once_and_reads_back(texts in prop::collection::vec("\\PC{1,40}|[\\x00-\\x7f]{1,9}", 0..20)) {
            let ids: Vec<_> = (0..texts.len()).map(|n| format!("id{n}")).collect();
            let outcomes: Vec<_> = texts.iter().enumerate().map(|(n, text)| match n % 3 {
                0 => Err(Failure::not_found(text.clone(), "r")),
                _ => Ok(Secret::new(text.clone()).into()),
            }).collect();
            let response = respond(&ids, &outcomes, 1 << 20).unwrap();
            let json: serde_json::Value = serde_json::from_str(response.expose()).unwrap();
            for (n, id) in ids.iter().enumerate() {
                let (value, error) = (&json["values"][id], &json["errors"][id]);
                if n % 3 == 0 {
                    prop_assert_eq!(error["code"].as_str(), Some("NOT_FOUND"));
                    prop_assert!(value.is_null());
                } else {
                    prop_assert_eq!(value.as_str(), Some(texts[n].as_str()));
                    prop_assert!(error.is_null());
                }
            }
        }
    }
}
