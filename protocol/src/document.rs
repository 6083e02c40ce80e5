//! A secret as its store keeps it, and the value that an id gets from it.

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
    /// A text, which can be JSON.
    Text(Secret),
}

/// What a store knows about a document, besides its content. Each text is as the store writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The version.
    pub version: Option<String>,
    /// The time at which this version was created.
    pub created: Option<String>,
    /// The time before which this version is not to be used.
    pub not_before: Option<String>,
    /// The time at which this version expires.
    pub expires: Option<String>,
    /// The store's name of the request that read it.
    pub request: Option<String>,
}

/// The value of an id, with the metadata of its document.
#[derive(Debug)]
pub struct Value {
    text: Secret,
    about: Arc<Metadata>,
}

impl Document {
    /// Creates a document from a JSON object whose members are the secret's fields.
    #[must_use]
    pub fn fields(object: Secret) -> Self {
        Self { content: Content::Fields(object), about: Arc::default() }
    }

    /// Creates a document from a text, which can be JSON.
    #[must_use]
    pub fn text(text: Secret) -> Self {
        Self { content: Content::Text(text), about: Arc::default() }
    }

    /// Sets the metadata.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { about: Arc::new(metadata), ..self }
    }
}

impl Value {
    /// Creates a value from the text of a field and the metadata of its document.
    #[must_use]
    pub fn new(text: Secret, about: Arc<Metadata>) -> Self {
        Self { text, about }
    }

    /// Returns the text itself, as [`Secret::expose`] does.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// Returns the metadata of its document.
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
