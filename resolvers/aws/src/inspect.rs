//! What `doctor` reports of a session: whose it is, until when, and whether it may read in batches.

use std::time::{Duration, SystemTime};

use secretref_aws_credentials::Refusal;
use secretref_protocol::{Failure, Run, Stage};

use crate::refusal::{is_denied, of_refusal};
use crate::session::Session;

/// A name for a batch that reads nothing. A secret of this name would not be shown either.
const NO_SECRET: &str = "secretref-doctor";

/// Asks STS whose the credentials are, and Secrets Manager whether they may read in batches.
pub(crate) async fn inspect(session: &Session, run: &Run) -> Result<(), Failure> {
    let note = |fact: String| run.fact(Stage::SignIn, fact);
    note(format!("region {}, endpoint {}", session.scope().region, session.place()));
    if let Some(end) = session.credentials().expires() {
        note(format!(
            "the credentials expire in {}",
            span(end.duration_since(SystemTime::now()).unwrap_or_default())
        ));
    }
    let caller = session.caller().await?;
    run.redact("account", caller.account.as_str());
    run.redact("caller", caller.arn.as_str());
    note(format!("signed in as {}", caller.arn));
    note(batches(session).await?.to_owned());
    Ok(())
}

/// Whether the credentials may read in batches, in words.
async fn batches(session: &Session) -> Result<&'static str, Failure> {
    let sent = session.client().batch_get_secret_value().secret_id_list(NO_SECRET).send().await;
    let Err(error) = sent else { return Ok("may read 20 secrets with one request") };
    let refusal = Refusal::of(&error)?;
    if refusal.code.as_deref().is_some_and(is_denied) {
        return Ok(
            "may not read in batches, so each secret is a request: allow secretsmanager:BatchGetSecretValue on *",
        );
    }
    let failure = of_refusal(&refusal, &session.call("BatchGetSecretValue", None));
    if failure.kind().is_of_id() { Ok("batches are not known") } else { Err(failure) }
}

/// A time in minutes or hours.
fn span(time: Duration) -> String {
    match time.as_secs() / 60 {
        minutes @ ..120 => format!("{minutes} min"),
        minutes => format!("{} h", minutes / 60),
    }
}
