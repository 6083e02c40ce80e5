//! A secret as Secrets Manager returns it. It is compared with what was asked for before it becomes a document.

use std::fmt::Display;

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::types::SecretValueEntry;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::{Blob, DateTime};
use aws_types::request_id::RequestId as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secretref_protocol::{Document, Failure, Metadata, Retry, Secret, request_id};

use crate::arn::Arn;
use crate::locator::{Locator, Version};

/// How a binary secret becomes text: the setting `binary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    /// Its bytes are UTF-8 text.
    Text,
    Base64,
}

/// One version of one secret, with its value. It is not `Debug`.
pub(crate) struct Answer {
    arn: Arn,
    name: String,
    version_id: String,
    stages: Vec<String>,
    content: Content,
    created: Option<DateTime>,
    request: Option<String>,
}

enum Content {
    Text(Secret),
    Binary(Blob),
    Nothing,
}

impl Answer {
    /// Takes the answer to a single read; `None` if it is not one of Secrets Manager.
    pub(crate) fn from_output(output: GetSecretValueOutput) -> Option<Self> {
        let request = output.request_id().and_then(request_id);
        Self::new(
            (output.arn?, output.name?, output.version_id?),
            output.version_stages,
            request,
            output.created_date,
        )
        .map(|answer| answer.with(output.secret_string, output.secret_binary))
    }

    /// Takes one secret of a batch; `None` if it is not one of Secrets Manager. `request` is the id of the batch.
    pub(crate) fn from_entry(entry: SecretValueEntry, request: Option<String>) -> Option<Self> {
        Self::new(
            (entry.arn?, entry.name?, entry.version_id?),
            entry.version_stages,
            request,
            entry.created_date,
        )
        .map(|answer| answer.with(entry.secret_string, entry.secret_binary))
    }

    fn new(
        (arn, name, version_id): (String, String, String),
        stages: Option<Vec<String>>,
        request: Option<String>,
        created: Option<DateTime>,
    ) -> Option<Self> {
        let (arn, stages) = (Arn::parse(&arn).ok()?, stages.unwrap_or_default());
        Some(Self { arn, name, version_id, stages, content: Content::Nothing, created, request })
    }

    fn with(self, text: Option<String>, binary: Option<Blob>) -> Self {
        let content = match (text, binary) {
            (Some(text), _) => Content::Text(Secret::new(text)),
            (None, Some(bytes)) => Content::Binary(bytes),
            (None, None) => Content::Nothing,
        };
        Self { content, ..self }
    }

    pub(crate) fn version_id(&self) -> &str {
        &self.version_id
    }

    /// Whether it is the secret and the version that `locator` asks for.
    pub(crate) fn is_of(&self, locator: &Locator) -> bool {
        let is_version = match &locator.version {
            Version::Id(id) => *id == self.version_id,
            version => version.stage().is_some_and(|stage| self.stages.iter().any(|label| label == stage)),
        };
        is_version && locator.secret.names(&self.name, &self.arn, &locator.scope.region)
    }

    /// The document for `locator`, for which [`Answer::is_of`] must hold.
    pub(crate) fn document(&self, locator: &Locator, binary: Binary) -> Result<Document, Failure> {
        let text = match (&self.content, binary) {
            (Content::Text(text), _) => Secret::new(text.expose().to_owned()),
            (Content::Binary(bytes), Binary::Base64) => Secret::new(STANDARD.encode(bytes)),
            (Content::Binary(bytes), Binary::Text) => text_of(bytes, locator)?,
            (Content::Nothing, _) => {
                return Err(Failure::invalid_value(
                    format!("{locator} has neither text nor binary data"),
                    "store a value in it with `set`",
                ));
            }
        };
        Ok(Document::text(text).with_metadata(Metadata {
            version: Some(self.version_id.clone()),
            created: self.created.and_then(|created| created.fmt(Format::DateTime).ok()),
            request: self.request.clone(),
            ..Metadata::default()
        }))
    }
}

fn text_of(bytes: &Blob, locator: &Locator) -> Result<Secret, Failure> {
    let bytes = bytes.as_ref();
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => Err(Failure::not_text(format!("the binary data of {locator}"), bytes)
            .hint("or set binary = \"base64\" to get it as base64")),
    }
}

/// The failure for the answer of a server that returned something else than what was asked for.
pub(crate) fn another(place: &dyn Display, locator: &Locator) -> Failure {
    Failure::unavailable(
        format!("the reply from {place} is not {locator}, but another secret, region, account or version"),
        "check `endpoint_url`, and the proxy in front of it",
    )
    .with_retry(Retry::No)
}
