//! Reads up to 20 secrets with one request. A batch has only the newest version of each.

use std::collections::BTreeSet;

use aws_sdk_secretsmanager::operation::RequestId as _;
use aws_sdk_secretsmanager::operation::batch_get_secret_value::BatchGetSecretValueOutput;
use aws_sdk_secretsmanager::types::ApiErrorType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use secretref_aws_credentials::Refusal;
use secretref_protocol::{Document, Failure, FetchSink, request_id};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::answer::{Answer, Binary};
use crate::arn::Arn;
use crate::locator::{Locator, SecretId};
use crate::refusal::{Call, is_denied, known, of_refusal};
use crate::session::Session;

/// The most secrets of one batch.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html>
pub(crate) const SIZE: usize = 20;

/// Reads a batch, with one request for each page. Settles the secrets that the answers are about, and returns the others,
/// which must be read alone.
pub(crate) async fn read<'l>(
    session: &Session,
    batch: Vec<&'l Locator>,
    sink: &FetchSink<'_, Locator>,
) -> Vec<&'l Locator> {
    // The id of a gateway and an entry of [ids] may be one secret.
    let ids: BTreeSet<_> = batch.iter().map(|locator| locator.secret.to_string()).collect();
    let pages = batch.len();
    let (mut left, mut token) = (batch, None);
    for _ in 0..pages {
        let request =
            session.client().batch_get_secret_value().set_secret_id_list(Some(ids.iter().cloned().collect()));
        match request.set_next_token(token).send().await {
            Ok(output) => {
                token = output.next_token.clone().filter(|next| !next.is_empty());
                let page = Page::new(output);
                let call = session.call("GetSecretValue", None);
                let before = left.len();
                left.retain(|locator| match page.outcome(locator, session.binary(), &call) {
                    Some(outcome) => {
                        sink.settle(locator, outcome);
                        false
                    }
                    None => true,
                });
                if left.len() == before {
                    break;
                }
            }
            // One entry that the SDK cannot read makes it refuse the whole answer.
            Err(error) if is_batch(&error) => return left,
            Err(error) => return refused(session, Refusal::of(&error), left, sink).await,
        }
        if token.is_none() || left.is_empty() {
            break;
        }
    }
    left
}

/// Whether the answer that the SDK does not accept is one to a batch.
fn is_batch<E>(error: &SdkError<E, HttpResponse>) -> bool {
    #[derive(Deserialize)]
    struct Batch {
        #[serde(rename = "SecretValues")]
        _values: Vec<IgnoredAny>,
    }
    error.raw_response().is_some_and(|response| {
        let body = response.body().bytes().unwrap_or_default();
        response.status().as_u16() == 200 && serde_json::from_slice::<Batch>(body).is_ok()
    })
}

/// Settles the secrets of a batch that was refused as a whole. Returns them instead if each alone may have another answer.
async fn refused<'l>(
    session: &Session,
    refusal: Result<Refusal, Failure>,
    left: Vec<&'l Locator>,
    sink: &FetchSink<'_, Locator>,
) -> Vec<&'l Locator> {
    let call = session.call("BatchGetSecretValue", None);
    let (is_unknown, failure) = match refusal {
        Ok(refusal) => {
            if refusal.code.as_deref().is_some_and(is_denied) {
                session.batch_is_denied().await;
            }
            (known(&refusal, &call).is_none(), of_refusal(&refusal, &call))
        }
        Err(failure) => (false, failure),
    };
    // Not allowed, too long an answer, a name that is not valid, or a server without this action.
    let is_of_batch = is_unknown || failure.kind().is_of_id();
    for locator in &left {
        if is_of_batch {
            sink.note(locator, &failure);
        } else {
            sink.settle(locator, Err(failure.clone()));
        }
    }
    if is_of_batch { left } else { Vec::new() }
}

/// One answer to a batch.
pub(crate) struct Page {
    answers: Vec<Answer>,
    errors: Vec<ApiErrorType>,
    request: Option<String>,
}

impl Page {
    pub(crate) fn new(output: BatchGetSecretValueOutput) -> Self {
        let request = output.request_id().and_then(request_id);
        let values = output.secret_values.into_iter().flatten();
        let answers = values.filter_map(|entry| Answer::from_entry(entry, request.clone())).collect();
        Self { answers, errors: output.errors.unwrap_or_default(), request }
    }

    /// What the page says about a secret; `None` if it says nothing, or an error that is not known. A name and an ARN may
    /// be the same secret.
    pub(crate) fn outcome(
        &self,
        locator: &Locator,
        binary: Binary,
        call: &Call<'_>,
    ) -> Option<Result<Document, Failure>> {
        if let Some(answer) = self.answers.iter().find(|answer| answer.is_of(locator)) {
            return Some(answer.document(locator, binary));
        }
        let error = self.errors.iter().find(|error| is_about(error, locator))?;
        let refusal = Refusal {
            status: 200,
            code: Some(error.error_code()?.to_owned()),
            request: self.request.clone(),
            skew: None,
            retry_after: None,
        };
        known(&refusal, &Call { locator: Some(locator), ..*call }).map(Err)
    }
}

/// Whether an error of a batch is about this secret. It repeats what was asked for, or has the ARN.
fn is_about(error: &ApiErrorType, locator: &Locator) -> bool {
    let Some(id) = error.secret_id() else { return false };
    let is_arn_of = |arn: &Arn| match &locator.secret {
        SecretId::Name(name) => arn.region == locator.scope.region && arn.name() == Some(name),
        SecretId::Arn(asked) => asked.names(arn),
    };
    id == locator.secret.to_string() || Arn::parse(id).is_ok_and(|arn| is_arn_of(&arn))
}
