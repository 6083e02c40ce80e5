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

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::failure::{Failure, Kind};
use crate::outcome::{Outcome, does_not_fit};
use crate::secret::Secret;
use crate::text::quote;

/// The most bytes a request may have.
pub const REQUEST_LIMIT: usize = 256 * 1024;

/// The most ids a request may have.
pub const IDS_LIMIT: usize = 512;

/// The response to a request without ids. No response is shorter.
pub const EMPTY: &str = r#"{"protocolVersion":1,"values":{},"errors":{}}"#;

/// A gateway's request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The ids as the gateway sent them, not checked: each once, in the order of their first appearance.
    pub ids: Vec<String>,
    /// The name of the gateway's provider, if the gateway sent a valid one.
    pub provider: Option<String>,
}

impl Request {
    /// Reads the one JSON document that a gateway sends.
    ///
    /// # Errors
    ///
    /// `INVALID_ID` if the bytes are not a request: longer than [`REQUEST_LIMIT`], not one JSON document in UTF-8, another
    /// version, or more than [`IDS_LIMIT`] ids. A single id that is not valid is not an error here.
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
        // Not the parser's own message: it quotes the request, which could be a secret.
        let envelope: Envelope<u64, Vec<String>> = serde_json::from_slice(bytes).map_err(|error| {
            refuse(format!(
                "the request is not as the protocol says, at line {} column {}",
                error.line(),
                error.column()
            ))
        })?;
        if envelope.version != 1 {
            return Err(refuse(format!("the request has protocolVersion {}, not 1", envelope.version)));
        }
        let mut seen = HashSet::new();
        let ids: Vec<_> = envelope.ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
        if ids.len() > IDS_LIMIT {
            return Err(refuse(format!("the request has {} ids, more than {IDS_LIMIT}", ids.len())));
        }
        Ok(Self { ids, provider: envelope.provider.and_then(|raw| alias(raw.get())) })
    }
}

/// Returns the request that a gateway sends for these ids.
#[cfg(feature = "cli")]
pub(crate) fn request(provider: &str, ids: &[String]) -> String {
    serde_json::json!({"protocolVersion": 1, "provider": provider, "ids": ids}).to_string()
}

/// The result for an id in a response: it has a value, or the code and the message of its error.
#[cfg(feature = "cli")]
pub(crate) type Answered = Result<(), (String, String)>;

/// Reads a response as a gateway does; `None` if it is not one. A value is not kept.
#[cfg(feature = "cli")]
pub(crate) fn read_response(bytes: &[u8], ids: &[String]) -> Option<Vec<Answered>> {
    let response: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    if response["protocolVersion"] != 1 || !response["values"].is_object() {
        return None;
    }
    let answered = |id: &String| {
        let error = &response["errors"][id];
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        match (error.is_object(), response["values"][id].is_string()) {
            (false, true) => Ok(()),
            (false, false) => Err((Kind::Internal.code().to_owned(), "the answer lacks the id".to_owned())),
            (true, _) => Err((text("code"), text("message"))),
        }
    };
    Some(ids.iter().map(answered).collect())
}

/// The members of a request. Other members are ignored: some consumers send more.
struct Envelope<'a, V, I> {
    version: V,
    ids: I,
    /// Any JSON: no request fails because of it.
    provider: Option<&'a RawValue>,
}

impl<'de: 'a, 'a, V: Deserialize<'de>, I: Deserialize<'de>> Deserialize<'de> for Envelope<'a, V, I> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(EnvelopeVisitor(PhantomData))
    }
}

// By hand: the derive macros are two thirds of what this crate would depend on.
struct EnvelopeVisitor<V, I>(PhantomData<(V, I)>);

impl<'de, V: Deserialize<'de>, I: Deserialize<'de>> Visitor<'de> for EnvelopeVisitor<V, I> {
    type Value = Envelope<'de, V, I>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut version, mut ids, mut provider) = (None, None, None);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let is_first = match &*name {
                "protocolVersion" => version.replace(map.next_value()?).is_none(),
                "ids" => ids.replace(map.next_value()?).is_none(),
                "provider" => provider.replace(map.next_value()?).is_none(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    true
                }
            };
            if !is_first {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        let missing = A::Error::missing_field;
        let version = version.ok_or_else(|| missing("protocolVersion"))?;
        Ok(Envelope { version, ids: ids.ok_or_else(|| missing("ids"))?, provider })
    }
}

/// Says that these bytes are a request, of this version or another.
#[must_use]
pub fn is_request(bytes: &[u8]) -> bool {
    members(bytes).is_some_and(|members| members.is_ok())
}

/// Says that these bytes are a request, or could be the start of one.
#[must_use]
pub fn begins_request(bytes: &[u8]) -> bool {
    members(bytes).is_some_and(|members| members.map_or_else(|error| error.is_eof(), |_| true))
}

fn members(bytes: &[u8]) -> Option<serde_json::Result<Envelope<'_, IgnoredAny, IgnoredAny>>> {
    is_object(bytes).then(|| serde_json::from_slice(bytes))
}

fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// Returns the provider's name in this JSON text if it is valid for the gateway: `^[a-z][a-z0-9_-]{0,63}$`.
fn alias(json: &str) -> Option<String> {
    let alias = json.strip_prefix('"')?.strip_suffix('"')?;
    let goes_on_well = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let is_alias = alias.len() <= 64
        && alias.starts_with(|first: char| first.is_ascii_lowercase())
        && alias.bytes().all(goes_on_well);
    is_alias.then(|| alias.to_owned())
}

/// Returns how many bytes the response for `ids` has without its values.
#[cfg(feature = "cli")]
pub(crate) fn frame(ids: &[String]) -> usize {
    let entry = |id: &String| quote(id).len() + r#":"","#.len();
    EMPTY.len() + ids.iter().map(entry).sum::<usize>()
}

/// Writes the response: every id in exactly one of `values` and `errors`, in the order of the request.
///
/// The response has at most `limit` bytes. If an outcome does not fit, its value is replaced by an error, and then the
/// error's message is left out; the first ids of the request keep theirs longest. Returns `None` if even the shortest
/// response does not fit.
#[must_use]
pub fn respond(ids: &[String], outcomes: &[Outcome], limit: usize) -> Option<Secret> {
    fit(ids, outcomes, limit).map(|(response, _)| response)
}

/// Returns the response as [`respond`] writes it, and the indexes of the values that errors replaced.
pub(crate) fn fit(ids: &[String], outcomes: &[Outcome], limit: usize) -> Option<(Secret, Vec<usize>)> {
    let pairs = || ids.iter().zip(outcomes);
    let best: Vec<_> = pairs().filter_map(|(id, outcome)| Entry::best(id, outcome, limit)).collect();
    let length = EMPTY.len() + best.iter().map(|entry| entry.text.len() + 1).sum::<usize>();
    if best.len() == outcomes.len() && length <= limit {
        return Some((write(best, length), Vec::new()));
    }
    let choices: Vec<_> = pairs().map(|(id, outcome)| Entry::choices(id, outcome, limit)).collect();
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
    // Allocated once: a buffer that grows would leave copies of secrets behind.
    let mut response = String::with_capacity(length);
    let (values, errors): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.is_value);
    response.push_str(r#"{"protocolVersion":1,"values":{"#);
    push_list(&mut response, &values);
    response.push_str(r#"},"errors":{"#);
    push_list(&mut response, &errors);
    response.push_str("}}");
    Secret::new(response)
}

fn push_list(response: &mut String, entries: &[Entry]) {
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            response.push(',');
        }
        response.push_str(&entry.text);
    }
}

/// The member of `values` or `errors` for one id, with its name, as JSON.
struct Entry {
    text: String,
    is_value: bool,
}

impl Entry {
    /// Returns the best way to write an outcome; `None` if its value alone is longer than the limit.
    fn best(id: &str, outcome: &Outcome, limit: usize) -> Option<Self> {
        match outcome {
            Ok(value) if value.expose().len() < limit => {
                let text = format!("{}:{}", quote(id), quote(value.expose()));
                Some(Self { text, is_value: true })
            }
            Ok(_) => None,
            Err(failure) => Some(Self::error(id, failure.kind(), &failure.to_string())),
        }
    }

    /// Returns the ways to write an outcome, the best first.
    fn choices(id: &str, outcome: &Outcome, limit: usize) -> Vec<Self> {
        let no_room = does_not_fit();
        let failure = outcome.as_ref().err().unwrap_or(&no_room);
        let best = Self::best(id, outcome, limit).filter(|best| best.is_value);
        let errors = [&failure.to_string(), ""].map(|message| Self::error(id, failure.kind(), message));
        best.into_iter().chain(errors).collect()
    }

    fn error(id: &str, kind: Kind, message: &str) -> Self {
        let text = format!(r#"{}:{{"code":"{}","message":{}}}"#, quote(id), kind.code(), quote(message));
        Self { text, is_value: false }
    }
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
