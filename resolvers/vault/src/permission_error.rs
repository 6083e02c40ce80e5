//! The failure for an action that a token may not do (403).

use secretref_protocol::{Failure, Kind};

use crate::locator::{COLON, Kv, Locator};
use crate::token_status::{TokenDetails, TokenStatus};

/// A hint about ids that is easily overlooked.
pub(crate) const LAST_SEGMENT: &str = "without a # the last segment of an id is its field";

/// An action that was not allowed.
pub(crate) struct PermissionError {
    /// The action: `read`.
    act: &'static str,
    /// The secret or folder.
    thing: String,
    /// What a policy must grant, on which path.
    grant: String,
    /// The same with KV version 1, if the version is a guess.
    alternative: String,
    /// What else to check.
    check: Check,
}

/// What to check apart from the policies.
enum Check {
    /// Probably not the cause.
    Last(String),
    /// Probably the cause.
    First(String),
}

impl PermissionError {
    /// The token may not `act` on a secret; `capabilities` are what a policy must grant. If the token has no rights in a mount
    /// at all, the server answers as if the mount did not exist.
    pub(crate) fn secret(
        act: &'static str,
        capabilities: &str,
        locator: &Locator,
        (kv, is_mount_hidden): (Kv, bool),
    ) -> Self {
        let is_guess = is_mount_hidden && locator.mount.kv.is_none();
        let kv_version = if is_guess { ", `kv_version`" } else { "" };
        let check = format!("check {}{kv_version} and the id: {LAST_SEGMENT}", locator.check_mount());
        Self {
            act,
            thing: locator.to_string(),
            grant: format!("grant {capabilities} on {}", locator.policy_path(kv)),
            alternative: if is_guess {
                format!(" (with KV version 1: on {})", locator.policy_path(Kv::V1))
            } else {
                String::new()
            },
            check: match locator.surplus(kv) {
                Some(surplus) => Check::First(surplus),
                None if !is_mount_hidden => Check::Last(check),
                None if locator.mount.is_default => Check::First(check),
                None => Check::First(format!("{check}; {COLON}")),
            },
        }
    }

    /// The token may not list a folder. `is_all` says that the folder is the whole mount.
    pub(crate) fn folder(thing: String, path: &str, is_all: bool) -> Self {
        let part = if is_all { "; a folder that it may list can be named: list providers/" } else { "" };
        Self {
            act: "list",
            thing,
            grant: format!("grant `list` on {path}"),
            alternative: String::new(),
            check: Check::Last(format!("check `mount`{part}")),
        }
    }

    /// What to do. A gateway only reads, so its policy should not grant more.
    fn remedy(&self, policies: &[&str]) -> String {
        let own = if self.act == "read" { "" } else { "use a token with more rights than a gateway's, or " };
        let place = if !policies.is_empty() && policies.iter().all(|policy| *policy == "default") {
            "in another policy of its role or token: every token has `default`"
        } else {
            "in one of its policies"
        };
        let grant = format!("{own}{} {place}{}", self.grant, self.alternative);
        match &self.check {
            Check::Last(check) => format!("{grant}, or {check}"),
            Check::First(check) => format!("{check}; else {grant}"),
        }
    }

    /// The failure, given the status of the token.
    pub(crate) fn failure(&self, status_of_token: &TokenStatus) -> Failure {
        let Self { act, thing, .. } = self;
        let (what, remedy) = match status_of_token {
            TokenStatus::Valid(looked) => {
                let policies = looked.as_ref().map(TokenDetails::all_policies).unwrap_or_default();
                let its = if policies.is_empty() { "" } else { "; its policies are " };
                (
                    format!("the token may not {act} {thing}{its}{}", policies.join(", ")),
                    self.remedy(&policies),
                )
            }
            TokenStatus::Unknown | TokenStatus::Unclear => (
                format!(
                    "access to {thing} denied: the token may be invalid, or its policies do not allow it"
                ),
                format!("check that the token is valid, and {}", self.remedy(&[])),
            ),
        };
        Failure::new(Kind::AccessDenied, what, remedy)
    }
}
