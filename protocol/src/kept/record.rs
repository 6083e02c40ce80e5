//! What a file of a kept session says, and what follows from it. Pure.

use std::time::Duration;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::{Grant, Held};
use crate::failure::{Failure, Kind, Retry};
use crate::hex::hex;
use crate::secret::Secret;

/// How long a refused credential is left alone at first; it doubles with each refusal.
const PAUSE: Duration = Duration::from_mins(1);

/// The longest that it is left alone, which is as long as Vault and OpenBao lock an account.
const LONGEST: Duration = Duration::from_mins(15);

/// How much of its time a session is used, in hundredths: it must last to the end of a run.
const SHARE: u32 = 90;

/// One identity's session and refusal, either of which may be there.
pub(super) struct Record {
    head: Head,
    session: Option<Secret>,
}

/// All but the session itself. Times are milliseconds since the epoch.
#[derive(Serialize, Deserialize, Default)]
struct Head {
    salt: String,
    /// The credential that session and refusal are of, as a code from which it cannot be had.
    mark: String,
    since: u64,
    until: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
}

/// How the store refused to sign in.
#[derive(Serialize, Deserialize, Clone)]
struct Refusal {
    code: String,
    what: String,
    remedy: String,
    until: u64,
    pause: u64,
}

/// What to do about a sign-in.
pub(super) enum Choice {
    Session(Held),
    Refusal(Failure),
    SignIn,
}

impl Record {
    /// Nothing kept yet.
    pub(super) fn new() -> Self {
        let mut salt = [0; 16];
        // Without randomness the mark is a plain hash, in a file that only its user can read.
        let _ = SystemRandom::new().fill(&mut salt);
        Self { head: Head { salt: hex(&salt), ..Head::default() }, session: None }
    }

    /// Reads a file: a line of JSON, and the session after it. `None` where it is no such file.
    pub(super) fn parse(text: &Secret) -> Option<Self> {
        let (head, session) = text.expose().split_once('\n')?;
        let session = (!session.is_empty()).then(|| Secret::new(session.to_owned()));
        Some(Self { head: serde_json::from_str(head).ok()?, session })
    }

    /// The text of the file.
    pub(super) fn text(&self) -> Secret {
        let head = serde_json::to_string(&self.head).unwrap_or_default();
        let session = self.session.as_ref().map_or("", Secret::expose);
        Secret::new(format!("{head}\n{session}"))
    }

    /// What to do at the time `now` with this credential.
    pub(super) fn choose(self, credential: &[u8], now: Duration) -> Choice {
        let is_same = self.is_of(credential);
        let now = millis(now);
        if let Some(refusal) = self.head.refusal.filter(|refusal| now < refusal.until)
            && (is_same || refusal.code == Kind::RateLimited.code())
        {
            return Choice::Refusal(refusal.failure(now));
        }
        match self.session {
            Some(secret) if is_same && now < self.head.until => {
                let age = Duration::from_millis(now.saturating_sub(self.head.since));
                Choice::Session(Held { secret, age: Some(age) })
            }
            _ => Choice::SignIn,
        }
    }

    /// The record after a sign-in with `credential`.
    pub(super) fn after(self, signed: &Result<Grant, Failure>, credential: &[u8], now: Duration) -> Self {
        let earlier = self.head.refusal.clone().filter(|_| self.is_of(credential));
        let mut head = Head { mark: self.mark(credential), since: millis(now), ..self.head };
        head.refusal = None;
        let mut session = None;
        match signed {
            Ok(grant) => {
                head.until = millis(now.saturating_add(grant.lasts.saturating_mul(SHARE) / 100));
                session = (!grant.lasts.is_zero()).then(|| Secret::new(grant.secret.expose().to_owned()));
            }
            Err(failure) => head.refusal = Refusal::of(failure, earlier.as_ref(), now),
        }
        Self { head, session }
    }

    /// The same without the session.
    pub(super) fn without_session(self) -> Self {
        Self { session: None, ..self }
    }

    /// Whether this session is the one that is kept.
    pub(super) fn holds(&self, session: &Secret) -> bool {
        self.session.as_ref().is_some_and(|kept| kept.expose() == session.expose())
    }

    pub(super) fn into_session(self) -> Option<Secret> {
        self.session
    }

    fn is_of(&self, credential: &[u8]) -> bool {
        self.mark(credential) == self.head.mark
    }

    fn mark(&self, credential: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.head.salt.as_bytes());
        hex(hmac::sign(&key, credential).as_ref())
    }
}

impl Refusal {
    /// How long to leave the store alone after a failure: one of the credential doubles its pause, and a pause that the
    /// store itself asked for stands. Any other failure says nothing about the next try.
    fn of(failure: &Failure, earlier: Option<&Self>, now: Duration) -> Option<Self> {
        let pause = match (failure.kind(), failure.asks_again()) {
            (Kind::Unauthenticated, _) => {
                earlier.map_or(PAUSE, |earlier| (Duration::from_millis(earlier.pause) * 2).min(LONGEST))
            }
            (Kind::RateLimited, Retry::After(pause)) => pause.min(LONGEST),
            _ => return None,
        };
        Some(Self {
            code: failure.kind().code().to_owned(),
            what: failure.what().to_owned(),
            remedy: failure.remedy().to_owned(),
            until: millis(now + pause),
            pause: millis(pause),
        })
    }

    fn failure(self, now: u64) -> Failure {
        let left = Duration::from_millis(self.until - now);
        if self.code == Kind::RateLimited.code() {
            return Failure::new(Kind::RateLimited, self.what, self.remedy).retry(Retry::After(left));
        }
        let seconds = left.as_secs() + 1;
        Failure::new(
            Kind::Unauthenticated,
            self.what,
            format!(
                "{}; another credential is tried at once, this one again in {seconds} s or after `logout`",
                self.remedy
            ),
        )
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

    fn granted(lasts: Duration) -> Grant {
        Grant { secret: Secret::new("s.token".into()), lasts }
    }

    const LASTS: Duration = Duration::from_secs(100);

    fn refused() -> Failure {
        Failure::new(Kind::Unauthenticated, "refused", "renew it")
    }

    /// What the record, written and read again, says at `now`.
    fn says(record: &Record, credential: &str, now: Duration) -> String {
        match Record::parse(&record.text()).unwrap().choose(credential.as_bytes(), now) {
            Choice::Session(held) => {
                format!("{} of {} s", held.secret.expose(), held.age.unwrap().as_secs())
            }
            Choice::Refusal(failure) => format!("{} {}", failure.kind().code(), failure.what()),
            Choice::SignIn => "sign in".into(),
        }
    }

    #[test]
    fn a_session_is_used_for_nine_tenths_of_its_time_with_its_own_credential() {
        let record = Record::new().after(&Ok(granted(LASTS)), b"id", NOW);
        assert_eq!(says(&record, "id", seconds(89)), "s.token of 89 s");
        assert_eq!(says(&record, "id", seconds(90)), "sign in");
        assert_eq!(says(&record, "another", NOW), "sign in");
        assert_eq!(
            says(&Record::new().after(&Ok(granted(Duration::ZERO)), b"id", NOW), "id", NOW),
            "sign in"
        );
        let forever = Ok(granted(Duration::MAX));
        assert_eq!(says(&Record::new().after(&forever, b"id", NOW), "id", seconds(9)), "s.token of 9 s");
    }

    #[test]
    fn a_refused_credential_is_left_alone_for_longer_each_time() {
        let mut record = Record::new();
        let mut now = NOW;
        for pause in [60, 120, 240, 480, 900, 900] {
            record = record.after(&Err(refused()), b"wrong", now);
            now += Duration::from_secs(pause - 1);
            assert_eq!(says(&record, "wrong", now), "UNAUTHENTICATED refused", "{pause}");
            assert_eq!(says(&record, "right", now), "sign in");
            now += Duration::from_secs(1);
            assert_eq!(says(&record, "wrong", now), "sign in", "{pause}");
        }
        let record = record.after(&Err(refused()), b"another", now);
        assert_eq!(says(&record, "another", now + PAUSE), "sign in");
    }

    #[test]
    fn a_pause_that_the_store_asked_for_counts_for_every_credential() {
        let busy = Failure::new(Kind::RateLimited, "busy", "").retry(Retry::After(Duration::from_secs(7)));
        let record = Record::new().after(&Err(busy), b"id", NOW);
        assert_eq!(says(&record, "another", seconds(6)), "RATE_LIMITED busy");
        assert_eq!(says(&record, "another", seconds(7)), "sign in");
    }

    #[test]
    fn other_failures_leave_nothing() {
        let record = Record::new().after(&Ok(granted(LASTS)), b"id", NOW);
        let record = record.after(&Err(Failure::unavailable("down", "")), b"id", NOW);
        assert_eq!(says(&record, "id", NOW), "sign in");
    }

    #[test]
    fn the_credential_is_not_in_the_text() {
        let text = Record::new().after(&Ok(granted(LASTS)), b"hunter2", NOW).text();
        assert!(!text.expose().contains("hunter2"));
        assert!(Record::parse(&Secret::new("no record".into())).is_none());
    }
}
