//! AWS Signature Version 4, for one request. Pure.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::time::{SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};
use secretref_protocol::{Secret, hex};

use super::super::login::json;
use super::credentials::Credentials;

/// A time in AWS's format.
pub(super) struct Time {
    /// `20261121`.
    day: String,
    /// `20261121T115443Z`.
    second: String,
}

impl Time {
    pub(super) fn new(time: SystemTime) -> Self {
        let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (year, month, day) = date(seconds / 86_400);
        let day = format!("{year:04}{month:02}{day:02}");
        let second = format!("{day}T{:02}{:02}{:02}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        Self { day, second }
    }
}

/// Year, month and day of a day since 1970. Counts from the 1st of March 0000, so that the leap day is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The headers of a `POST` of `body` to `https://HOST/`, with the signature, as a JSON object.
pub(super) fn signed_headers(
    credentials: &Credentials,
    host: &str,
    region: &str,
    server_id: Option<&str>,
    body: &str,
    time: &Time,
) -> Secret {
    // In the order of their names, as they are signed.
    let headers = [
        Some(("content-type", "application/x-www-form-urlencoded; charset=utf-8")),
        Some(("host", host)),
        Some(("x-amz-date", time.second.as_str())),
        credentials.session_token.as_ref().map(|token| ("x-amz-security-token", token.expose())),
        server_id.map(|id| ("x-vault-aws-iam-server-id", id)),
    ];
    let headers: Vec<_> = headers.into_iter().flatten().collect();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let request = format!("POST\n/\n\n{}\n\n{names}\n{}", lines.join("\n"), sha256(body));
    let scope = format!("{}/{region}/sts/aws4_request", time.day);
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", time.second, sha256(&request));
    let signature = hex(sign(&key(credentials, region, &time.day), &text).as_ref());
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.key_id
    );
    let all: Vec<_> = headers.into_iter().chain([("authorization", authorization.as_str())]).collect();
    json(&all)
}

fn key(credentials: &Credentials, region: &str, day: &str) -> hmac::Key {
    let secret = Secret::new(format!("AWS4{}", credentials.secret_key.expose()));
    let first = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    [day, region, "sts", "aws4_request"]
        .iter()
        .fold(first, |key, part| hmac::Key::new(hmac::HMAC_SHA256, sign(&key, part).as_ref()))
}

fn sign(key: &hmac::Key, text: &str) -> hmac::Tag {
    hmac::sign(key, text.as_bytes())
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn time(seconds: u64) -> String {
        Time::new(UNIX_EPOCH + Duration::from_secs(seconds)).second
    }

    #[test]
    fn times() {
        assert_eq!(time(0), "19700101T000000Z");
        assert_eq!(time(951_782_399), "20000228T235959Z");
        assert_eq!(time(951_782_400), "20000229T000000Z");
        assert_eq!(time(1_795_262_083), "20261121T115443Z");
        assert_eq!(time(4_102_444_800), "21000101T000000Z");
    }

    /// The signatures are those that botocore 1.43.11, AWS's own library, gives for the same requests.
    #[test]
    fn a_signature_is_the_one_of_awss_own_library() {
        let signature = |region: &str, host: &str, token: Option<&str>, server_id: Option<&str>| {
            let credentials = Credentials {
                key_id: "AKIDEXAMPLE".into(),
                secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
                session_token: token.map(|token| Secret::new(token.into())),
            };
            let time = Time::new(UNIX_EPOCH + Duration::from_secs(1_795_262_083));
            let headers =
                signed_headers(&credentials, host, region, server_id, super::super::signer::BODY, &time);
            headers.expose().split("Signature=").nth(1).unwrap().trim_end_matches("\"}").to_owned()
        };
        assert_eq!(
            signature("us-east-1", "sts.amazonaws.com", None, None),
            "350665f504b4a87826f1d88d2c7a85f909a70c7e60048d660d0ce2ec353d08da"
        );
        assert_eq!(
            signature(
                "eu-central-1",
                "sts.eu-central-1.amazonaws.com",
                Some("FwoG/token+="),
                Some("vault.example.com")
            ),
            "22d3ebd6d8521d5150c003aca1a893c519c79118797604785ba99876a8f6f549"
        );
    }
}
