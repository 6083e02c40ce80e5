//! The search of `list`: a folder, the beginning of its entries' names, and their ids. Pure.

use secretref_protocol::net::Request;
use secretref_protocol::{Failure, Field, Listed, Name};
use vaultrs::api::kv1::requests::ListSecretRequest;
use vaultrs::api::kv2::requests::ListSecretsRequest;

use crate::client;
use crate::locator::{Defaults, Kv, Locator, Mount, encode, mount_of_id, segments};

/// The parsed beginning of ids: `kv:providers/op`.
pub(crate) struct Folder<'s> {
    defaults: &'s Defaults,
    pub(crate) mount: Mount,
    /// Whether the beginning names the mount, so that every listed id does, too.
    is_mount_named: bool,
    /// The folder: `providers/`, or empty.
    pub(crate) path: String,
    /// The beginning of the names in it: `op`.
    name: String,
    /// The beginning of the fields, if the name is complete.
    field: Option<String>,
}

impl<'s> Folder<'s> {
    /// Parses the beginning of an id.
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

    /// Whether an entry of the folder matches.
    pub(crate) fn has(&self, entry: &str) -> bool {
        if self.field.is_some() { entry == self.name } else { entry.starts_with(&self.name) }
    }

    /// Whether a field matches.
    fn has_field(&self, field: &str) -> bool {
        self.field.as_ref().is_none_or(|begin| field.starts_with(begin))
    }

    /// The request that lists a folder of the mount.
    pub(crate) fn request(&self, kv: Kv, path: &str) -> Request {
        let (mount, path) = (encode(&self.mount.path), encode(path));
        match kv {
            Kv::V1 => client::request(&ListSecretRequest { mount, path }),
            Kv::V2 => client::request(&ListSecretsRequest { mount, path }),
        }
    }

    /// The request for the names of a secret's fields, without their values.
    /// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-subkeys>
    pub(crate) fn subkeys_request(&self, path: &str) -> Request {
        let path = encode(&self.mount.below(Kv::V2, "subkeys", path));
        Request::get(format!("/v1/{path}?depth=1"))
    }

    /// The path on which a policy must grant `list`.
    pub(crate) fn policy_path(&self, kv: Kv, path: &str) -> String {
        self.mount.below(kv, "metadata", path)
    }

    /// The beginning of the ids in a folder or secret. A path with a colon needs the mount before it, or else the part before
    /// the colon would be read as the mount.
    pub(crate) fn shown(&self, path: &str) -> String {
        if self.is_mount_named || !self.mount.is_default || path.contains(':') {
            format!("{}:{path}", self.mount.path)
        } else {
            path.to_owned()
        }
    }

    /// The locator of the secret at a path. Fails if no id can name it.
    pub(crate) fn locator(&self, path: &str, kv: Kv) -> Result<Locator, Failure> {
        let (mut locator, _) = Locator::from_name(&self.named(path, Field::Whole), self.defaults)?;
        locator.mount.kv = Some(kv);
        Ok(locator)
    }

    /// The id of a secret's field, if the field matches.
    pub(crate) fn listed(&self, path: &str, key: &str) -> Option<Listed> {
        let field = Field::member(key);
        let id = format!("{}#{}", self.shown(path), field.text());
        self.has_field(field.text()).then(|| Listed { id, name: self.named(path, field), state: None })
    }

    fn named(&self, path: &str, field: Field) -> Name {
        let keys = if self.mount.is_default { Vec::new() } else { vec![("mount", self.mount.path.clone())] };
        Name { name: path.to_owned(), field: Some(field), keys, is_entry: true, ..Name::default() }
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
