//! Turns errors of keyring, and error codes of the system, into failures. Pure.

use std::fmt::Display;

use keyring_core::Error;
use secretref_protocol::{Failure, Kind};

/// Turns an error of keyring into a failure; `what` is the thing that was accessed.
pub(super) fn classify(error: &Error, what: &dyn Display) -> Failure {
    match error {
        Error::NoEntry => Failure::not_found(
            format!("there is no entry {what} in the keychain"),
            "check service and account, or run `list` to see the entries",
        ),
        Error::Ambiguous(_) => Failure::new(
            Kind::Ambiguous,
            format!("several entries of the keychain match {what}"),
            "delete all but one",
        ),
        Error::BadEncoding(_) => Failure::invalid_value(
            format!("the value of {what} is not text"),
            "store it again as text, binary data as base64",
        ),
        Error::TooLong(part, limit) => Failure::invalid_value(
            format!("{what}: the {part} is longer than the limit of the system ({limit})"),
            "make it shorter",
        ),
        Error::Invalid(part, _) => Failure::invalid_id(
            format!("{what}: the system does not accept this {part}"),
            "use another name for the entry",
        ),
        Error::NotSupportedByStore(_) => Failure::misconfigured(
            "the keychain of this system does not support this",
            "use the system's own program",
        ),
        Error::NoStorageAccess(_) | Error::NoDefaultStore => out_of_reach(),
        Error::PlatformFailure(error) => status(error.as_ref())
            .and_then(|status| from_status(status, what))
            .unwrap_or_else(|| unexplained(what)),
        _ => unexplained(what),
    }
}

/// Turns an error code of macOS (`SecBase.h`) that keyring does not know into a failure.
///
/// macOS gives the same code for a locked keychain and for an entry that needs a person's confirmation.
pub(super) fn from_status(status: i32, what: &dyn Display) -> Option<Failure> {
    let (kind, what, remedy) = match status {
        // errSecInteractionNotAllowed, errSecInteractionRequired, errSecInDarkWake
        -25308 | -25315 | -25320 => (
            Kind::Unavailable,
            format!("{what} is locked, or the system needs confirmation"),
            "run `secretref-keychain unlock` in a terminal, or let this program always read the entry (Keychain Access, Access Control)",
        ),
        // errSecAuthFailed, errSecNoAccessForItem, errSecUserCanceled; errSecDuplicateItem, because keyring adds an entry
        // again if it may not look at it.
        -25293 | -25243 | -128 | -25299 => (
            Kind::AccessDenied,
            format!("this program may not access {what}"),
            "let this program always read the entry (Keychain Access, Access Control)",
        ),
        // errSecNoDefaultKeychain
        -25307 => return Some(out_of_reach()),
        _ => return None,
    };
    Some(Failure::new(kind, what, remedy))
}

fn out_of_reach() -> Failure {
    Failure::new(
        Kind::Unavailable,
        "this process may not use the keychain of the system",
        "run it in the login session of the keychain's user",
    )
}

pub(super) fn unexplained(what: &dyn Display) -> Failure {
    Failure::new(
        Kind::Unavailable,
        format!("the operating system could not access {what}"),
        "check that the keychain works in the system's own program",
    )
}

/// Returns the error code that macOS gave.
#[cfg(target_os = "macos")]
fn status(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    error.downcast_ref::<security_framework::base::Error>().map(|error| error.code())
}

/// Returns nothing: only macOS has error codes that say more.
#[cfg(not(target_os = "macos"))]
fn status(_: &(dyn std::error::Error + 'static)) -> Option<i32> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_keyring_has_its_own_words() {
        let broken = || -> Box<dyn std::error::Error + Send + Sync> { "secret text of the system".into() };
        for (error, kind) in [
            (Error::NoEntry, Kind::NotFound),
            (Error::Ambiguous(Vec::new()), Kind::Ambiguous),
            (Error::NoStorageAccess(broken()), Kind::Unavailable),
            (Error::PlatformFailure(broken()), Kind::Unavailable),
            (Error::BadEncoding(b"secret text \xff".into()), Kind::InvalidValue),
            (Error::TooLong("user".into(), 512), Kind::InvalidValue),
            (Error::Invalid("user".into(), "empty".into()), Kind::InvalidId),
            (Error::NoDefaultStore, Kind::Unavailable),
        ] {
            let failure = classify(&error, &"s/a");
            assert_eq!(failure.kind(), kind, "{error}");
            assert!(!failure.to_string().contains("secret text"), "{failure}");
        }
    }

    #[test]
    fn what_would_open_a_window_is_no_refusal() {
        let kind = |status| from_status(status, &"s/a").map(|failure| failure.kind());
        for (status, want) in [
            (-25308, Some(Kind::Unavailable)),
            (-25293, Some(Kind::AccessDenied)),
            (-25299, Some(Kind::AccessDenied)),
            (-25307, Some(Kind::Unavailable)),
            (-50, None),
        ] {
            assert_eq!(kind(status), want, "{status}");
        }
    }
}
