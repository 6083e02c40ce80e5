//! The failure for what a vault refuses, by status and by the codes in its answer.
//!
//! <https://learn.microsoft.com/azure/key-vault/general/rest-error-codes>

use std::net::IpAddr;
use std::time::Duration;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::RawResponse;
use azure_core::http::headers::RETRY_AFTER;
use secretref_protocol::{Failure, Kind, Retry, Stage};
use serde::Deserialize;

use crate::client::CHALLENGE;
use crate::locator::Locator;
use crate::read::REQUEST_ID;
use crate::session::Caller;
use crate::vault::Vault;

/// An action of a vault, and what it needs.
pub(crate) struct Action {
    /// What it does, after `may not`: `read`.
    verb: &'static str,
    /// The permission of an access policy.
    permission: &'static str,
    /// The role that has the right.
    role: &'static str,
}

pub(crate) const GET: Action = Action { verb: "read", permission: "get", role: "Key Vault Secrets User" };
pub(crate) const LIST: Action = Action { verb: "list", permission: "list", role: "Key Vault Secrets User" };
pub(crate) const SET: Action = Action { verb: "write", permission: "set", role: "Key Vault Secrets Officer" };
pub(crate) const DELETE: Action =
    Action { verb: "delete", permission: "delete", role: "Key Vault Secrets Officer" };

/// An action on a thing.
pub(crate) struct Attempt<'a> {
    action: &'a Action,
    /// The secret; `None` for all of the vault.
    locator: Option<&'a Locator>,
}

impl Action {
    /// The action on a secret.
    pub(crate) fn on<'a>(&'a self, locator: &'a Locator) -> Attempt<'a> {
        Attempt { action: self, locator: Some(locator) }
    }

    /// The action on all secrets of a vault.
    pub(crate) fn on_all(&self) -> Attempt<'_> {
        Attempt { action: self, locator: None }
    }
}

/// The body of an error.
#[derive(Deserialize)]
struct Body {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: String,
    #[serde(default)]
    message: String,
    innererror: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    code: String,
}

/// Returns the failure for an error of the SDK.
pub(crate) fn failure(caller: &Caller<'_>, error: &Error, vault: &Vault, attempt: &Attempt<'_>) -> Failure {
    if let Some(failure) = Failure::within(error) {
        return unreached(caller, failure.clone(), vault);
    }
    let response = match error.kind() {
        ErrorKind::HttpResponse { raw_response: Some(response), .. } => response,
        // An answer that is none of Key Vault's, such as a page whose link is no URL.
        ErrorKind::DataConversion => return stranger(vault),
        _ => return Failure::internal("an error of the SDK without an answer"),
    };
    let request = response.headers().get_optional_string(&REQUEST_ID);
    refused(caller, response, vault, attempt).request(request.as_deref())
}

/// Adds what a host without an address means for a vault.
fn unreached(caller: &Caller<'_>, failure: Failure, vault: &Vault) -> Failure {
    let steps = caller.run.steps();
    let is_look_up =
        steps.iter().any(|step| step.stage == Stage::LookUp && step.failure.as_ref() == Some(&failure));
    if !is_look_up || !vault.is_known() {
        return failure;
    }
    failure.hint(format!(
        "the vault {vault} may be deleted or misspelt, or it has only a private endpoint, whose DNS zone this machine does not \
         see"
    ))
}

fn refused(caller: &Caller<'_>, response: &RawResponse, vault: &Vault, attempt: &Attempt<'_>) -> Failure {
    let status = u16::from(response.status());
    let body = serde_json::from_slice::<Body>(response.body()).ok();
    let failure = match (status, &body) {
        (429, _) => Failure::new(
            Kind::RateLimited,
            format!("the vault {vault} limits the rate of requests (429)"),
            "try again later, spread the secrets over several vaults, or ask less often",
        )
        .with_retry(Retry::Soon),
        (500..=599, _) => Failure::unavailable(
            format!("the vault {vault} failed ({status})"),
            "try again later; if it continues, see the health of Azure in this region",
        ),
        (_, None) => return stranger(vault),
        (401, Some(_)) => unknown_token(caller, response, vault),
        (403, Some(body)) => forbidden(caller, &body.error, vault, attempt),
        (404, Some(_)) => missing(vault, attempt),
        (409, Some(_)) => conflict(attempt),
        (_, Some(body)) => Failure::unavailable(
            format!("the vault {vault} does not accept the request ({status}{})", code(&body.error)),
            "check `vault`; if it is right, please report this",
        )
        .with_retry(Retry::No),
    };
    match retry_after(response) {
        Some(pause) if failure.retry() != Retry::No => failure.with_retry(Retry::After(pause)),
        _ => failure,
    }
}

/// The code of an error for a message, if it is one word.
fn code(detail: &Detail) -> String {
    let is_word = detail.code.len() < 60 && detail.code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word { format!(", {}", detail.code) } else { String::new() }
}

fn retry_after(response: &RawResponse) -> Option<Duration> {
    let seconds = response.headers().get_optional_str(&RETRY_AFTER)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The failure for an answer that is not Key Vault's: one of a proxy or of a login portal.
pub(crate) fn stranger(vault: &Vault) -> Failure {
    Failure::unavailable(
        format!("the reply from {} is not from Key Vault", vault.origin()),
        "check `vault`, and the proxy in front of it",
    )
    .with_retry(Retry::No)
}

/// The failure for a page of a list that names another host as the next one, or one without TLS.
pub(crate) fn leads_away(vault: &Vault) -> Failure {
    Failure::unavailable(
        format!("{} links to another host or to http://, which is not followed", vault.origin()),
        "check `vault`, and the proxy in front of it",
    )
    .with_retry(Retry::No)
}

/// The failure for a token that the vault does not accept. Its challenge names the tenant that it trusts.
fn unknown_token(caller: &Caller<'_>, response: &RawResponse, vault: &Vault) -> Failure {
    let challenge = response.headers().get_optional_str(&CHALLENGE).unwrap_or_default();
    let unauthenticated = |what: String, remedy: String| Failure::new(Kind::Unauthenticated, what, remedy);
    let failure = match (tenant(challenge), caller.identity.tenant()) {
        (Some(wanted), Some(own)) if is_id(&own) && !wanted.eq_ignore_ascii_case(&own) => {
            return unauthenticated(
                format!("the vault {vault} belongs to the tenant {wanted}, and the token is from {own}"),
                format!("set `tenant_id` to {wanted}, with an identity of that tenant, or check `vault`"),
            );
        }
        _ => unauthenticated(
            format!("the vault {vault} does not accept the token of {}", caller.identity),
            "check this machine's clock, `cloud`, and that the vault belongs to the same tenant".to_owned(),
        ),
    };
    if caller.is_cached { failure.with_retry(Retry::Reauthenticate) } else { failure }
}

/// The tenant in `Bearer authorization="https://login.microsoftonline.com/TENANT", resource=…`.
fn tenant(challenge: &str) -> Option<&str> {
    let (_, rest) = challenge.split_once("authorization=\"")?;
    let (url, _) = rest.split_once('"')?;
    url.rsplit('/').next().filter(|tenant| is_id(tenant))
}

/// Whether it is the id of a tenant, and not one of its domains.
fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn forbidden(caller: &Caller<'_>, detail: &Detail, vault: &Vault, attempt: &Attempt<'_>) -> Failure {
    let Action { verb, permission, role } = attempt.action;
    let identity = caller.identity;
    let denied = |what: String, remedy: String| Failure::new(Kind::AccessDenied, what, remedy);
    let inner = detail.innererror.as_ref().map(|inner| inner.code.as_str());
    let who = identity.assignee();
    match (inner, attempt.locator) {
        (Some("SecretDisabled"), Some(locator)) => denied(
            format!("{locator} is disabled"),
            format!(
                "enable it: az keyvault secret set-attributes --vault-name {vault} --name {} --enabled true{}",
                locator.name,
                locator.version.as_ref().map(|version| format!(" --version {version}")).unwrap_or_default()
            ),
        ),
        (Some("ForbiddenByRbac"), _) => denied(
            format!("no role lets {identity} {verb} secrets of the vault {vault}"),
            format!(
                "assign one: az role assignment create --role '{role}' --assignee {who} --scope $(az keyvault show --name {vault} \
                 --query id -o tsv); an assignment can take ten minutes to count"
            ),
        ),
        (Some("AccessDenied" | "ForbiddenByPolicy"), _) => denied(
            format!(
                "no access policy of the vault {vault} gives {identity} the permission `{permission}` on secrets"
            ),
            format!(
                "add it: az keyvault set-policy --name {vault} --spn {who} --secret-permissions {permission}"
            ),
        ),
        (Some("ForbiddenByFirewall"), _) => {
            let address = address_in(&detail.message);
            let from = address.map(|address| format!(", {address}")).unwrap_or_default();
            let rule = address.map_or_else(|| "ADDRESS".to_owned(), |address| address.to_string());
            denied(
                format!("the firewall of the vault {vault} does not allow this machine's address{from}"),
                format!(
                    "allow it: az keyvault network-rule add --name {vault} --ip-address {rule}; or use a private endpoint"
                ),
            )
        }
        (Some("ForbiddenByConnection"), _) => denied(
            format!("the vault {vault} accepts connections from its private endpoint only"),
            "connect from its network, and check that this machine resolves the vault to the private address"
                .to_owned(),
        ),
        _ => denied(
            format!("the vault {vault} does not let {identity} {verb} secrets (403{})", code(detail)),
            format!(
                "assign the role {role}, or the permission `{permission}`, to {who}, and check the vault's network rules"
            ),
        ),
    }
}

/// The first IP address in a text.
fn address_in(text: &str) -> Option<IpAddr> {
    let is_of_address = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let words = text.split(|c: char| !is_of_address(c));
    words
        .map(|word| word.trim_matches('.'))
        .filter(|word| word.len() > 2)
        .find_map(|word| word.parse().ok().or_else(|| word.trim_end_matches(':').parse().ok()))
}

fn missing(vault: &Vault, attempt: &Attempt<'_>) -> Failure {
    let Some(locator) = attempt.locator else {
        return Failure::not_found(format!("the vault {vault} does not know this request"), "check `vault`");
    };
    let name = &locator.name;
    match &locator.version {
        Some(version) => Failure::not_found(
            format!("there is no version {version} of {locator}"),
            format!(
                "leave the version out for the newest; az keyvault secret list-versions --vault-name {vault} --name {name} shows \
                 all"
            ),
        ),
        None => Failure::not_found(
            format!("there is no secret {locator}"),
            format!(
                "check the name and `vault`; if it was deleted, az keyvault secret recover --vault-name {vault} --name {name} \
                 brings it back"
            ),
        ),
    }
}

fn conflict(attempt: &Attempt<'_>) -> Failure {
    let Some(locator) = attempt.locator else {
        return Failure::unavailable("the vault is being changed", "try again");
    };
    Failure::invalid_value(
        format!("{locator} is deleted and can be recovered, so nothing can be written to it"),
        format!(
            "recover it first: az keyvault secret recover --vault-name {} --name {}",
            locator.vault, locator.name
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_a_tenant() {
        let id = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        let challenge = format!(
            "Bearer authorization=\"https://login.windows.net/{id}\", resource=\"https://vault.azure.net\""
        );
        assert_eq!(tenant(&challenge), Some(id));
        assert_eq!(tenant("Bearer authorization=\"https://login.windows.net/<b>\""), None);
        assert_eq!(tenant(""), None);
    }

    #[test]
    fn the_address_to_allow_is_in_the_message() {
        let of = |text: &str| address_in(text).map(|address| address.to_string());
        let said = "Client address is not authorized and caller is not a trusted service.\r\nClient address: 20.1.2.3\r\nCaller: \
                    appid=1234";
        assert_eq!(of(said).as_deref(), Some("20.1.2.3"));
        assert_eq!(of("Client address: 2001:db8::1.").as_deref(), Some("2001:db8::1"));
        assert_eq!(of("Caller: appid=00000000-0000"), None);
    }
}
