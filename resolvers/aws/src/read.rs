//! Reads secrets of one region: one alone, or several at once.

use aws_sdk_secretsmanager::Client;
use futures_util::future::join_all;
use secretref_protocol::{Document, Failure, FetchSink};

use crate::answer::{Answer, another};
use crate::batch;
use crate::locator::{Locator, Version};
use crate::refusal::{Call, failure, not_aws};
use crate::session::Session;

/// Reads secrets, and settles each in `sink`.
pub(crate) async fn fetch(session: &Session, locators: &[Locator], sink: &FetchSink<'_, Locator>) {
    let mut allowed = Vec::with_capacity(locators.len());
    for locator in locators {
        match session.check_account(locator).await {
            Ok(()) => allowed.push(locator),
            Err(failure) => sink.settle(locator, Err(failure)),
        }
    }
    let left = if allowed.len() > 1 && session.may_batch() {
        batch::read(session, allowed, sink).await
    } else {
        allowed
    };
    let reads = left.into_iter().map(async |locator| sink.settle(locator, read(session, locator).await));
    join_all(reads).await;
}

/// Reads one version of one secret.
pub(crate) async fn read(session: &Session, locator: &Locator) -> Result<Document, Failure> {
    answer(session, locator).await?.document(locator, session.binary())
}

/// Reads one version of one secret, and returns it with its version.
pub(crate) async fn answer(session: &Session, locator: &Locator) -> Result<Answer, Failure> {
    ask(session.client(), locator, &session.call("GetSecretValue", Some(locator))).await
}

/// Sends one read, and compares what is returned with what was asked for.
pub(crate) async fn ask(client: &Client, locator: &Locator, call: &Call<'_>) -> Result<Answer, Failure> {
    let request = client.get_secret_value().secret_id(locator.secret.to_string());
    let request = match &locator.version {
        Version::Current => request,
        Version::Stage(stage) => request.version_stage(stage),
        Version::Id(id) => request.version_id(id),
    };
    let output = request.send().await.map_err(|error| failure(&error, call))?;
    let answer = Answer::from_output(output).ok_or_else(|| not_aws(call.place, 200))?;
    if answer.is_of(locator) { Ok(answer) } else { Err(another(call.place, locator)) }
}
