//! Why an id has no value: the kind of failure, what failed, and what to do.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::text::printable;

/// Why an id has no value.
///
/// A failure is written for a person: `what` says what failed and for which thing, `remedy` says what to do next. Neither
/// holds a value, a token, the body of a response or a URL with credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: Kind,
    what: String,
    remedy: String,
    retry: Retry,
    request: Option<String>,
    changed_nothing: bool,
}

/// The kinds of failure, one for each code of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The store answered that there is no such secret, field or version.
    NotFound,
    /// More than one secret matches the id.
    Ambiguous,
    /// The store accepts the credential, and denies access to this secret.
    AccessDenied,
    /// The store does not accept the credential.
    Unauthenticated,
    /// The id is malformed, or not valid for this store.
    InvalidId,
    /// There is a value, but a gateway could not use it.
    InvalidValue,
    /// The store limits the rate of requests.
    RateLimited,
    /// The store cannot be reached, or cannot answer now.
    Unavailable,
    /// The deadline came first.
    Timeout,
    /// A setting is missing or wrong.
    Misconfigured,
    /// The profile does not allow this id.
    NotAllowed,
    /// A bug in the resolver.
    Internal,
}

/// Whether and when the engine tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Not: another try would get the same response.
    No,
    /// After a short, jittered pause, with at most three tries in all: the fault may pass.
    Soon,
    /// One more time, after this pause: no server was listening.
    Once(Duration),
    /// After this pause, until the deadline: the store says so, or the pause is known from another source.
    After(Duration),
    /// One more time at once, with a new session: the store refused a cached one.
    Reauthenticate,
}

impl Kind {
    /// Every kind and its meaning, in order, for documentation.
    pub const TABLE: [(Self, &str); 12] = [
        (Self::NotFound, "there is no such secret, version or field"),
        (Self::Ambiguous, "more than one secret matches the id"),
        (Self::AccessDenied, "the store accepts the credential, and denies access to this secret"),
        (Self::Unauthenticated, "the store does not accept the credential"),
        (Self::InvalidId, "the id is malformed, or not valid for this store"),
        (Self::InvalidValue, "there is a value, but a gateway could not use it"),
        (Self::RateLimited, "the store limits the rate of requests"),
        (Self::Unavailable, "the store cannot be reached, or cannot answer now"),
        (Self::Timeout, "the deadline came first"),
        (Self::Misconfigured, "a setting is missing or wrong"),
        (Self::NotAllowed, "no pattern of `allow` matches the id"),
        (Self::Internal, "a bug in the resolver"),
    ];

    /// Returns the text of `errors[id].code`. A gateway shows only `NOT_FOUND` and `AMBIGUOUS_DUPLICATE_KEY` to a person.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::Ambiguous => "AMBIGUOUS_DUPLICATE_KEY",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::InvalidId => "INVALID_ID",
            Self::InvalidValue => "INVALID_VALUE",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Timeout => "TIMEOUT",
            Self::Misconfigured => "MISCONFIGURED",
            Self::NotAllowed => "NOT_ALLOWED",
            Self::Internal => "INTERNAL",
        }
    }

    /// Says that a failure of this kind is the store's own response about an id.
    #[must_use]
    pub fn is_verdict(self) -> bool {
        matches!(self, Self::NotFound | Self::Ambiguous | Self::AccessDenied | Self::InvalidValue)
    }

    /// Says that a failure of this kind is about the id alone, and not about the resolver.
    #[must_use]
    pub fn is_of_id(self) -> bool {
        self.is_verdict() || matches!(self, Self::InvalidId | Self::NotAllowed)
    }
}

impl Failure {
    /// Creates a failure from `what` failed and its `remedy`: both in lower case, without a full stop.
    pub fn new(kind: Kind, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            what: printable(what.into()),
            remedy: printable(remedy.into()),
            retry: Retry::No,
            request: None,
            changed_nothing: false,
        }
    }

    /// Creates the failure for a secret, field or version that does not exist.
    pub fn not_found(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, what, remedy)
    }

    /// Creates the failure for a text that is not an id.
    pub fn invalid_id(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::InvalidId, what, remedy)
    }

    /// Creates the failure for a value that a gateway could not use.
    pub fn invalid_value(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::InvalidValue, what, remedy)
    }

    /// Creates the failure for a store that cannot be reached or cannot answer now. The engine tries again soon.
    pub fn unavailable(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, what, remedy).with_retry(Retry::Soon)
    }

    /// Creates the failure for a setting that is missing or wrong.
    pub fn misconfigured(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::Misconfigured, what, remedy)
    }

    /// Creates the failure for the bytes of a value that are not text.
    #[must_use]
    pub fn not_text(what: impl fmt::Display, bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Self::invalid_value(
                format!("{what} is UTF-16 text, as some editors and shells of Windows write it, not UTF-8"),
                "convert it with iconv -f UTF-16 -t UTF-8, and store it again",
            );
        }
        Self::invalid_value(format!("{what} is not UTF-8 text"), "store it again, binary data as base64")
    }

    /// Creates the failure for a change that was not made, because another client wrote the secret at the same time.
    pub fn written_meanwhile(secret: impl fmt::Display) -> Self {
        let what = format!("another client wrote {secret} at the same time, and nothing was changed");
        Self::invalid_value(what, "run it again")
    }

    /// Creates the failure for a bug. `place` says where it is, and repeats nothing of a secret or an id.
    pub fn internal(place: impl fmt::Display) -> Self {
        Self::new(Kind::Internal, format!("a bug in the resolver: {place}"), "please report it")
    }

    /// Puts the thing that failed before the message.
    #[must_use]
    pub fn context(self, thing: impl fmt::Display) -> Self {
        Self { what: printable(format!("{thing}: {}", self.what)), ..self }
    }

    /// Adds more to the remedy.
    #[must_use]
    pub fn hint(self, more: impl fmt::Display) -> Self {
        Self { remedy: printable(format!("{}; {more}", self.remedy)), ..self }
    }

    /// Sets whether and when the engine tries again.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Marks a failure that came before anything was changed in the store.
    #[must_use]
    pub fn changed_nothing(self) -> Self {
        Self { changed_nothing: true, ..self }
    }

    /// Sets the store's name of the request that failed, if [`request_id`] accepts it.
    #[must_use]
    pub fn request(self, id: Option<&str>) -> Self {
        Self { request: id.and_then(request_id), ..self }
    }

    /// Returns the store's name of the request that failed, if there is one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request.as_deref()
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns what failed.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Returns what to do next.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// Says that a change which failed like this may have been made all the same.
    #[must_use]
    pub fn leaves_a_change_open(&self) -> bool {
        let is_open = matches!(self.kind, Kind::Unavailable | Kind::Timeout | Kind::RateLimited);
        is_open && !self.changed_nothing
    }

    /// Returns whether and when the engine tries again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }
}

/// Returns a store's name of a request if it is 1 to 64 letters, digits and dashes; `None` otherwise.
#[must_use]
pub fn request_id(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    ((1..=64).contains(&text.len()) && text.bytes().all(is_plain)).then(|| text.to_owned())
}

/// `what: remedy`, on one line, as in `errors[id].message`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

/// For an SDK, which passes any error of its transport on.
impl Error for Failure {}

impl Failure {
    /// Returns the failure in `error` or its sources: an SDK wraps the failure of its transport in an error of its own.
    ///
    /// ```
    /// # use secretref_protocol::{Failure, Kind};
    /// let through_an_sdk: Box<dyn std::error::Error + Send + Sync> = Failure::internal("here").into();
    /// assert_eq!(Failure::within(&*through_an_sdk).map(Failure::kind), Some(Kind::Internal));
    /// ```
    #[must_use]
    pub fn within<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of an SDK, with its cause as the source.
    #[derive(Debug)]
    struct Wrapped(Box<dyn Error + Send + Sync>);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("dispatch failure")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    #[test]
    fn a_failure_comes_out_of_an_sdk_as_it_went_in() {
        let failure = Failure::unavailable("no connection", "check `address`").with_retry(Retry::No);
        let wrapped = Wrapped(Box::new(Wrapped(failure.clone().into())));
        assert_eq!(Failure::within(&wrapped), Some(&failure));
        assert_eq!(Failure::within(&Wrapped("another".into())), None);
    }

    #[test]
    fn the_table_is_in_order_and_whole() {
        assert!(Kind::TABLE.iter().enumerate().all(|(at, (kind, _))| *kind as usize == at));
        assert_eq!(Kind::TABLE.len(), Kind::Internal as usize + 1);
    }
}
