//! Why an id has no value: of which kind, what happened, and what to do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::text::printable;

/// Why an id has no value.
///
/// A failure is addressed to a person. `what` says what failed and for which thing, `remedy` what to do next; neither
/// ever holds a value, a token, the body of an answer or a URL with credentials.
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
    /// More than one secret answers to the id.
    Ambiguous,
    /// The store knows who asks, and refuses this secret.
    AccessDenied,
    /// The store does not accept the credential.
    Unauthenticated,
    /// The id cannot be an id, or cannot be one for this store.
    InvalidId,
    /// There is a value, but not one that a gateway could use.
    InvalidValue,
    /// The store asks to be left alone for a while.
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

/// Whether the engine should ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Asking again would get the same answer.
    No,
    /// A passing fault: again after a short, jittered pause, three times in all.
    Soon,
    /// Nobody listened: one more try after this pause, and no third.
    Once(Duration),
    /// The store named the pause itself, or it is known from elsewhere; asked again until the deadline.
    After(Duration),
    /// Once more at once, with a new session: the store refused one that was kept.
    Reauthenticate,
}

impl Kind {
    /// Every kind with what it means, in order, for documentation.
    pub const TABLE: [(Self, &str); 12] = [
        (Self::NotFound, "there is no such secret, version or field"),
        (Self::Ambiguous, "more than one secret answers to the id"),
        (Self::AccessDenied, "the store knows who asks, and refuses this secret"),
        (Self::Unauthenticated, "the store does not accept the credential"),
        (Self::InvalidId, "the id cannot be an id, or not one of this store"),
        (Self::InvalidValue, "there is a value, but not one that a gateway could use"),
        (Self::RateLimited, "the store asks to be left alone for a while"),
        (Self::Unavailable, "the store cannot be reached, or cannot answer now"),
        (Self::Timeout, "the deadline came first"),
        (Self::Misconfigured, "a setting is missing or wrong"),
        (Self::NotAllowed, "no pattern of `allow` matches the id"),
        (Self::Internal, "a bug in the resolver"),
    ];

    /// The code of `errors[id].code`. `NOT_FOUND` and `AMBIGUOUS_DUPLICATE_KEY` are the words that a gateway shows.
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

    /// Whether a failure of this kind is the store's own verdict on an id: it was asked, and it answered.
    #[must_use]
    pub fn is_verdict(self) -> bool {
        matches!(self, Self::NotFound | Self::Ambiguous | Self::AccessDenied | Self::InvalidValue)
    }

    /// Whether a failure of this kind belongs to the id alone and says nothing about the resolver.
    #[must_use]
    pub fn is_of_id(self) -> bool {
        self.is_verdict() || matches!(self, Self::InvalidId | Self::NotAllowed)
    }
}

impl Failure {
    /// A failure of `kind`: `what` failed, and the `remedy`. Both in lower case, without a full stop.
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

    /// There is no such secret, field or version.
    pub fn not_found(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, what, remedy)
    }

    /// The text cannot be an id.
    pub fn invalid_id(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::InvalidId, what, remedy)
    }

    /// There is a value, but not one that can be given.
    pub fn invalid_value(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::InvalidValue, what, remedy)
    }

    /// The store cannot be reached or cannot answer; asked again soon unless said otherwise.
    pub fn unavailable(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, what, remedy).with_retry(Retry::Soon)
    }

    /// A setting is missing or wrong.
    pub fn misconfigured(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::Misconfigured, what, remedy)
    }

    /// The failure where the bytes of a value are no text.
    #[must_use]
    pub fn not_text(what: impl fmt::Display, bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Self::invalid_value(
                format!(
                    "{what} is not UTF-8 text but UTF-16, as some editors and shells of Windows write it"
                ),
                "store it again as UTF-8: iconv -f UTF-16 -t UTF-8 makes that of it",
            );
        }
        Self::invalid_value(format!("{what} is not UTF-8 text"), "store it again, binary data as base64")
    }

    /// A bug: `place` says where, and nothing of what was being worked on.
    pub fn internal(place: impl fmt::Display) -> Self {
        Self::new(Kind::Internal, format!("a bug in the resolver: {place}"), "please report it")
    }

    /// The same failure, with the thing that it is about before it.
    #[must_use]
    pub fn context(self, thing: impl fmt::Display) -> Self {
        Self { what: printable(format!("{thing}: {}", self.what)), ..self }
    }

    /// The same failure, with more about what to do.
    #[must_use]
    pub fn hint(self, more: impl fmt::Display) -> Self {
        Self { remedy: printable(format!("{}; {more}", self.remedy)), ..self }
    }

    /// The same failure with another rule for asking again.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The same failure, met before anything was changed, whatever its kind leaves open.
    #[must_use]
    pub fn changed_nothing(self) -> Self {
        Self { changed_nothing: true, ..self }
    }

    /// The same failure, with what the store calls the request that met it: letters, digits and dashes, else nothing.
    #[must_use]
    pub fn request(self, id: Option<&str>) -> Self {
        Self { request: id.and_then(request_id), ..self }
    }

    /// What the store calls the request that met it, where it says so.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request.as_deref()
    }

    /// Of which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What failed.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do next.
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

    /// Whether the engine should ask again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }
}

/// What a store calls a request, if it is no more than a name: 1 to 64 letters, digits and dashes.
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

/// So that it passes through an SDK, which takes any error of its transport.
impl Error for Failure {}

impl Failure {
    /// The failure that `error` is, or has among its sources: what an SDK was handed comes back with its kind.
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

    /// What an SDK makes of an error: its own, with the other as the source.
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
