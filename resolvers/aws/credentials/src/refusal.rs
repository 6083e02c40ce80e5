//! An answer of AWS that is an error: known by status and code, never by text.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId as _;
use secretref_protocol::session_cache::LoginError;
use secretref_protocol::{Failure, Kind, Retry};

/// The skew from which a signature is no longer valid, less a little for the way of the answer.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
const TOLERANCE: Duration = Duration::from_secs(4 * 60 + 30);

/// An error that AWS answered with.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The code, such as `AccessDenied`; `None` if the answer is not one of AWS.
    pub code: Option<String>,
    /// AWS's id of the request.
    pub request: Option<String>,
    /// How much this machine's clock differs from AWS's, in words, if it is too much for a signature.
    pub skew: Option<String>,
    /// The pause that AWS asks for.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Takes the refusal out of an error of the SDK.
    ///
    /// # Errors
    /// The failure of the transport, if there was no answer.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Result<Self, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(failure) = Failure::within(error) {
            return Err(failure.clone());
        }
        let response =
            error.raw_response().ok_or_else(|| Failure::internal("a request that the SDK did not send"))?;
        let headers = response.headers();
        let seconds = headers.get("retry-after").and_then(|text| text.trim().parse().ok());
        Ok(Self {
            status: response.status().as_u16(),
            code: error.as_service_error().and_then(ProvideErrorMetadata::code).and_then(code),
            request: error.request_id().map(str::to_owned),
            skew: headers.get("date").and_then(|date| skew(date, SystemTime::now())),
            retry_after: seconds.map(Duration::from_secs),
        })
    }

    /// Whether the code is one of these.
    #[must_use]
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// Returns the failure for a refusal that every service of AWS knows: a wrong clock, throttling, a credential that is not
    /// valid, an answer that is not from AWS. `None` if it is about what was asked for. `service` is for the message, `origin`
    /// is where the credentials are from, and `key` where to correct their secret part.
    #[must_use]
    pub fn common(&self, service: &str, (origin, key): (&str, Option<&str>)) -> Option<Failure> {
        let failure = if let Some(skew) = self.skew.as_ref().filter(|_| self.is(CLOCK) || self.is(SIGNATURE))
        {
            Failure::new(
                Kind::Unauthenticated,
                format!("{service} refuses the signature: {skew}"),
                "set the clock of this machine, for example with timedatectl set-ntp true",
            )
        } else if self.is(CLOCK) {
            Failure::new(
                Kind::Unauthenticated,
                format!("{service} refuses the signature: it is too old or too new"),
                "check the clock of this machine",
            )
        } else if self.is(THROTTLED) || self.status == 429 {
            let failure = Failure::new(
                Kind::RateLimited,
                format!("{service} limits the rate of requests"),
                "start fewer resolvers at once, or raise the quota of the account",
            );
            failure.with_retry(self.retry_after.map_or(Retry::Soon, Retry::After))
        } else if self.is(EXPIRED) {
            Failure::new(
                Kind::Unauthenticated,
                format!("{service} says that the credentials have expired: those of {origin}"),
                "renew them there",
            )
        } else if self.is(SIGNATURE) {
            Failure::new(
                Kind::Unauthenticated,
                format!(
                    "{service} refuses the signature: the secret access key of {origin} does not belong to its id"
                ),
                match key {
                    Some(place) => format!("correct {place}, or write a new key there"),
                    None => "write both parts of the key again".to_owned(),
                },
            )
        } else if self.is(UNKNOWN) {
            Failure::new(
                Kind::Unauthenticated,
                format!("{service} does not know the credentials of {origin}, or they are not active"),
                "check the access key in IAM, and that the endpoint is of the same partition",
            )
        } else if self.status >= 500 {
            Failure::unavailable(format!("{service} cannot answer now ({})", self.status), "try again later")
        } else if self.code.is_none() {
            Failure::unavailable(
                format!("the answer of {service} is not one of AWS ({})", self.status),
                "check the endpoint, and the proxy in front of it",
            )
            .with_retry(Retry::No)
        } else {
            return None;
        };
        Some(failure.request(self.request.as_deref()))
    }

    /// Returns the failure if a sign-in was refused: `what` was not issued. The session cache leaves a refused credential
    /// alone for a while.
    pub(crate) fn login(
        &self,
        service: &str,
        origin: (&str, Option<&str>),
        denied: impl FnOnce(&str) -> Failure,
    ) -> LoginError {
        match self.common(service, origin) {
            Some(failure) if failure.kind() == Kind::Unauthenticated && self.skew.is_none() => {
                LoginError::Refused(failure)
            }
            Some(failure) => LoginError::Failed(failure),
            None => {
                let code = self.code.as_deref().unwrap_or_default();
                LoginError::Refused(denied(code).request(self.request.as_deref()))
            }
        }
    }
}

const CLOCK: &[&str] = &["RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"];

const SIGNATURE: &[&str] = &["InvalidSignatureException", "SignatureDoesNotMatch", "InvalidSignature"];

const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];

const UNKNOWN: &[&str] = &[
    "AuthFailure",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "UnrecognizedClientException",
];

const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Returns a code if it is one: AWS's codes are words, and a server in between could answer with anything.
fn code(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    ((1..=64).contains(&text.len()) && text.bytes().all(is_plain)).then(|| text.to_owned())
}

/// Returns how much this machine's clock differs from the `date` of an answer, in words, if it is too much.
fn skew(date: &str, now: SystemTime) -> Option<String> {
    let theirs = SystemTime::try_from(DateTime::from_str(date, Format::HttpDate).ok()?).ok()?;
    let (by, way) = match now.duration_since(theirs) {
        Ok(by) => (by, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    (by > TOLERANCE).then(|| format!("this machine's clock is {} {way} AWS's", in_words(by)))
}

fn in_words(time: Duration) -> String {
    match time.as_secs() / 60 {
        minutes @ ..120 => format!("{minutes} minutes"),
        minutes @ ..2880 => format!("{} hours", minutes / 60),
        minutes => format!("{} days", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::time;

    fn refusal(status: u16, code: Option<&str>, skew: Option<&str>) -> Refusal {
        let code = code.map(str::to_owned);
        Refusal {
            status,
            code,
            request: Some("r-1".into()),
            skew: skew.map(str::to_owned),
            retry_after: None,
        }
    }

    #[test]
    fn what_every_service_can_say() {
        for (status, code, skew, kind, words) in [
            (
                403,
                Some("SignatureDoesNotMatch"),
                None,
                Some(Kind::Unauthenticated),
                "does not belong to its id: correct AWS_SECRET_ACCESS_KEY",
            ),
            (400, Some("InvalidSignatureException"), Some("behind"), Some(Kind::Unauthenticated), "behind"),
            (400, Some("RequestExpired"), None, Some(Kind::Unauthenticated), "check the clock"),
            (400, Some("ExpiredTokenException"), None, Some(Kind::Unauthenticated), "have expired"),
            (400, Some("UnrecognizedClientException"), None, Some(Kind::Unauthenticated), "does not know"),
            (400, Some("ThrottlingException"), None, Some(Kind::RateLimited), "rate"),
            (429, None, None, Some(Kind::RateLimited), "rate"),
            (503, None, None, Some(Kind::Unavailable), "503"),
            (403, None, None, Some(Kind::Unavailable), "not one of AWS"),
            (403, Some("AccessDenied"), None, None, ""),
        ] {
            let failure = refusal(status, code, skew)
                .common("STS", ("AWS_ACCESS_KEY_ID", Some("AWS_SECRET_ACCESS_KEY")));
            assert_eq!(failure.as_ref().map(Failure::kind), kind, "{code:?}");
            let said = failure.map(|failure| failure.to_string()).unwrap_or_default();
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_skew_is_told_in_words() {
        let now = time("2026-11-21T12:00:00Z").unwrap();
        for (date, words) in [
            ("Sat, 21 Nov 2026 12:04:00 GMT", None),
            ("Sat, 21 Nov 2026 12:12:00 GMT", Some("this machine's clock is 12 minutes behind AWS's")),
            ("Sat, 21 Nov 2026 07:00:00 GMT", Some("this machine's clock is 5 hours ahead of AWS's")),
            ("Tue, 01 Sep 2026 12:00:00 GMT", Some("this machine's clock is 81 days ahead of AWS's")),
            ("yesterday", None),
        ] {
            assert_eq!(skew(date, now).as_deref(), words, "{date}");
        }
    }

    #[test]
    fn a_code_is_a_word() {
        assert_eq!(code("AccessDenied").as_deref(), Some("AccessDenied"));
        assert_eq!(code("<html>"), None);
    }
}
