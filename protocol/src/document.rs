//! A secret as its store keeps it, and the value that an id gets of it.

use std::sync::Arc;

use crate::secret::Secret;

/// A secret as the store keeps it.
#[derive(Debug)]
pub struct Document {
    pub(crate) content: Content,
    pub(crate) about: Arc<Metadata>,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// A JSON object whose members are the secret's fields.
    Fields(Secret),
    /// A text, which may happen to be JSON.
    Text(Secret),
}

/// What a store knows of a document beside its content, each as the store writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Which version it is.
    pub version: Option<String>,
    /// When this version was made.
    pub created: Option<String>,
    /// When this version ends.
    pub expires: Option<String>,
    /// What the store calls the request that read it.
    pub request: Option<String>,
}

/// What an id is answered with.
#[derive(Debug)]
pub struct Value {
    text: Secret,
    about: Arc<Metadata>,
}

impl Document {
    /// A JSON object whose members are the secret's fields.
    #[must_use]
    pub fn fields(object: Secret) -> Self {
        Self { content: Content::Fields(object), about: Arc::default() }
    }

    /// A text, which may happen to be JSON.
    #[must_use]
    pub fn text(text: Secret) -> Self {
        Self { content: Content::Text(text), about: Arc::default() }
    }

    /// The same document, with what is known of it.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { about: Arc::new(metadata), ..self }
    }
}

impl Value {
    /// The text of a field, and what is known of its document.
    #[must_use]
    pub fn new(text: Secret, about: Arc<Metadata>) -> Self {
        Self { text, about }
    }

    /// The text itself, as [`Secret::expose`] gives it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// What is known of its document.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.about
    }
}

impl From<Secret> for Value {
    fn from(text: Secret) -> Self {
        Self::new(text, Arc::default())
    }
}
