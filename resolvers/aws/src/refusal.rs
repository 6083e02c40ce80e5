//! What Secrets Manager answers instead of a secret, as a failure. Its kind comes from the code of an error, never from its
//! text: the text can have names, and so can the `Debug` of an SDK's error.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use secretref_aws_credentials::Refusal;
use secretref_protocol::{Failure, Kind, Retry, request_id, shell_word};

use crate::locator::{Locator, SecretId};

/// The pause after a throttled request if Secrets Manager names none: it counts requests by the second.
const PAUSE: Duration = Duration::from_millis(200);

/// A request that was refused.
#[derive(Clone, Copy)]
pub(crate) struct Call<'c> {
    /// The action, as IAM calls it without `secretsmanager:`.
    pub(crate) action: &'static str,
    /// What it was about; `None` if it was about all secrets.
    pub(crate) locator: Option<&'c Locator>,
    /// The server, for a message.
    pub(crate) place: &'c dyn Display,
    pub(crate) signer: Signer<'c>,
}

/// The credentials that a request was signed with.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'c> {
    /// Where they are from, for a message.
    pub(crate) origin: &'c str,
    /// Where to correct the secret access key, if it is written somewhere.
    pub(crate) key: Option<&'c str>,
    /// Whether they are cached ones, which new ones can replace.
    pub(crate) is_kept: bool,
}

/// The failure for an error of the SDK.
pub(crate) fn failure<E>(error: &SdkError<E, HttpResponse>, call: &Call<'_>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    Refusal::of(error).map_or_else(|failure| failure, |refusal| of_refusal(&refusal, call))
}

/// The failure for an error that was answered.
pub(crate) fn of_refusal(refusal: &Refusal, call: &Call<'_>) -> Failure {
    known(refusal, call).unwrap_or_else(|| {
        let code = refusal.code.as_deref().and_then(request_id);
        unexpected(code.as_deref().unwrap_or("an unknown error"), call).request(refusal.request.as_deref())
    })
}

/// The failure for an error that Secrets Manager is known to answer with.
///
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html>
pub(crate) fn known(refusal: &Refusal, call: &Call<'_>) -> Option<Failure> {
    let failure = match refusal.code.as_deref() {
        Some("ResourceNotFoundException") => absent(call),
        Some("InvalidRequestException") => not_now(call)?,
        Some("DecryptionFailure") => by_kms("decrypt", call),
        Some("EncryptionFailure") => by_kms("encrypt", call),
        Some("InvalidParameterException" | "ValidationException") => invalid(call),
        Some("LimitExceededException") => too_many(call),
        Some("InternalServiceError") => broken(refusal, call),
        Some(code) if is_denied(code) => denied(call),
        None if refusal.status != 429 => stranger(refusal, call),
        _ => common(refusal, call)?,
    };
    Some(failure.request(refusal.request.as_deref()))
}

/// Whether the code says that an action is not allowed.
pub(crate) fn is_denied(code: &str) -> bool {
    matches!(code, "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation")
}

/// The failure for an error of every service of AWS.
fn common(refusal: &Refusal, call: &Call<'_>) -> Option<Failure> {
    let failure = refusal.common(&call.place.to_string(), (call.signer.origin, call.signer.key))?;
    Some(match failure.kind() {
        Kind::RateLimited => failure.with_retry(Retry::After(refusal.retry_after.unwrap_or(PAUSE))),
        // The SDK has learned the time from the answer, and signs the next request with it.
        Kind::Unauthenticated if refusal.skew.is_some() => {
            failure.with_retry(Retry::Once(Duration::from_millis(1)))
        }
        Kind::Unauthenticated if call.signer.is_kept => failure.with_retry(Retry::Reauthenticate),
        _ => later(failure, refusal),
    })
}

/// The same failure, with the pause that the server asks for.
fn later(failure: Failure, refusal: &Refusal) -> Failure {
    match refusal.retry_after {
        Some(pause) if failure.retry() != Retry::No => failure.with_retry(Retry::After(pause)),
        _ => failure,
    }
}

/// `prod/db in eu-west-1`, or `the secrets of this region`.
fn thing(call: &Call<'_>) -> String {
    call.locator.map_or_else(|| "the secrets of this region".to_owned(), Locator::to_string)
}

fn absent(call: &Call<'_>) -> Failure {
    let (what, remedy) = match call.locator {
        Some(locator) if locator.version.named().is_some() => (
            format!("there is no secret {}, or it has no such version", thing(call)),
            format!("check the name and the region; to see the versions: {}", versions(locator)),
        ),
        Some(Locator { secret: SecretId::Arn(_), .. }) => (
            format!("there is no secret {}, or it has no value yet", thing(call)),
            "check the ARN and the region; write the whole ARN: AWS does not find a part of it if the name ends in a dash \
             and six characters, or if the secret is of another account"
                .to_owned(),
        ),
        _ => (
            format!("there is no secret {}, or it has no value yet", thing(call)),
            "check the name and the region, or store it with `set`; a secret of another account needs its whole ARN"
                .to_owned(),
        ),
    };
    Failure::not_found(what, remedy)
}

/// A read has one cause: the secret is about to be deleted. A change has others, too.
fn not_now(call: &Call<'_>) -> Option<Failure> {
    let locator = call.locator?;
    let restore = format!("to restore it: {}", restore(locator));
    let marked = format!("{locator} is marked for deletion");
    Some(match call.action {
        _ if call.reads() => Failure::not_found(marked, restore),
        "CreateSecret" => name_is_marked(locator),
        _ => Failure::invalid_value(
            format!("{marked}, or another service of AWS manages it; nothing was changed"),
            restore,
        ),
    })
}

/// The failure for a new secret with the name of one that is marked for deletion.
pub(crate) fn name_is_marked(locator: &Locator) -> Failure {
    Failure::invalid_value(
        format!(
            "{locator} is marked for deletion, and until then no new secret can have its name; nothing was changed"
        ),
        format!("to restore it: {}; to delete it at once: {}", restore(locator), delete_at_once(locator)),
    )
}

/// The command that cancels the deletion of a secret.
pub(crate) fn restore(locator: &Locator) -> String {
    command("restore-secret", locator)
}

/// The command that ends the wait of a secret that is marked for deletion.
fn delete_at_once(locator: &Locator) -> String {
    format!("{} --force-delete-without-recovery", command("delete-secret", locator))
}

/// The command that shows the versions of a secret.
fn versions(locator: &Locator) -> String {
    command("list-secret-version-ids", locator)
}

fn command(verb: &str, locator: &Locator) -> String {
    let (region, id) = (&locator.scope.region, locator.secret.to_string());
    format!("aws secretsmanager {verb} --region {region} --secret-id {}", shell_word(&id))
}

fn by_kms(act: &str, call: &Call<'_>) -> Failure {
    let action = if act == "decrypt" { "kms:Decrypt" } else { "kms:GenerateDataKey and kms:Decrypt" };
    Failure::new(
        Kind::AccessDenied,
        format!("KMS did not {act} {}", thing(call)),
        format!(
            "check that the KMS key of the secret is enabled, and allow {action} on it to this user or role"
        ),
    )
}

fn invalid(call: &Call<'_>) -> Failure {
    if call.reads() {
        let what = format!("Secrets Manager does not accept the name or the version of {}", thing(call));
        return Failure::invalid_id(what, "write them as the console shows them");
    }
    Failure::invalid_value(
        format!("Secrets Manager does not accept the change to {}; nothing was changed", thing(call)),
        "check the name, and that the value is not longer than 65536 bytes",
    )
}

fn too_many(call: &Call<'_>) -> Failure {
    Failure::invalid_value(
        format!("{} would exceed a quota of Secrets Manager; nothing was changed", thing(call)),
        "delete a secret or a version, or raise the quota of the account",
    )
}

fn denied(call: &Call<'_>) -> Failure {
    let (action, resource) = (call.action, call.locator.map_or("*".to_owned(), Locator::policy_resource));
    let kms = match action {
        "GetSecretValue" => "; a secret with a KMS key of its own needs kms:Decrypt on that key, too",
        "PutSecretValue" | "CreateSecret" => {
            "; a secret with a KMS key of its own needs kms:GenerateDataKey and kms:Decrypt on that key, too"
        }
        _ => "",
    };
    Failure::new(
        Kind::AccessDenied,
        format!(
            "the credentials of {} do not allow secretsmanager:{action} on {}",
            call.signer.origin,
            thing(call)
        ),
        format!("allow secretsmanager:{action} on {resource} in a policy of the user or role{kms}"),
    )
}

fn broken(refusal: &Refusal, call: &Call<'_>) -> Failure {
    let what = format!("{} cannot answer now ({})", call.place, refusal.status);
    later(Failure::unavailable(what, "try again later"), refusal)
}

fn unexpected(code: &str, call: &Call<'_>) -> Failure {
    let what = format!("{} refuses {} for {}: {code}", call.place, call.action, thing(call));
    Failure::unavailable(
        what,
        "check `endpoint_url`, and look the error up in the reference of Secrets Manager",
    )
    .with_retry(Retry::No)
}

/// The failure for an answer that is not one of Secrets Manager, but of a proxy, a portal or another server.
fn stranger(refusal: &Refusal, call: &Call<'_>) -> Failure {
    let failure = not_aws(call.place, refusal.status);
    if refusal.status >= 500 { later(failure.with_retry(Retry::Soon), refusal) } else { failure }
}

/// The failure for an answer with this status that is not one of Secrets Manager.
pub(crate) fn not_aws(place: &dyn Display, status: u16) -> Failure {
    let status = if status == 200 { String::new() } else { format!(" ({status})") };
    Failure::unavailable(
        format!("the reply from {place} is not from AWS Secrets Manager{status}"),
        "check `endpoint_url` and `region`, and the proxy in front of it",
    )
    .with_retry(Retry::No)
}

impl Call<'_> {
    /// Whether it changes nothing.
    fn reads(&self) -> bool {
        ["Get", "BatchGet", "Describe", "List"].iter().any(|verb| self.action.starts_with(verb))
    }
}
