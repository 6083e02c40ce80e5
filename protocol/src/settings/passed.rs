//! The variables that a gateway has to pass on for the settings in force.

use std::path::PathBuf;

use super::value::Value;
use super::{Given, Settings, Source};
use crate::failure::Failure;
use crate::file;
use crate::store::{Kind, Setting};

/// The setting that chooses the way to sign in, if a store has one.
const AUTH: &str = "auth";

/// Where the credential of a sign-in is, if no variable has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialPlace {
    /// A file that a setting names.
    File(PathBuf),
    /// A credential of systemd with this name.
    Unit(&'static str),
}

impl Settings {
    /// Returns where the credentials of the chosen way to sign in are, apart from variables. One that a person can be asked
    /// for, `asked`, and that is nowhere else, can only come from systemd.
    #[must_use]
    pub(crate) fn credential_places(&self, asked: &[&str]) -> Vec<CredentialPlace> {
        let place = |setting: &'static Setting| {
            let Kind::Secret(name) = setting.kind else { return None };
            let file = setting.file.filter(|file| self.given(file).is_some());
            if let Some(path) = file.and_then(|file| self.path_of(file).ok().flatten()) {
                return Some(CredentialPlace::File(path));
            }
            let is_asked = setting.file.is_some_and(|file| asked.contains(&file));
            let is_chosen = self.auth().is_some() && self.auth() != setting.file && is_asked;
            (is_chosen && self.variables_for(setting).is_empty()).then_some(CredentialPlace::Unit(name))
        };
        self.table().filter(|setting| self.is_in_use(setting)).filter_map(place).collect()
    }

    /// Returns the variables that the settings in force need, in the order of the tables: each that sets a setting, and
    /// each that the profile lists for a setting that nothing else sets. A setting that the way to sign in does not use
    /// needs none.
    #[must_use]
    pub(crate) fn passed(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self
            .table()
            .filter(|setting| self.is_in_use(setting) && !self.is_set_otherwise(setting))
            .flat_map(|setting| self.variables_for(setting))
            .collect();
        if self.table().any(|setting| self.is_in_use(setting) && self.is_of_unit(setting)) {
            names.push("CREDENTIALS_DIRECTORY");
        }
        let mut known = Vec::new();
        names.retain(|name| {
            !known.contains(name) && {
                known.push(*name);
                true
            }
        });
        names
    }

    /// Returns the variables of secrets among them.
    #[must_use]
    pub(crate) fn passed_secrets(&self) -> Vec<&'static str> {
        let secrets = self.table().filter(|setting| matches!(setting.kind, Kind::Secret(_)));
        let of_secrets: Vec<_> = secrets.flat_map(|setting| setting.env.iter().copied()).collect();
        self.passed().into_iter().filter(|name| of_secrets.contains(name)).collect()
    }

    /// Returns the settings that a flag or a variable sets, as lines of a profile: each key with its value as TOML. A
    /// relative path becomes absolute, since a profile's paths start from its own folder.
    ///
    /// # Errors
    /// `MISCONFIGURED` if a value has a control character, or a password in a URL: other users may read a profile.
    pub(crate) fn as_toml(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let lines = self.given.iter().filter(|given| self.is_for_profile(given)).map(|given| {
            if matches!(&given.value, Value::Text(text) if has_login(text)) {
                return Err(with_login(given));
            }
            Ok((given.setting.key, given.value.toml(given.setting)?))
        });
        lines.collect()
    }

    /// Returns the variables of which a profile with these lines has the value, or the name.
    pub(crate) fn taken(&self) -> Vec<&'static str> {
        let listed = self.passed_secrets();
        let is_listed = |given: &Given| given.variable.is_some_and(|name| listed.contains(&name));
        let is_taken = |given: &&Given| self.is_for_profile(given) || is_listed(given);
        let mut names: Vec<_> =
            self.given.iter().filter(is_taken).filter_map(|given| given.variable).collect();
        // One variable can set several settings, one after the other in the tables.
        names.dedup();
        names
    }

    /// Whether a flag or a variable sets it, and the value belongs into a profile.
    fn is_for_profile(&self, given: &Given) -> bool {
        let is_secret = matches!(given.setting.kind, Kind::Secret(_));
        let is_used = given.source == Source::Written
            || self.is_in_use(given.setting) && !self.is_set_otherwise(given.setting);
        given.source > Source::Default && !is_secret && is_used
    }

    /// Returns the value of a setting as a person would type it, if it is a text and no secret.
    #[must_use]
    pub(crate) fn shown(&self, key: &str) -> Option<String> {
        let given = self.given(key).filter(|given| !matches!(given.setting.kind, Kind::Secret(_)))?;
        match &given.value {
            Value::Text(text) => Some(text.clone()),
            _ => given.setting.default.map(str::to_owned),
        }
    }

    /// Returns the variable that sets a setting, or else all that the profile lists for it.
    fn variables_for(&self, setting: &Setting) -> Vec<&'static str> {
        match self.given(setting.key) {
            Some(given) if given.source == Source::Written => Vec::new(),
            Some(given) if given.variable.is_some() => given.variable.into_iter().collect(),
            _ => self.unset(setting.key),
        }
    }

    /// Whether the way to sign in uses a setting. If none is chosen, the setting may be used.
    pub(crate) fn is_in_use(&self, setting: &Setting) -> bool {
        self.auth().is_none() || self.is_of_method(setting)
    }

    /// Whether every way to sign in uses a setting, or the chosen one does.
    pub(crate) fn is_of_method(&self, setting: &Setting) -> bool {
        let of_file = setting.file.and_then(|file| self.table().find(|other| other.key == file));
        let methods = of_file.map_or(setting.used_by, |file| file.used_by);
        let is_chosen = |auth| methods.contains(&auth) || setting.key == auth;
        methods.is_empty() || self.auth().is_some_and(is_chosen)
    }

    /// Returns the way to sign in, if the store has several and one is set.
    pub(crate) fn auth(&self) -> Option<&str> {
        let has_auth = self.table().any(|setting| setting.key == AUTH);
        if has_auth { self.text_of(AUTH) } else { None }
    }

    /// Whether a secret comes from its file, or a file's secret from a variable of its own.
    fn is_set_otherwise(&self, setting: &Setting) -> bool {
        if let Some(file) = setting.file {
            return self.source_of(file) > self.source_of(setting.key);
        }
        let secret = self.table().find(|other| other.file == Some(setting.key));
        secret.is_some_and(|secret| self.source_of(secret.key) == Some(Source::Environment))
    }

    /// Whether a secret comes from systemd's credentials.
    fn is_of_unit(&self, setting: &Setting) -> bool {
        let Kind::Secret(name) = setting.kind else { return false };
        let is_there = self.credentials.as_ref().is_some_and(|folder| file::is_there(&folder.join(name)));
        is_there && self.given(setting.key).is_none() && !self.is_set_otherwise(setting)
    }
}

/// Whether a text is an address with a user name or password in it: `https://user:password@host`, or for a proxy also
/// `user:password@host`.
fn has_login(text: &str) -> bool {
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_address = scheme.is_none_or(|scheme| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let login = authority.rsplit_once('@').map(|(login, _)| login);
    is_address && login.is_some_and(|login| scheme.is_some() || login.contains(':'))
}

fn with_login(given: &Given) -> Failure {
    let called = given.variable.unwrap_or(given.setting.key);
    let what =
        format!("`{called}` has a user name or password in it, which other users can read in a profile");
    let remedy = if given.setting.key.ends_with("proxy") {
        "write user:password to a file, name it with --proxy-auth-file, and leave them out of the address"
    } else {
        "leave them out of the address"
    };
    Failure::misconfigured(what, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_login_is_known() {
        for (text, want) in [
            ("http://u:p@proxy:3128", true),
            ("HTTPS://u@v", true),
            ("u:p@proxy:3128", true),
            ("https://v:8200", false),
            ("https://v/a@b", false),
            ("https://v?a=u:p@x", false),
            ("jo@example.com", false),
            ("proxy:3128", false),
            ("arn:aws:iam::1:role/a@b", false),
            ("get --url https://u:p@v", false),
        ] {
            assert_eq!(has_login(text), want, "{text}");
        }
    }
}
