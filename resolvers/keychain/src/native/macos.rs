//! What keyring does not do on macOS: prevent windows, and unlock.

use secretref_protocol::{Failure, Kind};
use security_framework::os::macos::keychain::{SecKeychain, SecPreferencesDomain};

use super::classify::{from_status, unexplained};

/// Makes the system fail at once instead of asking a person in a window.
pub(super) fn open_no_window() -> Result<(), Failure> {
    // Dropping the guard would allow windows again.
    SecKeychain::disable_user_interaction().map(std::mem::forget).map_err(|_| {
        let what = "the system could not be told to open no window";
        Failure::new(Kind::Unavailable, what, "check that the keychain works in Keychain Access")
    })
}

/// Unlocks the keychain that keyring reads from.
pub(super) fn unlock(password: &str) -> Result<String, Failure> {
    let keychain = SecKeychain::default_for_domain(SecPreferencesDomain::User);
    match keychain.and_then(|mut keychain| keychain.unlock(Some(password))) {
        Ok(()) => Ok("the keychain is unlocked".to_owned()),
        // errSecAuthFailed
        Err(error) if error.code() == -25293 => Err(Failure::new(
            Kind::Unauthenticated,
            "wrong password for the keychain",
            "try again: it is usually the login password",
        )),
        Err(error) => {
            let what = "the keychain";
            Err(from_status(error.code(), &what).unwrap_or_else(|| unexplained(&what)))
        }
    }
}
