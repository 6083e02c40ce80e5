//! Who a token is for, in messages.

use std::fmt;

use secretref_protocol::Secret;

use crate::token_status::{Claims, is_plain};

/// Who signed in.
pub(crate) struct Identity {
    /// `the service principal`, or `the managed identity`.
    kind: &'static str,
    claims: Claims,
    /// The client id and the tenant in the settings.
    client: Option<String>,
    tenant: Option<String>,
}

impl Identity {
    pub(super) fn new(
        kind: &'static str,
        token: &Secret,
        client: Option<&str>,
        tenant: Option<&str>,
    ) -> Self {
        Self {
            kind,
            claims: Claims::of(token),
            client: client.map(str::to_owned),
            tenant: tenant.map(str::to_owned),
        }
    }

    /// One that only the token tells.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn unknown(token: &Secret) -> Self {
        Self::new("the service principal", token, None, None)
    }

    /// The tenant that issued the token.
    pub(crate) fn tenant(&self) -> Option<String> {
        let own = self.claims.tid.as_ref().filter(|tid| is_plain(tid));
        own.or(self.tenant.as_ref()).cloned()
    }

    /// What `--assignee` and `--spn` of `az` take.
    pub(crate) fn assignee(&self) -> String {
        let claimed = self.claims.oid.as_ref().or(self.claims.appid.as_ref());
        let claimed = claimed.filter(|id| is_plain(id));
        self.client.as_ref().or(claimed).cloned().unwrap_or_else(|| "CLIENT_ID".to_owned())
    }
}

/// `the service principal 11112222-bbbb-3333-cccc-4444dddd5555`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claimed = self.claims.appid.as_ref().filter(|id| is_plain(id));
        match self.client.as_ref().or(claimed) {
            Some(client) => write!(f, "{} {client}", self.kind),
            None => f.write_str(self.kind),
        }
    }
}
