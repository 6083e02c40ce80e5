//! The record of one identity in the session cache, and what to do next. No input or output.

use std::time::Duration;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::{CachedSession, LoginError, NewSession};
use crate::failure::{Failure, Kind, Retry};
use crate::hex::hex;
use crate::secret::Secret;

/// The first pause before a refused credential is sent again; each further refusal doubles it.
const PAUSE: Duration = Duration::from_mins(1);

/// The longest pause: the time for which Vault and OpenBao lock an account.
const LONGEST: Duration = Duration::from_mins(15);

/// The part of its lifetime for which a session is used, in percent: it must be valid to the end of a run.
const SHARE: u32 = 90;

/// The number of refusals in a record.
const REFUSALS: usize = 8;

/// The session of one identity, and its refusals.
pub(super) struct Record {
    head: Head,
    session: Option<Secret>,
}

/// The record without the session. Times are in milliseconds since the epoch. A mark is a keyed hash of a credential.
#[derive(Serialize, Deserialize, Default)]
struct Head {
    salt: String,
    /// The mark of the credential of the session.
    mark: String,
    since: u64,
    until: u64,
    /// The mark of a credential whose sessions cannot be cached.
    #[serde(default)]
    fleeting: String,
    #[serde(default)]
    refusals: Vec<Refusal>,
}

/// A refused sign-in.
#[derive(Serialize, Deserialize, Clone)]
struct Refusal {
    /// The mark of the credential; empty if the refusal applies to all credentials.
    mark: String,
    code: String,
    what: String,
    remedy: String,
    until: u64,
    pause: u64,
}

/// What to do about a sign-in.
pub(super) enum Choice {
    /// Use the session of an earlier process, or its refusal.
    Decided(Result<CachedSession, Failure>),
    /// Sign in without waiting for other processes: their sessions cannot be cached.
    SignInAlone,
    /// Wait for other processes, then sign in.
    SignIn,
}

impl Record {
    /// Makes an empty record.
    pub(super) fn new() -> Self {
        let mut salt = [0; 16];
        // Without random bytes the mark is a plain hash, in a file that only its user can read.
        let _ = SystemRandom::new().fill(&mut salt);
        Self { head: Head { salt: hex(&salt), ..Head::default() }, session: None }
    }

    /// Parses a file: a line of JSON, then the session. `None` if it has another format.
    pub(super) fn parse(text: &Secret) -> Option<Self> {
        let (head, session) = text.expose().split_once('\n')?;
        let session = (!session.is_empty()).then(|| Secret::new(session.to_owned()));
        Some(Self { head: serde_json::from_str(head).ok()?, session })
    }

    /// Returns the text of the file.
    pub(super) fn text(&self) -> Secret {
        let head = serde_json::to_string(&self.head).unwrap_or_default();
        let session = self.session.as_ref().map_or("", Secret::expose);
        Secret::new(format!("{head}\n{session}"))
    }

    /// Decides what to do at the time `now` with this credential. A `refused` session is not used.
    pub(super) fn choose(&self, credential: &[u8], refused: Option<&Secret>, now: Duration) -> Choice {
        let (mark, now) = (self.mark(credential), millis(now));
        let session = self.session.as_ref().filter(|_| self.head.mark == mark && now < self.head.until);
        let is_refused =
            |session: &Secret| refused.is_some_and(|refused| refused.expose() == session.expose());
        if let Some(session) = session.filter(|session| !is_refused(session)) {
            let age = Duration::from_millis(now.saturating_sub(self.head.since));
            return Choice::Decided(Ok(CachedSession {
                secret: Secret::new(session.expose().to_owned()),
                age: Some(age),
            }));
        }
        if let Some(refusal) = self.head.refusals.iter().find(|refusal| refusal.counts(&mark, now)) {
            return Choice::Decided(Err(refusal.failure(now)));
        }
        if self.head.fleeting == mark { Choice::SignInAlone } else { Choice::SignIn }
    }

    /// Returns the record after a sign-in with `credential`. Only another session replaces a session.
    pub(super) fn after(
        mut self,
        signed: &Result<NewSession, LoginError>,
        credential: &[u8],
        now: Duration,
    ) -> Self {
        let mark = self.mark(credential);
        match signed {
            Ok(grant) if grant.lasts.is_zero() => self.head.fleeting = mark,
            Ok(grant) => {
                let until = millis(now.saturating_add(grant.lasts.saturating_mul(SHARE) / 100));
                self.head.refusals.retain(|refusal| refusal.mark != mark);
                self.head = Head { mark, since: millis(now), until, fleeting: String::new(), ..self.head };
                self.session = Some(Secret::new(grant.secret.expose().to_owned()));
            }
            Err(miss) => {
                let earlier = self.head.refusals.iter().find(|refusal| refusal.mark == mark);
                let Some(refusal) = Refusal::new(miss, mark, earlier, now) else { return self };
                self.head.refusals.retain(|earlier| earlier.mark != refusal.mark);
                self.head.refusals.push(refusal);
                let surplus = self.head.refusals.len().saturating_sub(REFUSALS);
                self.head.refusals.drain(..surplus);
            }
        }
        self
    }

    /// Returns the record without its session.
    pub(super) fn without_session(self) -> Self {
        Self { session: None, ..self }
    }

    /// Whether a credential was refused.
    pub(super) fn has_refusals(&self) -> bool {
        !self.head.refusals.is_empty()
    }

    pub(super) fn into_session(self) -> Option<Secret> {
        self.session
    }

    fn mark(&self, credential: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.head.salt.as_bytes());
        hex(hmac::sign(&key, credential).as_ref())
    }
}

impl Refusal {
    /// Makes the refusal of a failed sign-in, if it has one. A refused credential gets twice the pause of an `earlier`
    /// refusal that is not long ago. A pause that the store asked for applies to all credentials.
    fn new(miss: &LoginError, mark: String, earlier: Option<&Self>, now: Duration) -> Option<Self> {
        let again = earlier.filter(|earlier| millis(now) < earlier.until.saturating_add(millis(LONGEST)));
        let (failure, mark, pause) = match miss {
            LoginError::Refused(failure) => {
                let doubled = again.map(|earlier| Duration::from_millis(earlier.pause).saturating_mul(2));
                (failure, mark, doubled.unwrap_or(PAUSE).min(LONGEST))
            }
            LoginError::Unclear(failure) => (failure, mark, PAUSE),
            LoginError::Failed(failure) => match (failure.kind(), failure.retry()) {
                (Kind::RateLimited, Retry::After(pause)) => (failure, String::new(), pause.min(PAUSE)),
                _ => return None,
            },
        };
        Some(Self {
            mark,
            code: failure.kind().code().to_owned(),
            what: failure.what().to_owned(),
            remedy: failure.remedy().to_owned(),
            until: millis(now + pause),
            pause: millis(pause),
        })
    }

    /// Whether the refusal still applies. One from a time when the clock was ahead does not.
    fn counts(&self, mark: &str, now: u64) -> bool {
        (self.mark == mark || self.mark.is_empty()) && now < self.until && self.until - now <= self.pause
    }

    fn failure(&self, now: u64) -> Failure {
        let left = Duration::from_millis(self.until - now);
        let (what, remedy) = (self.what.clone(), self.remedy.clone());
        if self.code == Kind::RateLimited.code() {
            return Failure::new(Kind::RateLimited, what, remedy).with_retry(Retry::After(left));
        }
        let seconds = left.as_secs() + 1;
        let age = Duration::from_millis(self.pause).saturating_sub(left);
        // Without an age it is not from the cache, but from this sign-in.
        let what = if age.is_zero() {
            what
        } else {
            format!("not tried again, refused {} s ago: {what}", age.as_secs())
        };
        Failure::new(Kind::Unauthenticated, what, remedy).hint(format!(
            "another credential is tried at once, and this one again in {seconds} s; to try it now, run `logout` with \
             the same profile, then the same command again"
        ))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn seconds(count: u64) -> Duration {
        NOW + Duration::from_secs(count)
    }

    fn granted(lasts: Duration) -> Result<NewSession, LoginError> {
        Some(NewSession { secret: Secret::new("s.token".into()), lasts })
            .ok_or(LoginError::Failed(Failure::internal("")))
    }

    const LASTS: Duration = Duration::from_secs(100);

    fn refused() -> Result<NewSession, LoginError> {
        Err(LoginError::Refused(Failure::new(Kind::Unauthenticated, "refused", "renew it")))
    }

    /// Describes the decision of the record, written and parsed again, at `now`.
    fn says(record: &Record, credential: &str, now: Duration) -> String {
        says_without(record, credential, None, now)
    }

    fn says_without(record: &Record, credential: &str, refused: Option<&Secret>, now: Duration) -> String {
        match Record::parse(&record.text()).unwrap().choose(credential.as_bytes(), refused, now) {
            Choice::Decided(Ok(held)) => {
                format!("{} of {} s", held.secret.expose(), held.age.unwrap().as_secs())
            }
            Choice::Decided(Err(failure)) => format!("{} {}", failure.kind().code(), failure.what()),
            Choice::SignInAlone => "sign in alone".into(),
            Choice::SignIn => "sign in".into(),
        }
    }

    #[test]
    fn a_session_is_used_for_nine_tenths_of_its_time_with_its_own_credential() {
        let record = Record::new().after(&granted(LASTS), b"id", NOW);
        assert_eq!(says(&record, "id", seconds(89)), "s.token of 89 s");
        assert_eq!(says(&record, "id", seconds(90)), "sign in");
        assert_eq!(says(&record, "another", NOW), "sign in");
        let forever = Record::new().after(&granted(Duration::MAX), b"id", NOW);
        assert_eq!(says(&forever, "id", seconds(9)), "s.token of 9 s");
        let fleeting = Record::new().after(&granted(Duration::ZERO), b"id", NOW);
        assert_eq!(says(&fleeting, "id", NOW), "sign in alone");
    }

    #[test]
    fn a_session_is_given_up_only_for_another() {
        let record = Record::new().after(&granted(LASTS), b"id", NOW);
        let session = Secret::new("s.token".into());
        assert_eq!(says_without(&record, "id", Some(&session), NOW), "sign in");
        let record = record.after(&refused(), b"id", NOW).after(&refused(), b"stale", NOW);
        assert_eq!(says(&record, "id", NOW), "s.token of 0 s");
        assert_eq!(says_without(&record, "id", Some(&session), NOW), "UNAUTHENTICATED refused");
        assert_eq!(says(&record, "stale", NOW), "UNAUTHENTICATED refused");
    }

    #[test]
    fn a_refused_credential_is_left_alone_for_longer_each_time() {
        let mut record = Record::new();
        let mut now = NOW;
        for pause in [60, 120, 240, 480, 900, 900] {
            record = record.after(&refused(), b"wrong", now);
            assert_eq!(says(&record, "wrong", now), "UNAUTHENTICATED refused", "{pause}");
            now += Duration::from_secs(pause - 1);
            let remembered = format!("UNAUTHENTICATED not tried again, refused {} s ago: refused", pause - 1);
            assert_eq!(says(&record, "wrong", now), remembered);
            assert_eq!(says(&record, "right", now), "sign in");
            now += Duration::from_secs(1);
            assert_eq!(says(&record, "wrong", now), "sign in", "{pause}");
        }
        // After a long time the pause is the first one again. A refusal from a clock that was ahead does not apply.
        let late = record.after(&refused(), b"wrong", now + LONGEST);
        assert_eq!(says(&late, "wrong", now + LONGEST + PAUSE), "sign in");
        assert_eq!(says(&late, "wrong", now), "sign in");
        let unclear = Err(LoginError::Unclear(Failure::new(Kind::Unauthenticated, "403", "")));
        let record = late.after(&unclear, b"wrong", now).after(&unclear, b"wrong", now);
        assert_eq!(says(&record, "wrong", now + PAUSE), "sign in");
    }

    #[test]
    fn a_pause_that_the_store_asked_for_counts_for_every_credential_and_not_for_long() {
        let busy = |pause| {
            Err(LoginError::Failed(
                Failure::new(Kind::RateLimited, "busy", "")
                    .with_retry(Retry::After(Duration::from_secs(pause))),
            ))
        };
        let record = Record::new().after(&busy(7), b"id", NOW);
        assert_eq!(says(&record, "another", seconds(6)), "RATE_LIMITED busy");
        assert_eq!(says(&record, "another", seconds(7)), "sign in");
        assert_eq!(says(&Record::new().after(&busy(86_400), b"id", NOW), "id", seconds(60)), "sign in");
    }

    #[test]
    fn other_failures_leave_nothing() {
        let down = Err(LoginError::Failed(Failure::unavailable("down", "")));
        assert_eq!(says(&Record::new().after(&down, b"id", NOW), "id", NOW), "sign in");
        // And remove nothing: the next refusal is still the second.
        let record = Record::new().after(&refused(), b"id", NOW).after(&down, b"id", seconds(60));
        let record = record.after(&refused(), b"id", seconds(60));
        assert!(says(&record, "id", seconds(60 + 119)).starts_with("UNAUTHENTICATED not tried again"));
    }

    #[test]
    fn the_credential_is_not_in_the_text() {
        let text = Record::new().after(&granted(LASTS), b"hunter2", NOW).text();
        assert!(!text.expose().contains("hunter2"));
        assert!(Record::parse(&Secret::new("no record".into())).is_none());
    }
}
