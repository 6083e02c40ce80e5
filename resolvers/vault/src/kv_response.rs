//! The body of a KV read: the fields of a secret, and the metadata of its version.

use secretref_protocol::net::Response;
use secretref_protocol::{Document, Metadata, Secret};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::locator::Kv;
use crate::server::envelope;

/// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#sample-response-1>
#[derive(Deserialize)]
pub(crate) struct Versioned<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    pub(crate) metadata: Option<VersionMetadata>,
    /// A secret of version 1 can have any fields; `ttl` and `lease` set its `lease_duration`.
    #[serde(default, rename = "ttl", deserialize_with = "is_there")]
    has_ttl: bool,
    #[serde(default, rename = "lease", deserialize_with = "is_there")]
    has_lease: bool,
}

/// Whether a member is present, even if it is null.
fn is_there<'de, D: Deserializer<'de>>(member: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(member).map(|_| true)
}

#[derive(Deserialize)]
pub(crate) struct VersionMetadata {
    pub(crate) version: u64,
    #[serde(default)]
    created_time: String,
    #[serde(default)]
    pub(crate) deletion_time: String,
    #[serde(default)]
    pub(crate) destroyed: bool,
}

/// A secret in an answer.
pub(crate) struct Found {
    pub(crate) document: Document,
    /// Whether only an engine of this KV version can have given the answer.
    ///
    /// Version 2 has no leases. Version 1 says how long a secret may be used: as its field `ttl` or `lease` says, else as the
    /// default of the mount says, which is 0 only if it is less than a second.
    pub(crate) is_certain: bool,
}

/// The secret in an answer of an engine of this KV version.
pub(crate) fn found(response: &Response, kv: Kv) -> Option<Found> {
    let envelope = envelope(response)?;
    let data = envelope.data?;
    let (fields, about, is_certain) = match kv {
        Kv::V1 => (data.get(), Metadata::default(), true),
        Kv::V2 => {
            let Versioned { data, metadata, has_ttl, has_lease } = versioned(data)?;
            let is_unleased = envelope.lease_duration.is_some_and(|seconds| seconds.get() == "0");
            let metadata = metadata?;
            // A version can be written without fields.
            (data.map_or("{}", RawValue::get), metadata.metadata(), is_unleased && !has_ttl && !has_lease)
        }
    };
    let fields = fields.starts_with('{').then(|| Secret::new(fields.to_owned()))?;
    let document = Document::fields(fields).with_metadata(Metadata { request: envelope.request(), ..about });
    Some(Found { document, is_certain })
}

impl VersionMetadata {
    fn metadata(self) -> Metadata {
        let time = |text: String| is_time(&text).then_some(text);
        Metadata {
            version: Some(self.version.to_string()),
            created: time(self.created_time),
            expires: time(self.deletion_time),
            ..Metadata::default()
        }
    }
}

/// The data of an answer of KV version 2.
pub(crate) fn versioned(data: &RawValue) -> Option<Versioned<'_>> {
    serde_json::from_str(data.get()).ok()
}

/// The version number in an answer of KV version 2, whether that version exists or is deleted.
pub(crate) fn version(response: &Response) -> Option<u64> {
    Some(versioned(envelope(response)?.data?)?.metadata?.version)
}

/// Whether it has only the characters of an RFC 3339 time, and so may be shown in a message.
pub(crate) fn is_time(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 40
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte))
}
