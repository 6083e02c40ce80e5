//! What there is to say of a session, for somebody who watches.

use std::time::Duration;

use secretref_protocol::{Failure, Run, Stage};

use crate::auth::Auth;
use crate::locator::{Kv, Locator};
use crate::session::Session;
use crate::settings::DEFAULT_MOUNT;
use crate::token_status::{TokenDetails, TokenStatus};

/// Policies that every server has: they are no names of anybody's.
const EVERYWHERE: [&str; 2] = ["default", "root"];

/// Asks the server what it thinks of the token, and notes that beside how it was come by.
pub(crate) async fn inspect(auth: &Auth, session: &Session) -> Result<(), Failure> {
    let run = &session.server().route().run;
    let note = |fact: &str| run.fact(Stage::SignIn, fact);
    note(&session.token().origin());
    if let Some(held) = session.token().held() {
        let age = held.age.map(|age| format!("with a session that was kept for {} so far", span(age)));
        note(&age.unwrap_or_else(|| "signed in by this run".to_owned()));
    }
    if let Auth::Login { cache, .. } = auth {
        match cache.place() {
            Ok(place) => note(&format!("sessions are kept in {}", place.display())),
            Err(why) => note(&format!("sessions are not kept, and every start signs in: {why}")),
        }
    }
    match session.status_of_token().await? {
        TokenStatus::Valid(Some(looked)) => tell(run, looked, session.token().held().is_none()),
        TokenStatus::Valid(None) => {
            note("valid; without the policy default it may not look itself up, so nothing else is known");
        }
        TokenStatus::Unknown => return Err(session.unknown()),
        TokenStatus::Unclear => note("the server does not say what it thinks of the token"),
    }
    Ok(())
}

/// A token that nobody renews is warned of for so long before it ends.
const SOON: u64 = 7 * 24 * 60 * 60;

/// Tells what the server knows of a token; one that `is_given` is not replaced when it ends.
fn tell(run: &Run, looked: &TokenDetails, is_given: bool) {
    let note = |fact: &str| run.fact(Stage::SignIn, fact);
    match looked.ttl {
        0 => note("never expires"),
        seconds => {
            let renewable = if looked.renewable { "" } else { ", and cannot be renewed" };
            let left = span(Duration::from_secs(seconds));
            note(&format!("expires in {left}{renewable}"));
            run.ends("token", Duration::from_secs(seconds));
            if is_given && seconds <= SOON {
                run.warn(
                    Stage::SignIn,
                    format!(
                        "the token ends in {left}, and no id has a value then: see that something renews it, or let `auth` sign in by \
                         itself, which lasts"
                    ),
                );
            } else if is_given {
                note("the token is not renewed from here: when it ends, no id has a value");
            }
        }
    }
    if looked.num_uses > 0 {
        run.warn(Stage::SignIn, format!("it is good for {} more requests and no longer", looked.num_uses));
    }
    let policies = looked.all_policies();
    note(&format!("policies: {}", if policies.is_empty() { "none".into() } else { policies.join(", ") }));
    for policy in policies.into_iter().filter(|policy| !EVERYWHERE.contains(policy)) {
        run.redact("policy", policy);
    }
}

/// Sees to it that nothing of where a secret is is shown.
pub(crate) fn redact(run: &Run, locator: &Locator) {
    for kv in [Kv::V1, Kv::V2] {
        run.redact("secret", locator.policy_path(kv));
    }
    run.redact("secret", locator.path.clone());
    // What servers have as a rule is no name of anybody's.
    if locator.mount.path != DEFAULT_MOUNT {
        run.redact("mount", locator.mount.path.clone());
    }
    run.redact("namespace", locator.mount.namespace.clone().unwrap_or_default());
}

/// A length of time in its largest unit: `3 h`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_unit() {
        let of = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(
            [of(90), of(150), of(3600), of(90_000), of(2_764_800)],
            ["90 s", "2 min", "60 min", "25 h", "32 d"]
        );
    }
}
