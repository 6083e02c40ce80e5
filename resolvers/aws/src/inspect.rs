//! What `doctor` reports of a session: whose it is, and what it may do.

use secretref_protocol::{Failure, Run, Stage};

use crate::session::Session;

/// Asks STS whose the credentials are, and Secrets Manager whether they may read in batches.
pub(crate) async fn inspect(session: &Session, run: &Run) -> Result<(), Failure> {
    let note = |fact: String| run.fact(Stage::SignIn, fact);
    note(format!("region {}, endpoint {}", session.scope().region, session.place()));
    let caller = session.caller().await?;
    run.redact("account", caller.account.as_str());
    run.redact("caller", caller.arn.as_str());
    note(format!("signed in as {}", caller.arn));
    Ok(())
}
