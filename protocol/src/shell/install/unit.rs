//! What a unit of systemd needs for a profile: where the credential goes, the lines of the unit, and the command that
//! tests it.

use std::path::Path;

use nix::unistd::{Uid, User};

use super::super::output::print_note;
use super::super::snippet::CREDENTIALS;
use crate::backend::Manage;
use crate::settings::{CredentialPlace, Settings};
use crate::text::shell_word;

/// Prints it.
pub(super) fn tell<B: Manage>(settings: &Settings, profile: &Path, copy: Option<&Path>, uid: u32) {
    let user = user(uid);
    let places = settings.credential_places(B::ASKED);
    if places.is_empty() && settings.passed_secrets().is_empty() && B::LOOKS_UP_HOSTS {
        print_note(
            "the settings name no credential: if the store needs one, add the setting for it, and `auth`",
        );
    }
    for place in &places {
        print_note(credential(place, &user));
    }
    print_note(format!("the gateway's unit needs these lines:\n{}", lines::<B>(settings, &places, &user)));
    let command = copy.unwrap_or(profile).display();
    print_note(format!(
        "{command} must belong to {user}: if root owns it, as configuration management would leave it, the gateway refuses it until you run: \
         chown {user} {}",
        shell_word(&command.to_string())
    ));
    print_note(format!(
        "to test all of it, as root: {} --profile {} doctor --as-gateway --user {user} ID",
        B::STORE.binary,
        shell_word(&profile.display().to_string())
    ));
}

/// Returns the name of a user, or the number if there is none.
pub(super) fn user(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

/// Where a credential has to be.
fn credential(place: &CredentialPlace, user: &str) -> String {
    match place {
        CredentialPlace::File(path) => {
            let word = shell_word(&path.display().to_string());
            format!(
                "the credential is read from {0}: it must belong to {user}, with mode 0600: \
                 install -o {user} -m 600 /dev/stdin {word}",
                path.display()
            )
        }
        CredentialPlace::Unit(name) => format!(
            "the credential comes from systemd, encrypted: \
             systemd-creds encrypt --name={name} - /etc/credstore.encrypted/{name}"
        ),
    }
}

/// Returns the lines of the unit.
fn lines<B: Manage>(settings: &Settings, places: &[CredentialPlace], user: &str) -> String {
    let of_unit = places.iter().filter_map(|place| match place {
        CredentialPlace::Unit(name) => Some(format!("LoadCredentialEncrypted={name}")),
        CredentialPlace::File(_) => None,
    });
    let passed = settings.passed().into_iter().chain(B::passed(settings).iter().copied());
    let own = passed.clone().any(|name| name == CREDENTIALS) && places.is_empty();
    // Then each secret of the store is one.
    let own = own.then(|| "LoadCredentialEncrypted=ID, a line for each secret".to_owned());
    let passed: Vec<_> = passed.filter(|name| *name != CREDENTIALS).collect();
    let passed = (!passed.is_empty()).then(|| format!("PassEnvironment={}", passed.join(" ")));
    let head = ["[Service]".to_owned(), format!("User={user}")];
    let lines: Vec<_> =
        head.into_iter().chain(of_unit).chain(own).chain(passed).map(|line| format!("  {line}")).collect();
    lines.join("\n")
}
