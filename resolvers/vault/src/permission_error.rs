//! The failure for an action that a token may not do (403).

use secretref_protocol::{Failure, Kind};

use crate::locator::{COLON, Kv, Locator};
use crate::token_status::TokenStatus;

/// A hint about ids that is easily overlooked.
pub(crate) const LAST_SEGMENT: &str = "without a # the last segment of an id is its field";

/// An action that was not allowed.
pub(crate) struct PermissionError {
    /// The action: `read`.
    act: &'static str,
    /// The secret or folder.
    thing: String,
    /// What a policy must grant, on which path, and what else to check.
    remedy: String,
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
        let grant = format!("grant {capabilities} on {} in one of its policies", locator.policy_path(kv));
        let grant = if is_guess {
            format!("{grant} (with KV version 1: on {})", locator.policy_path(Kv::V1))
        } else {
            grant
        };
        let kv_version = if is_guess { ", `kv_version`" } else { "" };
        let check = format!("check {}{kv_version} and the id: {LAST_SEGMENT}", locator.check_mount());
        let remedy = match locator.surplus(kv) {
            Some(surplus) => format!("{surplus}; else {grant}"),
            None if !is_mount_hidden => format!("{grant}, or {check}"),
            None if locator.mount.is_default => format!("{check}; else {grant}"),
            None => format!("{check}; {COLON}; else {grant}"),
        };
        Self { act, thing: locator.to_string(), remedy }
    }

    /// The token may not list a folder. `is_all` says that the folder is the whole mount.
    pub(crate) fn folder(thing: String, path: &str, is_all: bool) -> Self {
        let part = if is_all { "; a folder that it may list can be named: list providers/" } else { "" };
        let remedy = format!("grant `list` on {path} in one of its policies, or check `mount`{part}");
        Self { act: "list", thing, remedy }
    }

    /// The failure, given the status of the token.
    pub(crate) fn failure(&self, status_of_token: &TokenStatus) -> Failure {
        let Self { act, thing, remedy } = self;
        let (what, remedy) = match status_of_token {
            TokenStatus::Valid(looked) => {
                let policies = looked.as_ref().map(|looked| looked.all_policies().join(", "));
                let policies = policies.filter(|policies| !policies.is_empty());
                let policies =
                    policies.map(|policies| format!("; its policies are {policies}")).unwrap_or_default();
                (format!("the token may not {act} {thing}{policies}"), remedy.clone())
            }
            TokenStatus::Unknown | TokenStatus::Unclear => (
                format!(
                    "access to {thing} denied: the token may be invalid, or its policies do not allow it"
                ),
                format!("check that the token is valid, and {remedy}"),
            ),
        };
        Failure::new(Kind::AccessDenied, what, remedy)
    }
}
