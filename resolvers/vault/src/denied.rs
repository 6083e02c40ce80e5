//! What it means that a token may not do something: 403.

use secretref_protocol::{Failure, Kind};

use crate::locator::{Kv, Locator};
use crate::session::Standing;

/// What is easily overlooked in an id.
pub(crate) const LAST_SEGMENT: &str = "without a # the last segment of an id is its field";

/// What was not allowed.
pub(crate) struct Denied {
    /// What the token wanted to do: `read`.
    act: &'static str,
    /// What with.
    thing: String,
    /// What a policy must grant, and on which path: `` `read` on secret/data/a ``.
    grant: String,
    /// What else to look at.
    check: String,
}

impl Denied {
    /// Refused to `act` on a secret, for which a policy must grant these `capabilities`.
    pub(crate) fn secret(act: &'static str, capabilities: &str, locator: &Locator, kv: Kv) -> Self {
        Self {
            act,
            thing: locator.to_string(),
            grant: format!("{capabilities} on {}", locator.policy_path(kv)),
            check: format!("`mount` and the id: {LAST_SEGMENT}"),
        }
    }

    /// Refused to list a folder.
    pub(crate) fn folder(thing: String, path: &str) -> Self {
        let check = "`mount`; a folder that it may list can be named: list providers/".to_owned();
        Self { act: "list", thing, grant: format!("`list` on {path}"), check }
    }

    /// The failure, by what the server thinks of the token.
    pub(crate) fn failure(&self, standing: &Standing) -> Failure {
        let Self { act, thing, grant, check } = self;
        let grant = format!("grant {grant} in one of its policies, or check {check}");
        let (what, remedy) = match standing {
            Standing::Valid(looked) => {
                let policies = looked.as_ref().map(|looked| looked.all_policies().join(", "));
                let policies = policies.filter(|policies| !policies.is_empty());
                let policies =
                    policies.map(|policies| format!("; its policies are {policies}")).unwrap_or_default();
                (format!("the token may not {act} {thing}{policies}"), grant)
            }
            Standing::Unknown | Standing::Unclear => (
                format!(
                    "the server refuses {thing}, and does not say whether for the token or for its policies"
                ),
                format!("check that the token is valid, and {grant}"),
            ),
        };
        Failure::new(Kind::AccessDenied, what, remedy)
    }
}
