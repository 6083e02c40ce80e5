//! The fields of the gateway's files that hold credentials and take a reference: the gateway's own list, as data.

use serde::Deserialize;

/// The list of OpenClaw, with the version that it was taken from. A test compares it with that of the installed gateway.
const LIST: &str = include_str!("credential_fields.json");

/// The credential fields of a gateway.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CredentialFields {
    /// The version of the gateway.
    pub(crate) version: String,
    /// Those of `openclaw.json`, as patterns: `models.providers.*.apiKey`.
    config: Vec<String>,
    /// Those of authentication profiles.
    auth_profiles: Vec<AuthField>,
    /// Those that take no reference, since the gateway writes them itself.
    excluded: Vec<String>,
}

/// A field of an authentication profile.
#[derive(Deserialize)]
struct AuthField {
    /// The type of a plan's target.
    id: String,
    /// `profiles.*.key`.
    path: String,
    /// The type of the profile.
    #[serde(rename = "type")]
    profile: String,
}

/// What a field is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FieldKind<'f> {
    /// It takes a reference. The type of the target in a plan.
    Credential(&'f str),
    /// It takes a reference, but what it holds is probably not a secret: a header such as `User-Agent`.
    Header(&'f str),
    /// It is a credential that takes no reference.
    Excluded,
}

impl CredentialFields {
    /// Reads the list.
    pub(crate) fn read() -> Self {
        serde_json::from_str(LIST).unwrap_or(Self {
            version: String::new(),
            config: Vec::new(),
            auth_profiles: Vec::new(),
            excluded: Vec::new(),
        })
    }

    /// Returns what the field at `path` of `openclaw.json` is for; `None` if it holds no credential.
    pub(crate) fn of_config(&self, path: &[String]) -> Option<FieldKind<'_>> {
        let find = |list: &'_ [String]| list.iter().position(|pattern| matches(pattern, path));
        match find(&self.config) {
            Some(at) if is_plain_header(path) => Some(FieldKind::Header(&self.config[at])),
            Some(at) => Some(FieldKind::Credential(&self.config[at])),
            None => find(&self.excluded).map(|_| FieldKind::Excluded),
        }
    }

    /// Returns the name of the field of an authentication profile that holds its credential, and the type of a plan's target.
    pub(crate) fn of_auth_profile(&self, profile: &str) -> Option<(&str, &str)> {
        let field = self.auth_profiles.iter().find(|field| field.profile == profile)?;
        Some((field.path.rsplit('.').next()?, &field.id))
    }
}

/// Whether a path is of this form, in which `*` is any key of a map, and `[]` after a name any item of a list.
fn matches(pattern: &str, path: &[String]) -> bool {
    let parts: Vec<_> = pattern.split('.').flat_map(|part| part.split_inclusive("[]")).collect();
    let parts = parts.iter().flat_map(|part| match part.strip_suffix("[]") {
        Some(name) => vec![name, "*"],
        None => vec![*part],
    });
    let parts: Vec<_> = parts.collect();
    parts.len() == path.len() && parts.iter().zip(path).all(|(part, step)| *part == "*" || part == step)
}

/// Whether a path is that of a model provider's header whose name does not sound like a secret. The words are the gateway's.
fn is_plain_header(path: &[String]) -> bool {
    let [first, _, _, headers, name] = path else { return false };
    let name = name.to_lowercase();
    let words = ["authorization", "api-key", "apikey", "token", "secret", "password", "credential"];
    first == "models" && headers == "headers" && !words.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_path() {
        let fields = CredentialFields::read();
        assert!(!fields.version.is_empty() && fields.config.len() > 100);
        let key = "models.providers.*.apiKey";
        let header = "models.providers.*.headers.*";
        for (path, want) in [
            ("models providers my.one apiKey", Some(FieldKind::Credential(key))),
            ("models providers a headers X-Api-Key", Some(FieldKind::Credential(header))),
            ("models providers a headers User-Agent", Some(FieldKind::Header(header))),
            ("gateway auth token", Some(FieldKind::Credential("gateway.auth.token"))),
            ("hooks token", Some(FieldKind::Excluded)),
            ("hooks mappings 0 sessionKey", Some(FieldKind::Excluded)),
            ("models providers apiKey", None),
            ("models providers a apiKey x", None),
            ("tools web search apiKey", None),
        ] {
            let path: Vec<_> = path.split(' ').map(str::to_owned).collect();
            assert_eq!(fields.of_config(&path), want, "{path:?}");
        }
        assert_eq!(fields.of_auth_profile("token"), Some(("token", "auth-profiles.token.token")));
        assert_eq!(fields.of_auth_profile("oauth"), None);
    }
}
