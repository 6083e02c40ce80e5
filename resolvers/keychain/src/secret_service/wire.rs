//! How values go over the bus: as they are, on a socket that only this user and the bus can read.

use std::fmt;

use secretref_protocol::{Failure, Secret};
use zbus::{OwnedObjectPath, OwnedVariant, Variant};

/// A value as it goes over the bus: session, parameters, value, type of content.
pub(super) type Wired = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// The kind of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
}

/// What this side says to open a session.
pub(super) struct Offer;

/// A session that both sides know.
#[derive(Debug)]
pub(super) struct Session(OwnedObjectPath);

impl Wire {
    /// Reads the setting `session`.
    pub(crate) fn of(_word: Option<&str>) -> Self {
        Self::Plain
    }

    pub(super) fn offer(self) -> Offer {
        Offer
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain")
    }
}

impl Offer {
    pub(super) fn body(&self) -> (&'static str, Variant<'static>) {
        ("plain", Variant::from(""))
    }

    pub(super) fn agree(self, _answer: OwnedVariant, path: OwnedObjectPath) -> Result<Session, Failure> {
        Ok(Session(path))
    }
}

impl Session {
    pub(super) fn path(&self) -> &OwnedObjectPath {
        &self.0
    }

    pub(super) fn seal(&self, value: &Secret) -> Result<Wired, Failure> {
        let bytes = value.expose().as_bytes().to_vec();
        Ok((self.0.clone(), Vec::new(), bytes, "text/plain".to_owned()))
    }

    /// The bytes of a value.
    pub(super) fn open(&self, (_, _, value, _): Wired) -> Result<Vec<u8>, Failure> {
        Ok(value)
    }
}
