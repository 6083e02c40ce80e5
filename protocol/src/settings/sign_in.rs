//! The settings that belong to ways to sign in.

use super::{Settings, Source};
use crate::failure::Failure;
use crate::store::Setting;

impl Settings {
    /// Checks that a flag or the profile sets nothing that the way to sign in `auth` does not use: the run would read with
    /// another credential than its author meant.
    ///
    /// # Errors
    /// `MISCONFIGURED`, with the first such setting of the tables.
    pub fn check_used_by(&self, auth: &str) -> Result<(), Failure> {
        match self.written_for_sign_in().find(|setting| !setting.used_by.contains(&auth)) {
            None => Ok(()),
            Some(idle) => Err(Failure::misconfigured(
                format!("`{}` is set, which `auth` = {auth} does not use", idle.key),
                "remove one of them",
            )),
        }
    }

    /// Returns the settings of single ways to sign in that a flag or the profile sets, in the order of the tables.
    pub fn written_for_sign_in(&self) -> impl Iterator<Item = &'static Setting> {
        let written = self.given.iter().filter(|given| given.source == Source::Written);
        written.map(|given| given.setting).filter(|setting| !setting.used_by.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::environment::Environment;
    use crate::run::Run;
    use crate::store::{NameKeys, Store};

    const AUTH: Setting<str> = Setting::choice("auth", &["token", "role"], "");
    const MOUNT: Setting<str> = Setting::text("mount", "").used_by(&["role", "token"]);
    const TOKEN_FILE: Setting<Path> =
        Setting::path("token_file", "").env(&["TOKEN_FILE"]).used_by(&["token"]);
    const ROLE: Setting<str> = Setting::text("role", "").default("reader").used_by(&["role"]);
    const STORE: Store = Store {
        binary: "secretref-x",
        version: "0",
        about: "",
        settings: &[&[AUTH.row(), MOUNT.row()], &[TOKEN_FILE.row(), ROLE.row()]],
        name_keys: NameKeys::Only(&[]),
        form: "name",
        examples: "",
        profile: "",
    };

    #[test]
    fn only_what_is_written_must_be_used() {
        let check = |flags: &[&'static str], auth| {
            let environment =
                Environment::new(u32::MAX - 1, |name| (name == "TOKEN_FILE").then(|| "t".into()));
            let flags = flags.iter().map(|key| (*key, vec!["token".to_owned()])).collect();
            let settings =
                Settings::load(&STORE, &flags, None, &environment, &Run::new(Instant::now())).unwrap();
            settings.check_used_by(auth).map_err(|failure| failure.what().to_owned())
        };
        assert_eq!(check(&["auth", "mount"], "role"), Ok(()));
        assert_eq!(check(&["auth", "mount", "token_file"], "token"), Ok(()));
        let why = "`token_file` is set, which `auth` = role does not use";
        assert_eq!(check(&["role", "token_file"], "role"), Err(why.to_owned()));
        // The first of the tables, whatever came first on the command line.
        let why = "`token_file` is set, which `auth` = other does not use";
        assert_eq!(check(&["role", "token_file"], "other"), Err(why.to_owned()));
    }
}
