//! `extends = "/etc/secretref/NAME.toml"`: a base profile that belongs to root. A profile cannot change what its base sets.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::profile::{Profile, strings};
use crate::profile_permissions::read_of_root;
use crate::settings::family::ALLOW;
use crate::store::{Kind, Setting, Store, table};

/// The base of a profile.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its file.
    pub path: PathBuf,
    /// Its own `allow`. An id must match this and that of the profile.
    pub allow: Option<Vec<String>>,
}

/// Reads the base of a profile, and adds what it sets.
///
/// # Errors
/// `MISCONFIGURED` if users other than root can write the base, if it is not valid, or if the profile sets what it sets.
pub(crate) fn extend(store: &Store, mut profile: Profile) -> Result<Profile, Failure> {
    let Some(path) = profile.extends.take() else { return Ok(profile) };
    let text = read_of_root(&path)?;
    let base = Profile::parse(store, &text)
        .map_err(|failure| failure.context(format!("the base {}", path.display())))?;
    merge(store, profile, base, path)
}

fn merge(store: &Store, mut profile: Profile, mut base: Profile, path: PathBuf) -> Result<Profile, Failure> {
    if base.extends.is_some() {
        let what = format!("the base {} extends another base", path.display());
        return Err(Failure::misconfigured(what, "put all of it into one file"));
    }
    let allow = base.values.remove(ALLOW.key).map(|allow| patterns(allow, &path)).transpose()?;
    let own = profile.path.display();
    if let Some(what) = conflict(&profile, &base) {
        let what = format!("{own} sets {what}, and its base {} sets it, too", path.display());
        return Err(Failure::misconfigured(
            what,
            "remove it from the profile, which cannot change what its base sets",
        ));
    }
    if allow.is_some() && !profile.ids.is_empty() {
        let what = format!("{own} has [ids], and its base {} has `allow`", path.display());
        let remedy =
            "move the entries into the base: an entry could make an allowed id lead to another secret";
        return Err(Failure::misconfigured(what, remedy));
    }
    if let Some(what) = allow.as_ref().and_then(|_| selection(store, &profile, &base)) {
        let what = format!("{own} sets {what}, and its base {} has `allow`", path.display());
        let remedy = "move it into the base: it decides which secret an allowed id names";
        return Err(Failure::misconfigured(what, remedy));
    }
    for (key, value) in base.values {
        let value = from_folder(store, &key, value, &path);
        profile.values.insert(key, value);
    }
    profile.env.extend(base.env);
    profile.sets_env |= base.sets_env;
    profile.ids.extend(base.ids);
    Ok(Profile { base: Some(Base { path, allow }), ..profile })
}

fn patterns(allow: toml::Value, path: &Path) -> Result<Vec<String>, Failure> {
    let list = if let toml::Value::Array(items) = allow { strings(items) } else { None };
    list.ok_or_else(|| {
        let what = format!("`allow` in the base {} is not a list of strings", path.display());
        Failure::misconfigured(what, "write allow = [\"NAME\"]")
    })
}

/// Returns what both set.
fn conflict(profile: &Profile, base: &Profile) -> Option<String> {
    let key = profile.values.keys().find(|key| base.values.contains_key(*key)).map(|key| format!("`{key}`"));
    let env = (profile.sets_env && base.sets_env).then(|| "`env`".to_owned());
    let mut ids = profile.ids.keys().filter(|id| base.ids.contains_key(*id));
    key.or(env).or_else(|| ids.next().map(|id| format!("the entry `{id}` of [ids]")))
}

/// Returns what the profile sets, itself or by a variable, that decides which secret an id names.
fn selection(store: &Store, profile: &Profile, base: &Profile) -> Option<String> {
    let is_open = |setting: &&Setting| setting.selects_secrets && !base.values.contains_key(setting.key);
    table(store).filter(is_open).find_map(|setting| {
        let mut listed = profile.env.iter().filter(|name| setting.env.contains(&name.as_str()));
        let key = profile.values.contains_key(setting.key).then(|| format!("`{}`", setting.key));
        key.or_else(|| listed.next().map(|name| format!("`{}` by the variable {name}", setting.key)))
    })
}

/// Makes a relative path of the base start from the folder of the base.
fn from_folder(store: &Store, key: &str, value: toml::Value, base: &Path) -> toml::Value {
    let is_path = table(store).any(|setting| setting.key == key && setting.kind == Kind::Path);
    match value {
        toml::Value::String(text) if is_path && !text.starts_with("~/") => {
            let folder = base.parent().unwrap_or(Path::new("/"));
            folder.join(text).display().to_string().into()
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NameKeys;

    const TABLE: &[Setting] = &[
        Setting::text("address", "").selects_secrets().row(),
        Setting::text("mount", "").env(&["MOUNT"]).selects_secrets().row(),
        Setting::path("token_file", "").env(&["FILE"]).row(),
    ];

    const STORE: Store = Store {
        binary: "secretref-x",
        version: "0",
        about: "",
        settings: &[TABLE],
        name_keys: NameKeys::Only(&[]),
        form: "name",
        examples: "",
        profile: "",
    };

    fn merged(own: &str, base: &str) -> Result<Profile, String> {
        let parse = |text: &str| Profile::parse(&STORE, text).unwrap();
        let own = Profile { path: "/home/me/p.toml".into(), ..parse(own) };
        merge(&STORE, own, parse(base), "/etc/secretref/b.toml".into()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_profile_has_what_its_base_sets() {
        let both = merged(
            "timeout = \"3s\"\nallow = [\"a\"]",
            "address = \"x\"\ntoken_file = \"t\"\nallow = [\"**\"]",
        );
        let both = both.unwrap();
        let text = |key: &str| both.values[key].as_str().unwrap().to_owned();
        assert_eq!((text("address"), text("token_file")), ("x".into(), "/etc/secretref/t".into()));
        assert_eq!(text("timeout"), "3s");
        assert_eq!(both.values["allow"].as_array().unwrap().len(), 1);
        assert_eq!(both.base.unwrap().allow.unwrap(), ["**"]);
    }

    #[test]
    fn a_credential_is_the_profiles_own() {
        assert!(merged("token_file = \"t\"", "address = \"x\"\nallow = [\"a\"]").is_ok());
        assert!(merged("env = [\"FILE\", \"MOUNT\"]", "mount = \"x\"\nallow = [\"a\"]").is_ok());
        assert!(merged("mount = \"b\"", "address = \"x\"").is_ok());
    }

    #[test]
    fn what_the_base_sets_is_not_changed() {
        for (own, base, words) in [
            ("address = \"y\"", "address = \"x\"", "sets `address`"),
            ("address = \"x\"", "address = \"x\"", "sets `address`"),
            ("[ids]\na = { name = \"b\" }", "[ids]\na = { name = \"c\" }", "the entry `a` of [ids]"),
            ("[ids]\na = { name = \"b\" }", "allow = [\"a\"]", "has [ids]"),
            ("mount = \"b\"", "allow = [\"a\"]", "sets `mount`"),
            ("env = [\"FILE\", \"MOUNT\"]", "allow = []", "sets `mount` by the variable MOUNT"),
            ("env = [\"FILE\"]", "env = []", "sets `env`"),
            ("", "extends = \"/etc/c.toml\"", "extends another base"),
            ("", "allow = \"a\"", "is not a list"),
        ] {
            let told = merged(own, base).unwrap_err();
            assert!(told.contains(words) && told.contains("/etc/secretref/b.toml"), "{told}");
        }
    }
}
