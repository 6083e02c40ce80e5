//! What the server thinks of a token.

use serde::Deserialize;

/// What the server thinks of the token.
#[derive(Debug, Clone)]
pub(crate) enum TokenStatus {
    /// It is valid; and what there is to know of it, if it may look.
    Valid(Option<TokenDetails>),
    /// It is unknown: expired, revoked, used up, or never issued here.
    Unknown,
    /// The server did not say.
    Unclear,
}

/// What a token may know of itself.
/// <https://developer.hashicorp.com/vault/api-docs/auth/token#lookup-a-token-self>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TokenDetails {
    policies: Vec<String>,
    /// Those of its identity, on top.
    identity_policies: Option<Vec<String>>,
    /// How many seconds it still holds; nothing for one that never ends.
    #[serde(default)]
    pub(crate) ttl: u64,
    /// How many more requests it is good for; nothing for any number.
    #[serde(default)]
    pub(crate) num_uses: u64,
    #[serde(default)]
    pub(crate) renewable: bool,
}

impl TokenDetails {
    pub(crate) fn all_policies(&self) -> Vec<&str> {
        self.policies.iter().chain(self.identity_policies.iter().flatten()).map(String::as_str).collect()
    }
}
