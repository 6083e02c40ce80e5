//! What `list` is to look for: a folder, how its entries begin, and what they are called. Pure.

use secretref_protocol::net::Request;
use secretref_protocol::{Failure, Field, Listed, Name};
use vaultrs::api::kv1::requests::ListSecretRequest;
use vaultrs::api::kv2::requests::ListSecretsRequest;

use crate::client;
use crate::locator::{Defaults, Kv, Locator, Mount, encode, mount_of_id, segments};

/// The beginning of ids, `kv:providers/op`, taken apart.
pub(crate) struct Folder<'s> {
    defaults: &'s Defaults,
    pub(crate) mount: Mount,
    /// Whether the beginning names the mount, so that every id must.
    is_mount_named: bool,
    /// Where to look: `providers/`, or nothing.
    pub(crate) path: String,
    /// How the names there begin: `op`.
    name: String,
    /// How the fields begin, where the name is whole.
    field: Option<String>,
}

impl<'s> Folder<'s> {
    /// Takes the beginning of an id apart.
    pub(crate) fn new(prefix: &str, defaults: &'s Defaults) -> Result<Self, Failure> {
        let (mount, rest) = mount_of_id(prefix, defaults)?;
        let (rest, field) = match rest.split_once('#') {
            Some((rest, field)) => (rest, Some(field.to_owned())),
            None => (rest, None),
        };
        let (path, name) = rest.rfind('/').map_or(("", rest), |slash| rest.split_at(slash + 1));
        if let Some(folder) = path.strip_suffix('/') {
            segments(folder, "path")?;
        }
        Ok(Self {
            defaults,
            mount: Mount::new(mount, None, defaults)?,
            is_mount_named: mount.is_some(),
            path: path.to_owned(),
            name: name.to_owned(),
            field,
        })
    }

    /// Whether an entry of the folder is one of those looked for.
    pub(crate) fn has(&self, entry: &str) -> bool {
        if self.field.is_some() { entry == self.name } else { entry.starts_with(&self.name) }
    }

    /// Whether a field is one of those looked for.
    fn has_field(&self, field: &str) -> bool {
        self.field.as_ref().is_none_or(|begin| field.starts_with(begin))
    }

    /// The request for what is in a folder of the mount.
    pub(crate) fn request(&self, kv: Kv, path: &str) -> Request {
        let (mount, path) = (encode(&self.mount.path), encode(path));
        match kv {
            Kv::V1 => client::ask(&ListSecretRequest { mount, path }),
            Kv::V2 => client::ask(&ListSecretsRequest { mount, path }),
        }
    }

    /// The request for the names of a secret's fields, which brings no values.
    /// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-subkeys>
    pub(crate) fn subkeys_request(&self, path: &str) -> Request {
        let path = encode(&self.mount.below(Kv::V2, "subkeys", path));
        Request::get(format!("/v1/{path}?depth=1"))
    }

    /// The path that a policy must grant `list` on.
    pub(crate) fn policy_path(&self, kv: Kv, path: &str) -> String {
        self.mount.below(kv, "metadata", path)
    }

    /// A secret or folder as its id begins. One with a colon needs the mount, lest what is before the colon be taken for it.
    pub(crate) fn shown(&self, path: &str) -> String {
        if self.is_mount_named || !self.mount.is_default || path.contains(':') {
            format!("{}:{path}", self.mount.path)
        } else {
            path.to_owned()
        }
    }

    /// Where the secret at a path is, and why an id cannot lead there where none can.
    pub(crate) fn locator(&self, path: &str, kv: Kv) -> Result<Locator, Failure> {
        let (mut locator, _) = Locator::from_name(&self.named(path, Field::Whole), self.defaults)?;
        locator.mount.kv = Some(kv);
        Ok(locator)
    }

    /// What a field of a secret is called, if it is looked for.
    pub(crate) fn listed(&self, path: &str, key: &str) -> Option<Listed> {
        let (text, field) = field(key);
        let id = format!("{}#{text}", self.shown(path));
        self.has_field(&text).then(|| Listed { id, name: self.named(path, field) })
    }

    fn named(&self, path: &str, field: Field) -> Name {
        let keys = if self.mount.is_default { Vec::new() } else { vec![("mount", self.mount.path.clone())] };
        Name { name: path.to_owned(), field: Some(field), keys, is_entry: true, ..Name::default() }
    }
}

/// A field as it is written. What begins with a slash would be a pointer, and what is empty the whole secret: to these a
/// pointer leads (RFC 6901).
fn field(key: &str) -> (String, Field) {
    if key.is_empty() || key.starts_with('/') {
        let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        (pointer.clone(), Field::Pointer(pointer))
    } else {
        (key.to_owned(), Field::Key(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(kv: Option<Kv>) -> Defaults {
        Defaults { kv, mount: "secret/".into(), namespace: None }
    }

    #[test]
    fn the_beginning_of_an_id_leads_to_a_folder() {
        for (prefix, path, inside, outside) in [
            ("", "/v1/secret/metadata/?list=true", "any", ""),
            ("pro", "/v1/secret/metadata/?list=true", "providers/", "other"),
            ("providers/op", "/v1/secret/metadata/providers/?list=true", "openai", "anthropic"),
            ("a b/openai#ap", "/v1/secret/metadata/a%20b/?list=true", "openai", "openai-2"),
            ("team/kv:a/", "/v1/team/kv/metadata/a/?list=true", "any", ""),
        ] {
            let defaults = defaults(None);
            let folder = Folder::new(prefix, &defaults).unwrap();
            assert_eq!(folder.request(Kv::V2, &folder.path).path(), path);
            assert!(folder.has(inside) && (outside.is_empty() || !folder.has(outside)), "{prefix}");
        }
        assert!(Folder::new("a//b", &defaults(None)).is_err());
        assert!(Folder::new("../b", &defaults(None)).is_err());
        assert!(Folder::new("auth:token/", &defaults(Some(Kv::V1))).is_err());
    }

    /// What names an id lists by, and whether such an id leads back.
    #[test]
    fn fields_are_called_so_that_they_are_found_again() {
        for (prefix, path, key, id) in [
            ("", "a/b", "k", "a/b#k"),
            ("secret:", "a/b", "k", "secret:a/b#k"),
            ("kv:", "a:b", "k", "kv:a:b#k"),
            ("", "a:b", "k", "secret:a:b#k"),
            ("", "a", "", "a#/"),
            ("", "a", "/x~y", "a#/~1x~0y"),
        ] {
            let defaults = defaults(None);
            let folder = Folder::new(prefix, &defaults).unwrap();
            let listed = folder.listed(path, key).unwrap();
            let (text, field) = listed.id.split_once('#').unwrap();
            let name = Name { name: text.into(), field: Some(Field::parse(field)), ..Name::default() };
            assert_eq!(listed.id, id);
            assert_eq!(
                Locator::from_name(&name, &defaults),
                Locator::from_name(&listed.name, &defaults),
                "{id}"
            );
        }
        let defaults = defaults(None);
        assert!(Folder::new("a#k", &defaults).unwrap().listed("a", "other").is_none());
    }
}
