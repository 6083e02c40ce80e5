//! Sign-in: a file for each method, and which one it is.

mod token;

use secretref_protocol::{Failure, Secret, Settings};

/// What the store is shown with each request.
pub(crate) struct Credential {
    pub(crate) token: Secret,
    /// Where it came from, for a message.
    pub(crate) origin: String,
}

impl Credential {
    /// Finds the credential that the settings name, or, without `auth`, the first token that there is.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failure> {
        let found = match settings.text("auth") {
            Some("token") => token::given(settings)?,
            Some("token_file") => token::of_file(settings)?,
            _ => token::first(settings)?,
        };
        token::checked(found)
    }
}
