//! The location of a secret: mount, path and version.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secretref_protocol::{Failure, Field, Name};

/// One version of one secret. Pure: it sends nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Locator {
    pub(crate) mount: Mount,
    pub(crate) path: String,
    version: Option<u64>,
}

/// The mount of a secrets engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mount {
    pub(crate) namespace: Option<String>,
    /// The KV version; `None` if the server is to say.
    pub(crate) kv: Option<Kv>,
    pub(crate) path: String,
    /// Whether it is the mount of the settings, which an id does not have to name.
    pub(crate) is_default: bool,
}

/// The hint for an id whose `:` was read as the end of a mount's name. The gateway's bundled plugin reads it as part of the
/// path.
pub(crate) const COLON: &str =
    "if the : in the id is part of the path, add an entry to [ids] with the path as its `name`";

/// The version of a KV secrets engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kv {
    /// One value for each path.
    V1,
    /// Versions of each path, below `data/`.
    V2,
}

impl Kv {
    /// Parses the setting `kv_version`; `None` for `auto`.
    pub(crate) fn from_word(word: Option<&str>) -> Option<Self> {
        match word {
            Some("1") => Some(Self::V1),
            Some("2") => Some(Self::V2),
            _ => None,
        }
    }
}

/// The values for every name that does not set its own.
#[derive(Debug)]
pub(crate) struct Defaults {
    pub(crate) kv: Option<Kv>,
    pub(crate) mount: String,
    pub(crate) namespace: Option<String>,
}

impl Locator {
    /// Parses a name into a location and a field.
    ///
    /// `providers/openai#apiKey` names a field; `providers/openai/apiKey`, without a `#`, has it as the last segment,
    /// as the gateway's bundled plugin writes ids. `kv:` before either reads another mount; in the name of an `[ids]`
    /// entry a colon is a colon.
    pub(crate) fn from_name(name: &Name, defaults: &Defaults) -> Result<(Self, Field), Failure> {
        let (prefix, path) =
            if name.is_entry { (None, &*name.name) } else { mount_of_id(&name.name, defaults)? };
        let (path, field) = match &name.field {
            Some(field) => (path, field.clone()),
            None => last_segment(path)?,
        };
        let locator = Self {
            mount: Mount::new(name.key("mount").or(prefix), name.key("namespace"), defaults)?,
            path: segments(path, "path")?,
            version: name.version.as_deref().map(version).transpose()?,
        };
        if let Some(kv) = defaults.kv {
            locator.fits(kv)?;
        }
        Ok((locator, field))
    }

    /// Fails if an engine of this KV version cannot have what the id asks for.
    pub(crate) fn fits(&self, kv: Kv) -> Result<(), Failure> {
        if kv == Kv::V1 && self.version.is_some() {
            return Err(Failure::invalid_id(
                "KV version 1 keeps no versions",
                "leave the version out of the id",
            ));
        }
        Ok(())
    }

    /// The path of the request, percent-encoded, below the address.
    ///
    /// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v1#read-secret>,
    /// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>
    pub(crate) fn request_path(&self, kv: Kv) -> String {
        let path = format!("/v1/{}", encode(&self.policy_path(kv)));
        match self.version {
            Some(version) => format!("{path}?version={version}"),
            None => path,
        }
    }

    /// The path on which a policy must grant rights.
    pub(crate) fn policy_path(&self, kv: Kv) -> String {
        self.mount.below(kv, "data", &self.path)
    }

    /// The hint for a path that begins with the mount or `data/`, as paths in policies and requests do.
    pub(crate) fn surplus(&self, kv: Kv) -> Option<String> {
        let path = format!("{}/", self.path);
        let below = path.strip_prefix(&format!("{}/", self.mount.path)).unwrap_or(&path);
        let data = if kv == Kv::V1 { "" } else { "data/" };
        let rest = below.strip_prefix(data).unwrap_or(below);
        let surplus = &path[..path.len() - rest.len()];
        (!surplus.is_empty()).then(|| format!("leave {surplus} out: a path begins within its mount"))
    }

    /// The words of a hint to check the mount. The first segment of a path may be meant as a mount; with KV version 1 an id
    /// cannot name one.
    pub(crate) fn check_mount(&self) -> &'static str {
        if self.path.contains('/') && self.mount.kv != Some(Kv::V1) {
            "`mount` (kv:path#field names another)"
        } else {
            "`mount`"
        }
    }

    pub(crate) fn version(&self) -> Option<u64> {
        self.version
    }
}

/// `secret/providers/openai`, or `secret/providers/openai in namespace team`.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mount.placed(&format!("{}/{}", self.mount.path, self.path)))
    }
}

impl Mount {
    /// The mount and namespace that are named, else those of the settings.
    pub(crate) fn new(
        path: Option<&str>,
        namespace: Option<&str>,
        defaults: &Defaults,
    ) -> Result<Self, Failure> {
        let path = path.unwrap_or(&defaults.mount).trim_matches('/');
        let namespace = namespace.or(defaults.namespace.as_deref()).map(|text| text.trim_matches('/'));
        Ok(Self {
            namespace: namespace.filter(|namespace| !namespace.is_empty()).map(str::to_owned),
            kv: defaults.kv,
            path: segments(path, "mount")?,
            is_default: path == defaults.mount.trim_matches('/'),
        })
    }

    /// The failure for a server that names another KV version than the settings.
    pub(crate) fn other_version(&self, found: Kv) -> Failure {
        let number = if found == Kv::V1 { 1 } else { 2 };
        Failure::misconfigured(
            format!(
                "the engine mounted at {self} is of KV version {number}, another version than `kv_version` says"
            ),
            "leave `kv_version` out: the server is asked",
        )
    }

    /// A path within the mount. KV version 2 has it below `branch`.
    pub(crate) fn below(&self, kv: Kv, branch: &str, path: &str) -> String {
        match kv {
            Kv::V1 => format!("{}/{path}", self.path),
            Kv::V2 => format!("{}/{branch}/{path}", self.path),
        }
    }

    /// The path of the request for the engine that is mounted there.
    /// <https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts#get-mount-information>
    pub(crate) fn request_path(&self) -> String {
        format!("/v1/sys/internal/ui/mounts/{}", encode(&self.path))
    }

    /// `text`, or `text in namespace team`.
    pub(crate) fn placed(&self, text: &str) -> String {
        match &self.namespace {
            Some(namespace) => format!("{text} in namespace {namespace}"),
            None => text.to_owned(),
        }
    }
}

/// `secret/`, or `secret/ in namespace team`.
impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.placed(&format!("{}/", self.path)))
    }
}

/// Splits `kv:providers/openai` after the mount, if it has one.
pub(crate) fn mount_of_id<'n>(
    name: &'n str,
    defaults: &Defaults,
) -> Result<(Option<&'n str>, &'n str), Failure> {
    match name.split_once(':') {
        // Without the `data/` of version 2 the path could be any path of the server's API, such as that of the token.
        Some(_) if defaults.kv == Some(Kv::V1) => Err(Failure::invalid_id(
            "with KV version 1 an id cannot name a mount",
            format!("name it in an entry of [ids], or with `mount`; {COLON}"),
        )),
        Some((mount, path)) => Ok((Some(mount), path)),
        None => Ok((None, name)),
    }
}

/// Splits `providers/openai/apiKey` before its last segment, which is the field.
fn last_segment(path: &str) -> Result<(&str, Field), Failure> {
    let (path, field) = path
        .rsplit_once('/')
        .filter(|(_, field)| !field.is_empty())
        .ok_or_else(|| Failure::invalid_id("the id names no field", "write path#field or path/field"))?;
    Ok((path, Field::Key(field.to_owned())))
}

/// Refuses segments that a server would fold or redirect: empty ones, `.` and `..`.
pub(crate) fn segments(path: &str, what: &str) -> Result<String, Failure> {
    let walks = path.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if walks || path.chars().any(char::is_control) {
        return Err(Failure::invalid_id(
            format!("the {what} has an empty segment, a . or .. segment, or a control character"),
            "write the path as the store lists it",
        ));
    }
    Ok(path.to_owned())
}

fn version(text: &str) -> Result<u64, Failure> {
    // Servers count in 63 bits and refuse a larger number.
    text.parse().ok().filter(|version| (1..=i64::MAX as u64).contains(version)).ok_or_else(|| {
        Failure::invalid_id(
            "the version is not a positive number",
            "write name#field#3, or leave it out for the newest",
        )
    })
}

/// Everything but the unreserved characters of RFC 3986 §2.3 and the `/` between segments.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Percent-encodes the path of a request.
pub(crate) fn encode(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use secretref_protocol::Name;

    use super::*;

    fn of(name: &Name) -> Result<String, &'static str> {
        let (locator, field) =
            Locator::from_name(name, &defaults(Kv::V2)).map_err(|failure| failure.kind().code())?;
        Ok(format!("{} {field}", locator.request_path(Kv::V2)))
    }

    fn defaults(kv: Kv) -> Defaults {
        Defaults { kv: Some(kv), mount: "secret".into(), namespace: Some("team".into()) }
    }

    #[test]
    fn version_1_of_the_engine_has_neither_data_nor_versions() {
        let name = |version: Option<&str>| Name {
            name: "a/b".into(),
            field: Some(Field::Whole),
            version: version.map(str::to_owned),
            ..Name::default()
        };
        let (locator, _) = Locator::from_name(&name(None), &defaults(Kv::V1)).unwrap();
        assert_eq!(locator.request_path(Kv::V1), "/v1/secret/a/b");
        assert!(Locator::from_name(&name(Some("3")), &defaults(Kv::V1)).is_err());
        let any_path = Name { name: "auth:token/lookup-self".into(), ..name(None) };
        assert!(Locator::from_name(&any_path, &defaults(Kv::V1)).is_err());
        let entry = Name { is_entry: true, keys: vec![("mount", "kv1".into())], ..any_path };
        assert!(Locator::from_name(&entry, &defaults(Kv::V1)).is_ok());
    }

    fn named(name: &str, field: Option<&str>, version: Option<&str>) -> Result<String, &'static str> {
        of(&Name {
            name: name.into(),
            field: field.map(Field::parse),
            version: version.map(str::to_owned),
            ..Name::default()
        })
    }

    #[test]
    fn names_lead_to_requests() {
        assert_eq!(named("a/b/key", None, None).unwrap(), "/v1/secret/data/a/b field key");
        assert_eq!(named("a/b", Some("key"), None).unwrap(), "/v1/secret/data/a/b field key");
        assert_eq!(named("a/b", Some("key"), Some("3")).unwrap(), "/v1/secret/data/a/b?version=3 field key");
        assert_eq!(named("kv:a/key", None, None).unwrap(), "/v1/kv/data/a field key");
        assert_eq!(named("team/kv:a", Some("key"), None).unwrap(), "/v1/team/kv/data/a field key");
        assert_eq!(named("a", Some(""), None).unwrap(), "/v1/secret/data/a whole secret");
        assert_eq!(named("ä b?", Some("k"), None).unwrap(), "/v1/secret/data/%C3%A4%20b%3F field k");
        let entry = Name {
            name: "a:b".into(),
            field: Some(Field::Whole),
            keys: vec![("mount", "kv/".into())],
            is_entry: true,
            ..Name::default()
        };
        assert_eq!(of(&entry).unwrap(), "/v1/kv/data/a%3Ab whole secret");
    }

    #[test]
    fn what_is_in_a_path_twice_is_found() {
        let of = |kv, name: &str| {
            let name = Name { name: name.into(), field: Some(Field::Whole), ..Name::default() };
            let (locator, _) = Locator::from_name(&name, &defaults(kv)).unwrap();
            locator.surplus(kv).and_then(|surplus| Some(surplus.split_once(" out")?.0.to_owned()))
        };
        for (name, v2, v1) in [
            ("a/b", None, None),
            ("secrets/a", None, None),
            ("a/secret/b", None, None),
            ("secret/a", Some("leave secret/"), Some("leave secret/")),
            ("secret", Some("leave secret/"), Some("leave secret/")),
            ("secret/data/a", Some("leave secret/data/"), Some("leave secret/")),
            ("data/a", Some("leave data/"), None),
        ] {
            assert_eq!(of(Kv::V2, name).as_deref(), v2, "{name}");
            assert_eq!(of(Kv::V1, name).as_deref(), v1, "{name}");
        }
    }

    #[test]
    fn names_that_lead_nowhere_are_invalid() {
        for (name, field, version) in [
            ("key", None, None),
            ("a/key/", None, None),
            ("a//b", Some("k"), None),
            ("a/", Some("k"), None),
            ("a/../b", Some("k"), None),
            ("..:a", Some("k"), None),
            ("a\nb", Some("k"), None),
            ("a", Some("k"), Some("x")),
            ("a", Some("k"), Some("0")),
            ("a", Some("k"), Some("9223372036854775808")),
            ("kv:", Some("k"), None),
        ] {
            assert_eq!(named(name, field, version), Err("INVALID_ID"), "{name}");
        }
    }
}
