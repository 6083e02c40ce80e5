//! A signed request that another party sends to AWS: it proves who signed it, and gives nothing else away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use secretref_protocol::{Failure, Secret};

use crate::keys::Keys;

/// Who am I. <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// A signed `POST`. It is not `Debug`: for a quarter of an hour it is worth as much as a credential.
pub struct SignedRequest {
    /// Its URL.
    pub url: String,
    /// Its body.
    pub body: &'static str,
    /// All its headers, by name.
    pub headers: Vec<(String, Secret)>,
}

/// The time from 1970 to the year 10000.
const YEAR_10000: Duration = Duration::from_hours(70_389_528);

/// Checks that a signature can have this time: its year has four digits, and the SDK counts from 1970.
pub(crate) fn check_clock(time: SystemTime) -> Result<(), Failure> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) if since < YEAR_10000 => Ok(()),
        _ => Err(Failure::misconfigured(
            "this machine's clock is before the year 1970 or after 9999, and AWS takes no signature of that time",
            "set it, for example with timedatectl set-ntp true",
        )),
    }
}

/// Signs the request of STS at `url` that asks who signed it. `more` is a header that is signed too.
pub(crate) fn who_am_i(
    keys: &Keys,
    url: &str,
    region: &str,
    more: Option<(&str, &str)>,
    time: SystemTime,
) -> Result<SignedRequest, Failure> {
    check_clock(time)?;
    let bug = |()| Failure::internal("a request that cannot be signed");
    let url = format!("{}/", url.trim_end_matches('/'));
    let host = url.split('/').nth(2).unwrap_or_default().to_owned();
    let content_type = "application/x-www-form-urlencoded; charset=utf-8";
    let plain = [("content-type", content_type), ("host", host.as_str())];
    let plain: Vec<_> = plain.into_iter().chain(more).collect();
    let identity = keys.for_sdk().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(time)
        .settings(SigningSettings::default())
        .build();
    let parameters = parameters.map_err(|_| ()).map_err(bug)?.into();
    let body = SignableBody::Bytes(BODY.as_bytes());
    let request = SignableRequest::new("POST", url.as_str(), plain.iter().copied(), body);
    let signed = request.and_then(|request| sign(request, &parameters)).map_err(|_| ()).map_err(bug)?;
    let (instructions, _) = signed.into_parts();
    let headers = plain.iter().copied().chain(instructions.headers());
    let headers = headers.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())));
    Ok(SignedRequest { headers: headers.collect(), body: BODY, url: url.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(region: &str, url: &str, token: Option<&str>, server: Option<&str>) -> SignedRequest {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_262_083);
        let server = server.map(|server| ("x-vault-aws-iam-server-id", server));
        who_am_i(&keys(token), url, region, server, time).unwrap()
    }

    fn keys(token: Option<&str>) -> Keys {
        let secret = |text: &str| Secret::new(text.to_owned());
        let key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        Keys::new("AKIDEXAMPLE".into(), secret(key), token.map(secret), None).unwrap()
    }

    #[test]
    fn a_clock_that_no_signature_can_have_is_a_failure() {
        let second = Duration::from_secs(1);
        for (time, is_right) in [
            (UNIX_EPOCH, true),
            (UNIX_EPOCH - second, false),
            (UNIX_EPOCH + YEAR_10000 - second, true),
            (UNIX_EPOCH + YEAR_10000, false),
            (UNIX_EPOCH + YEAR_10000 * 100, false),
        ] {
            let signed = who_am_i(&keys(None), "https://sts.amazonaws.com", "us-east-1", None, time);
            assert_eq!(signed.is_ok(), is_right, "{time:?}");
        }
    }

    fn signature(request: &SignedRequest) -> String {
        let value = request.headers.iter().find(|(name, _)| name == "authorization").unwrap().1.expose();
        value.split("Signature=").nth(1).unwrap().to_owned()
    }

    /// The signatures are those that botocore 1.43.11, AWS's own library for Python, gives for the same requests.
    #[test]
    fn a_signature_is_the_one_of_awss_own_library() {
        let found = signed("us-east-1", "https://sts.amazonaws.com", None, None);
        assert_eq!(found.url, "https://sts.amazonaws.com/");
        assert_eq!(signature(&found), "350665f504b4a87826f1d88d2c7a85f909a70c7e60048d660d0ce2ec353d08da");
        let url = "https://sts.eu-central-1.amazonaws.com";
        let found = signed("eu-central-1", url, Some("FwoG/token+="), Some("vault.example.com"));
        assert_eq!(signature(&found), "22d3ebd6d8521d5150c003aca1a893c519c79118797604785ba99876a8f6f549");
    }

    /// AWS collapses white space before it compares signatures, and Vault compares the header as it is.
    #[test]
    fn a_header_is_signed_as_aws_reads_it_and_sent_as_it_is() {
        let of = |server| signed("us-east-1", "https://sts.amazonaws.com", None, Some(server));
        assert_eq!(signature(&of("a  b")), signature(&of("a b")));
        assert!(of("a  b").headers.iter().any(|(_, value)| value.expose() == "a  b"));
    }
}
