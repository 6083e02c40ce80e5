//! Turns errors of the bus and of the Secret Service into failures. Pure.

use std::time::Duration;

use secretref_protocol::{Failure, Kind, Retry};
use zbus::fdo;

/// The time limit for the first answer of the bus and of the provider. If the bus starts a provider that never
/// registers, the bus itself waits for minutes.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How soon a call is sent again if it was not understood.
const AGAIN: Duration = Duration::from_millis(5);

/// What to do without a keychain.
pub(super) const FILE: &str =
    "on a machine without a desktop, store = \"file\" keeps secrets in an encrypted file";

const BUS: &str = "org.freedesktop.DBus.Error.";
/// The error of gnome-keyring for a wrong password.
const DENIED: &str = "org.gnome.keyring.Error.Denied";

const SECRET: &str = "org.freedesktop.Secret.Error.";

/// Turns an error that is not about a single entry into a failure.
pub(super) fn classify(error: &zbus::Error) -> Failure {
    match error {
        zbus::Error::FDO(error) => from_bus(error),
        zbus::Error::MethodError(name, ..) => from_provider(name.as_str()),
        zbus::Error::InputOutput(_) => gone(),
        _ => Failure::new(
            Kind::Unavailable,
            "the keychain provider sent a reply that is not valid for the Secret Service",
            "run `doctor` to see which program provides it",
        ),
    }
}

fn from_bus(error: &fdo::Error) -> Failure {
    use fdo::Error as E;
    match error {
        E::ServiceUnknown(_) | E::NameHasNoOwner(_) | E::SpawnServiceNotFound(_) => no_provider(),
        E::SpawnExecFailed(_)
        | E::SpawnForkFailed(_)
        | E::SpawnChildExited(_)
        | E::SpawnChildSignaled(_)
        | E::SpawnFailed(_)
        | E::SpawnFailedToSetup(_)
        | E::SpawnConfigInvalid(_)
        | E::SpawnServiceNotValid(_)
        | E::SpawnPermissionsInvalid(_)
        | E::SpawnFileInvalid(_)
        | E::SpawnNoMemory(_) => Failure::new(
            Kind::Unavailable,
            "the bus could not start the keychain provider",
            format!("check the user's log (journalctl --user -t dbus-daemon); {FILE}"),
        ),
        E::AccessDenied(_) | E::AuthFailed(_) | E::InteractiveAuthorizationRequired(_) => Failure::new(
            Kind::AccessDenied,
            "this program may not access the keychain",
            "check the policy of the bus and the settings of the keychain provider",
        ),
        // The bus sends this if the program ends.
        E::NoReply(_) => {
            Failure::unavailable("the keychain provider exited before it replied", "check its log")
        }
        E::Timeout(_) | E::TimedOut(_) => silent(false),
        E::Disconnected(_) | E::NoServer(_) | E::IOError(_) => gone(),
        E::LimitsExceeded(_) => {
            Failure::unavailable("the bus accepts no more calls", "ask for fewer ids at once")
        }
        E::NotSupported(_) => Failure::misconfigured(
            "the keychain provider does not support this kind of session",
            "set `session` to the other kind",
        ),
        E::Failed(_) => Failure::new(
            Kind::Unavailable,
            "the keychain provider failed",
            "check its log, and that it can write to its files",
        ),
        // gnome-keyring also sends this for the first call of a client while it is busy with another.
        E::UnknownMethod(_) => strange().with_retry(Retry::Once(AGAIN)),
        E::ZBus(error) => classify(error),
        _ => strange(),
    }
}

fn from_provider(name: &str) -> Failure {
    match name.strip_prefix(SECRET) {
        Some("IsLocked") => locked("the keychain"),
        Some("NoSession" | "NoSuchObject") => {
            Failure::unavailable("the keychain changed while it was read", "try again")
        }
        _ if name == DENIED => Failure::new(
            Kind::Unauthenticated,
            "wrong password for the keychain",
            "try again: it is usually the login password",
        ),
        _ if name.starts_with(BUS) => strange(),
        _ => Failure::new(
            Kind::Unavailable,
            format!("the keychain provider failed with {name}"),
            "check its log",
        ),
    }
}

fn strange() -> Failure {
    Failure::new(
        Kind::Unavailable,
        "the keychain provider does not support the Secret Service",
        "run `doctor` to see which program provides it",
    )
}

pub(super) fn gone() -> Failure {
    Failure::unavailable("the bus closed the connection", "check that the login session has not ended")
}

fn no_provider() -> Failure {
    Failure::new(
        Kind::Unavailable,
        "nothing on the session bus provides a keychain (org.freedesktop.secrets)",
        format!("install and start one, such as gnome-keyring or KeePassXC; {FILE}"),
    )
}

/// The failure if the provider does not answer in time: `is_there` says whether it was on the bus already.
pub(super) fn silent(is_there: bool) -> Failure {
    let what = if is_there {
        "the keychain provider does not answer"
    } else {
        "the keychain provider did not start in time"
    };
    Failure::new(Kind::Unavailable, what, format!("check whether it is hanging, and restart it; {FILE}"))
}

/// The failure if the keychain of an entry is locked. It may not be the default one.
pub(super) fn locked(what: impl std::fmt::Display) -> Failure {
    is_locked(what, "unlock ID")
}

/// The failure if the default keychain is locked.
pub(super) fn default_locked(what: impl std::fmt::Display) -> Failure {
    is_locked(what, "unlock")
}

fn is_locked(what: impl std::fmt::Display, command: &str) -> Failure {
    Failure::new(
        Kind::Unavailable,
        format!("{what} is locked"),
        format!(
            "log in to the desktop, or run `secretref-keychain {command}` in a terminal, with the same profile; {FILE}"
        ),
    )
    .changed_nothing()
}

/// The failure if there is no keychain for new entries.
pub(super) fn no_default() -> Failure {
    Failure::misconfigured(
        "the provider has no default keychain",
        format!(
            "create one with `secretref-keychain unlock`, or by logging in to the desktop; if KeePassXC should provide \
             the keychain, the bus has started another program first: end that, and start KeePassXC before a resolve; \
             {FILE}"
        ),
    )
}

/// The failure if the provider takes passwords only in its own window.
pub(super) fn not_from_here(provider: &str) -> Failure {
    Failure::new(
        Kind::Unavailable,
        format!("the keychain provider ({provider}) takes a password only in its own window"),
        format!(
            "unlock it there; in KeePassXC open a database, and choose in its settings, under Secret Service \
             Integration, what it shows; {FILE}"
        ),
    )
}

/// The failure if the provider would ask a person first.
pub(super) fn wants_a_window() -> Failure {
    Failure::new(
        Kind::AccessDenied,
        "the keychain provider would ask a person in a window first; nothing was done",
        "do it in the provider's own program, or set it not to ask",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_own_words() {
        let text = String::new;
        for (error, kind, words) in [
            (fdo::Error::ServiceUnknown(text()), Kind::Unavailable, "nothing on the session bus"),
            (fdo::Error::SpawnServiceNotFound(text()), Kind::Unavailable, "nothing on the session bus"),
            (fdo::Error::SpawnChildExited(text()), Kind::Unavailable, "could not start"),
            (fdo::Error::AccessDenied(text()), Kind::AccessDenied, "may not access"),
            (fdo::Error::TimedOut(text()), Kind::Unavailable, "did not start in time"),
            (fdo::Error::Disconnected(text()), Kind::Unavailable, "closed the connection"),
            (fdo::Error::NotSupported(text()), Kind::Misconfigured, "kind of session"),
            (fdo::Error::UnknownMethod(text()), Kind::Unavailable, "does not support the"),
        ] {
            let failure = from_bus(&error);
            assert_eq!(failure.kind(), kind, "{error}");
            assert!(failure.what().contains(words), "{error}: {failure}");
        }
    }

    #[test]
    fn only_what_passes_is_asked_again() {
        assert_eq!(from_bus(&fdo::Error::Disconnected(String::new())).retry(), Retry::Soon);
        assert_eq!(from_bus(&fdo::Error::ServiceUnknown(String::new())).retry(), Retry::No);
        assert_eq!(from_provider("org.freedesktop.Secret.Error.IsLocked").retry(), Retry::No);
        assert_eq!(from_provider("org.freedesktop.Secret.Error.NoSession").retry(), Retry::Soon);
        assert!(from_provider("org.kde.Odd").what().ends_with("failed with org.kde.Odd"));
    }
}
