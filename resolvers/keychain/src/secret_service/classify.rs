//! What an error of the bus or of its Secret Service means. Pure.

use std::time::Duration;

use secretref_protocol::{Failure, Kind, Retry};
use zbus::fdo;

/// How long bus and provider may take for their first word. One that is activated and never registers would keep the bus
/// waiting for minutes.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How soon a call is made once more that was not understood.
const AGAIN: Duration = Duration::from_millis(5);

/// What to do without any keychain.
pub(super) const FILE: &str =
    "on a machine without a desktop, store = \"file\" keeps secrets in an encrypted file";

const BUS: &str = "org.freedesktop.DBus.Error.";
/// gnome-keyring's word for a wrong password.
const DENIED: &str = "org.gnome.keyring.Error.Denied";

const SECRET: &str = "org.freedesktop.Secret.Error.";

/// What an error means that is not about a single entry.
pub(super) fn classify(error: &zbus::Error) -> Failure {
    match error {
        zbus::Error::FDO(error) => from_bus(error),
        zbus::Error::MethodError(name, ..) => from_provider(name.as_str()),
        zbus::Error::InputOutput(_) => gone(),
        _ => Failure::new(
            Kind::Unavailable,
            "what provides the keychain gave an answer that is none of the Secret Service",
            "see with `doctor` what provides it",
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
            "the bus could not start what provides the keychain",
            format!("see the journal of the user (journalctl --user -t dbus-daemon); {FILE}"),
        ),
        E::AccessDenied(_) | E::AuthFailed(_) | E::InteractiveAuthorizationRequired(_) => Failure::new(
            Kind::AccessDenied,
            "the keychain refuses this program",
            "see the policy of the bus, and what the provider of the keychain was told to refuse",
        ),
        // What the bus says of a program that ends.
        E::NoReply(_) => Failure::unavailable(
            "what provides the keychain ended before it had answered",
            "see its own log, and why it ended",
        ),
        E::Timeout(_) | E::TimedOut(_) => silent(false),
        E::Disconnected(_) | E::NoServer(_) | E::IOError(_) => gone(),
        E::LimitsExceeded(_) => {
            Failure::unavailable("the bus has no room for more calls", "ask for fewer ids at once")
        }
        E::NotSupported(_) => Failure::misconfigured(
            "what provides the keychain does not know this kind of session",
            "set `session` to the other",
        ),
        E::Failed(_) => Failure::new(
            Kind::Unavailable,
            "what provides the keychain failed at this",
            "see its own log, and whether it may write where it keeps its files",
        ),
        // What gnome-keyring says, too, to the first call of a client while it is busy with another.
        E::UnknownMethod(_) => strange().with_retry(Retry::Once(AGAIN)),
        E::ZBus(error) => classify(error),
        _ => strange(),
    }
}

fn from_provider(name: &str) -> Failure {
    match name.strip_prefix(SECRET) {
        Some("IsLocked") => locked("the keychain"),
        Some("NoSession" | "NoSuchObject") => {
            Failure::unavailable("the keychain changed while it was read", "ask again")
        }
        _ if name == DENIED => Failure::new(
            Kind::Unauthenticated,
            "the password is not that of the keychain",
            "type it again: it is mostly the one of the login",
        ),
        _ if name.starts_with(BUS) => strange(),
        _ => Failure::new(
            Kind::Unavailable,
            format!("what provides the keychain failed with {name}"),
            "see its own log",
        ),
    }
}

fn strange() -> Failure {
    Failure::new(
        Kind::Unavailable,
        "what provides the keychain does not speak the Secret Service",
        "see with `doctor` what provides it",
    )
}

pub(super) fn gone() -> Failure {
    Failure::unavailable("the bus ended the connection", "see whether the session ends")
}

fn no_provider() -> Failure {
    Failure::new(
        Kind::Unavailable,
        "nothing on the session bus provides a keychain (org.freedesktop.secrets)",
        format!("install and start one, such as gnome-keyring or KeePassXC; {FILE}"),
    )
}

/// There was no answer in time, from a provider that is on the bus or is only being started.
pub(super) fn silent(is_there: bool) -> Failure {
    let what = if is_there {
        "what provides the keychain does not answer"
    } else {
        "the bus starts what provides the keychain, which does not come up"
    };
    Failure::new(Kind::Unavailable, what, format!("see whether it hangs, and restart it; {FILE}"))
}

/// There is something, and nobody has unlocked what has it, which may be another keychain than the default one.
pub(super) fn locked(what: impl std::fmt::Display) -> Failure {
    is_locked(what, "unlock ID")
}

/// The same of the default keychain.
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

/// Nobody has made a keychain that new entries could go into.
pub(super) fn no_default() -> Failure {
    Failure::misconfigured(
        "the provider has no default keychain",
        format!(
            "make one: with `secretref-keychain unlock`, or by logging in to the desktop; if KeePassXC is to provide \
             the keychain, the bus has started another program first: end that, and start KeePassXC before a resolve; \
             {FILE}"
        ),
    )
}

/// This provider asks for passwords by itself.
pub(super) fn not_from_here(provider: &str) -> Failure {
    Failure::new(
        Kind::Unavailable,
        format!("what provides the keychain ({provider}) takes a password in its own window alone"),
        format!(
            "unlock it there; in KeePassXC open a database, and choose in its settings, under Secret Service \
             Integration, what it shows; {FILE}"
        ),
    )
}

/// The provider would ask a person before it does that.
pub(super) fn wants_a_window() -> Failure {
    Failure::new(
        Kind::AccessDenied,
        "what provides the keychain wants to ask a person in a window first, and nothing was done",
        "do it in the provider's own program, or let it not ask for this",
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
            (fdo::Error::AccessDenied(text()), Kind::AccessDenied, "refuses this program"),
            (fdo::Error::TimedOut(text()), Kind::Unavailable, "does not come up"),
            (fdo::Error::Disconnected(text()), Kind::Unavailable, "ended the connection"),
            (fdo::Error::NotSupported(text()), Kind::Misconfigured, "kind of session"),
            (fdo::Error::UnknownMethod(text()), Kind::Unavailable, "does not speak"),
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
