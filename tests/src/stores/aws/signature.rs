//! Signature Version 4, from AWS's own description of it: to sign the kit's requests, and to check those of a resolver.

use std::fmt::Write as _;

use ring::{digest, hmac};

/// A key of AWS.
#[derive(Clone)]
pub struct Key {
    /// `AKIA…`, or `ASIA…` for a temporary one.
    pub id: String,
    /// What it signs with.
    pub secret: String,
    /// The session token of a temporary key.
    pub token: Option<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// What a signature is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `20260101`.
    pub date: String,
    /// The region.
    pub region: String,
    /// `secretsmanager`, `sts` or `iam`.
    pub service: String,
}

impl Scope {
    fn text(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

/// The headers of a signed `POST /`, with those that were given.
#[must_use]
pub fn sign(
    key: &Key,
    region: &str,
    service: &str,
    host: &str,
    more: &[(&str, &str)],
    body: &[u8],
    now: u64,
) -> Vec<(String, String)> {
    let time = timestamp(now);
    let scope = Scope { date: time[..8].to_owned(), region: region.to_owned(), service: service.to_owned() };
    let mut headers = vec![("host".to_owned(), host.to_owned()), ("x-amz-date".to_owned(), time.clone())];
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    headers.extend(key.token.iter().map(|token| ("x-amz-security-token".to_owned(), token.clone())));
    headers.sort();
    let signed: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed = signed.join(";");
    let signature = signature(key, &scope, &time, &headers, body);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={signed}, Signature={signature}",
        key.id,
        scope.text()
    );
    headers.push(("authorization".to_owned(), authorization));
    headers
}

/// The signature of a `POST /` with these headers, in the order of their names, and this body.
#[must_use]
pub fn signature(key: &Key, scope: &Scope, time: &str, headers: &[(String, String)], body: &[u8]) -> String {
    let lines = headers.iter().fold(String::new(), |mut lines, (name, value)| {
        let _ = writeln!(lines, "{name}:{}", value.trim());
        lines
    });
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let request = format!("POST\n/\n\n{lines}\n{}\n{}", names.join(";"), hash(body));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{}", scope.text(), hash(request.as_bytes()));
    let first = format!("AWS4{}", key.secret).into_bytes();
    let parts = [scope.date.as_str(), &scope.region, &scope.service, "aws4_request", &text];
    hex(&parts.iter().fold(first, |key, part| mac(&key, part)))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A time in seconds since 1970 as AWS writes it: `20260101T000000Z`.
#[must_use]
pub fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The same as STS and the metadata services write it: `2026-01-01T00:00:00Z`.
#[must_use]
pub fn iso(seconds: u64) -> String {
    let text = timestamp(seconds);
    let part = |from: usize, to: usize| &text[from..to];
    format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13), part(13, 15))
}

/// The same as HTTP has it: `Thu, 01 Jan 2026 00:00:00 GMT`.
#[must_use]
pub fn http_date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = date(seconds / 86_400);
    let at = |number: u64| usize::try_from(number).expect("a small number");
    let (name, month) = (DAYS[at(seconds / 86_400 % 7)], MONTHS[at(month - 1)]);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{name}, {day:02} {month} {year} {hours:02}:{minutes:02}:{:02} GMT", seconds % 60)
}

/// The seconds of a [`timestamp`]; `None` if it is none.
#[must_use]
pub fn seconds(timestamp: &str) -> Option<u64> {
    let part = |from: usize, to: usize| timestamp.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    Some(days(year, month, day)? * 86_400 + part(9, 11)? * 3600 + part(11, 13)? * 60 + part(13, 15)?)
}

/// Year, month and day of a day since 1970, by Hinnant's `civil_from_days`.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

/// The same the other way: Hinnant's `days_from_civil`.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    (era * 146_097 + of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's test suite for the signature (`post-vanilla`).
    #[test]
    fn the_signature_is_that_of_the_test_suite() {
        let key = Key {
            id: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        };
        let now = seconds("20150830T123600Z").expect("a time");
        let headers = sign(&key, "us-east-1", "service", "example.amazonaws.com", &[], b"", now);
        let authorization = &headers.last().expect("a header").1;
        assert!(
            authorization
                .ends_with("Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            "{authorization}"
        );
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for now in [0, 951_782_400, 1_796_000_000, 1_798_761_599] {
            assert_eq!(seconds(&timestamp(now)), Some(now));
        }
        assert_eq!(iso(1_440_938_160), "2015-08-30T12:36:00Z");
        assert_eq!(http_date(1_440_938_160), "Sun, 30 Aug 2015 12:36:00 GMT");
    }
}
