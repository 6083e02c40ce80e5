//! From ids to outcomes: plan, sessions, reads, and asking again. Only here is anything retried.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use futures_util::future::join_all;

use crate::allow::Allow;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::failure::{Failure, Retry};
use crate::fetch_sink::{FetchSink, Wanted, caught, guarded};
use crate::id::Id;
use crate::outcome::Outcome;
use crate::outcomes::Outcomes;
use crate::run::{Run, Stage};
use crate::selector::{Field, Name};
use crate::settings::Settings;

/// The most times that one thing is asked for, where the store does not say when to come back.
const TRIES: u32 = 3;

/// The pause before the second try; it doubles, and is jittered.
const PAUSE: Duration = Duration::from_millis(100);

/// Resolves `ids` and puts each outcome on the board at its place. Returns when every one is settled.
///
/// A run that is watched asks the store about its sessions too, and has one where nothing is read.
pub(crate) async fn resolve<B: Backend>(
    backend: &B,
    settings: &Settings,
    ids: &[String],
    outcomes: &Outcomes,
    deadline: Deadline,
) {
    let mut plan = Plan::make(backend, settings, ids, outcomes);
    let run = settings.run();
    if ids.is_empty() && run.is_traced() {
        match backend.default_scope() {
            Ok(scope) => plan.scopes.push((scope, Vec::new())),
            Err(failure) => {
                let _ = run.end::<()>(run.begin(Stage::SignIn), Err(failure));
            }
        }
    }
    let json = settings.is_on("json_fields");
    let engine = Engine { backend, run, wanted: &plan.wanted, json, outcomes, deadline };
    join_all(plan.scopes.into_iter().map(|(scope, locators)| engine.read_scope(scope, locators))).await;
}

/// Does one thing with a session of `scope`; once more with a new one where the store refused one that was kept.
pub(crate) async fn with_session<B: Backend, T>(
    backend: &B,
    settings: &Settings,
    deadline: Deadline,
    scope: &B::Scope,
    act: impl AsyncFn(&B::Session) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (run, wanted) = (settings.run(), Wanted::new());
    let outcomes = Outcomes::new(run, 0, 0);
    let engine = Engine { backend, run, wanted: &wanted, json: false, outcomes: &outcomes, deadline };
    let session = engine.sign_in(scope, &[], None).await?;
    match act(&session).await {
        Err(failure) if failure.retry() == Retry::Reauthenticate => {
            act(&engine.sign_in(scope, &[], Some(&session)).await?).await
        }
        done => done,
    }
}

/// Reads one document with a session that is there, and takes `field` of it; objects and arrays as JSON.
pub(crate) async fn read_one<B: Backend>(
    backend: &B,
    settings: &Settings,
    deadline: Deadline,
    session: &B::Session,
    (locator, field): (&B::Locator, &Field),
) -> Outcome {
    let run = settings.run();
    let wanted = Wanted::from([(locator.clone(), vec![(0, field.clone())])]);
    let outcomes = Outcomes::new(run, 1, usize::MAX);
    let engine = Engine { backend, run, wanted: &wanted, json: true, outcomes: &outcomes, deadline };
    let step = run.begin(Stage::Read);
    engine.read_batch(session, vec![locator.clone()], false).await;
    let _ = run.end(step, Ok(()));
    let mut settled = outcomes.take(&run.timeout(deadline.limit())).unwrap_or_default();
    settled
        .pop()
        .map_or_else(|| Err(Failure::internal("a secret that was never settled")), |(outcome, _)| outcome)
}

/// Where an id leads, and to which part of the document: pure.
pub(crate) fn locate<B: Backend>(
    backend: &B,
    settings: &Settings,
    allow: &Allow,
    id: &str,
) -> Result<(B::Locator, Field), Failure> {
    let parsed = Id::parse(id)?;
    let entry = settings.name(id);
    allow.check(&parsed).map_err(|denied| match entry {
        Some(_) => denied,
        None => mistyped(backend, &parsed, denied),
    })?;
    match entry {
        Some(name) => backend.locate(name),
        None => backend.locate(&Name::from_id(&parsed)?),
    }
}

/// A pattern for an id that the store has to refuse for how it is written would help nobody.
fn mistyped<B: Backend>(backend: &B, id: &Id, denied: Failure) -> Failure {
    let located = Name::from_id(id).and_then(|name| backend.locate(&name));
    match located.ok().and_then(|(locator, _)| backend.surplus(&locator)) {
        Some(surplus) => {
            Failure::new(denied.kind(), denied.what(), surplus).hint(format!("else {}", denied.remedy()))
        }
        None => denied,
    }
}

/// Which documents to read, and which ids each one answers.
struct Plan<B: Backend> {
    wanted: Wanted<B::Locator>,
    scopes: Vec<(B::Scope, Vec<B::Locator>)>,
}

impl<B: Backend> Plan<B> {
    /// Pure: ids → names → locators, one for each document, by scope. An id that leads nowhere is settled at once.
    fn make(backend: &B, settings: &Settings, ids: &[String], outcomes: &Outcomes) -> Self {
        let allow = settings.allow();
        let mut wanted = Wanted::<B::Locator>::new();
        let mut scopes: Vec<(B::Scope, Vec<B::Locator>)> = Vec::new();
        for (at, text) in ids.iter().enumerate() {
            match guarded(|| locate(backend, settings, &allow, text)) {
                Err(failure) => outcomes.settle(at, Err(failure)),
                Ok((locator, field)) => {
                    if settings.run().is_traced() {
                        settings.run().redact("secret", locator.to_string());
                    }
                    if !wanted.contains_key(&locator) {
                        let scope = backend.scope(&locator);
                        match scopes.iter_mut().find(|(known, _)| *known == scope) {
                            Some((_, locators)) => locators.push(locator.clone()),
                            None => scopes.push((scope, vec![locator.clone()])),
                        }
                    }
                    wanted.entry(locator).or_default().push((at, field));
                }
            }
        }
        Self { wanted, scopes }
    }
}

struct Engine<'e, B: Backend> {
    backend: &'e B,
    run: &'e Run,
    wanted: &'e Wanted<B::Locator>,
    json: bool,
    outcomes: &'e Outcomes,
    deadline: Deadline,
}

impl<B: Backend> Engine<'_, B> {
    fn sink(&self) -> FetchSink<'_, B::Locator> {
        FetchSink::new(self.wanted, self.json, self.outcomes)
    }

    /// Signs in, and reads every batch of a scope at once: how many go over the line together is the transport's affair.
    /// What the store refused because of a session that was kept is read once more with a new one.
    async fn read_scope(&self, scope: B::Scope, locators: Vec<B::Locator>) {
        let (session, refused) = match self.read_all(&scope, locators.clone(), None).await {
            Ok(read) => read,
            Err(failure) => {
                let everything = self.sink();
                return locators.iter().for_each(|locator| everything.fail(locator, &failure));
            }
        };
        if refused.is_empty() {
            return;
        }
        let locators = refused.iter().map(|(locator, _)| locator.clone()).collect();
        if let Err(failure) = self.read_all(&scope, locators, Some(&session)).await {
            let sink = self.sink();
            for (locator, refusal) in &refused {
                // What the store said of the secret itself stands, whatever became of the new session.
                sink.fail(locator, if refusal.kind().is_verdict() { refusal } else { &failure });
            }
        }
    }

    /// Reads with a session that is not the one that was `refused`. Returns it, and what wants another.
    async fn read_all(
        &self,
        scope: &B::Scope,
        locators: Vec<B::Locator>,
        refused: Option<&B::Session>,
    ) -> Result<(B::Session, Vec<(B::Locator, Failure)>), Failure> {
        let may_be_old = refused.is_none();
        let batches = self.backend.batches(locators.clone());
        let mut session = self.sign_in(scope, &batches, refused).await?;
        if self.run.is_traced() && locators.is_empty() {
            session = self.inspected(scope, session).await?;
        }
        let step = self.run.begin(Stage::Read);
        let reads = batches.into_iter().map(|batch| self.read_batch(&session, batch, may_be_old));
        let left = join_all(reads).await.into_iter().flatten().collect();
        let _ = self.run.end(step, Ok(()));
        // Afterwards, as a gateway's run reads first: a token may be good for one request.
        if self.run.is_traced() && !locators.is_empty() {
            let _ = self.inspect(&session).await;
        }
        Ok((session, left))
    }

    /// Asks the store about a session where nothing is read. One that was kept may give way to another here.
    async fn inspected(&self, scope: &B::Scope, session: B::Session) -> Result<B::Session, Failure> {
        match self.inspect(&session).await {
            Err(failure) if failure.retry() == Retry::Reauthenticate => {
                let session = self.sign_in(scope, &[], Some(&session)).await?;
                let _ = self.inspect(&session).await;
                Ok(session)
            }
            _ => Ok(session),
        }
    }

    /// Asks the store about a session; what that fails with is one of the steps.
    async fn inspect(&self, session: &B::Session) -> Result<(), Failure> {
        let step = self.run.begin(Stage::SignIn);
        self.run.end(step, self.backend.inspect(session).await)
    }

    async fn sign_in(
        &self,
        scope: &B::Scope,
        planned: &[Vec<B::Locator>],
        refused: Option<&B::Session>,
    ) -> Result<B::Session, Failure> {
        let sink = self.sink();
        for tries in 1.. {
            let step = self.run.begin(Stage::SignIn);
            let session = caught(self.backend.session(scope, planned, refused), "a panic at sign-in").await;
            match self.run.end(step, session) {
                Ok(session) => return Ok(session),
                Err(failure) => match self.pause(&failure, tries) {
                    None => return Err(failure),
                    Some(pause) => {
                        for locator in planned.iter().flatten() {
                            sink.note(locator, &failure);
                        }
                        tokio::time::sleep(pause).await;
                    }
                },
            }
        }
        unreachable!("the tries are counted")
    }

    /// Reads a batch until nothing of it is left to ask for; returns what wants a new session, if `may_be_old`.
    async fn read_batch(
        &self,
        session: &B::Session,
        mut batch: Vec<B::Locator>,
        may_be_old: bool,
    ) -> Vec<(B::Locator, Failure)> {
        let mut refused = Vec::new();
        for tries in 1.. {
            let sink = self.sink();
            let read = async {
                self.backend.fetch(session, &batch, &sink).await;
                Ok(())
            };
            if let Err(failure) = caught(read, "a panic while it read the secret").await {
                for locator in &batch {
                    sink.fail(locator, &failure);
                }
                break;
            }
            let mut pause = Duration::ZERO;
            let failed = sink.take_transient();
            batch = Vec::new();
            for (locator, failure) in failed {
                match self.pause(&failure, tries) {
                    _ if may_be_old && failure.retry() == Retry::Reauthenticate => {
                        refused.push((locator, failure));
                    }
                    None => sink.fail(&locator, &failure),
                    Some(wanted) => {
                        pause = pause.max(wanted);
                        batch.push(locator);
                    }
                }
            }
            if batch.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        refused
    }

    /// How long to wait before the next try; `None` where there is none, or where the deadline would come first.
    fn pause(&self, failure: &Failure, tries: u32) -> Option<Duration> {
        let pause = match failure.retry() {
            Retry::No | Retry::Reauthenticate => return None,
            Retry::Once(pause) => (tries == 1).then_some(pause)?,
            Retry::Soon => (tries < TRIES).then(|| jittered(PAUSE * 2_u32.pow(tries - 1)))?,
            // Never without a pause of our own: the store may name none.
            Retry::After(pause) => pause.max(PAUSE * tries) + jittered(PAUSE / 4),
        };
        (pause < self.deadline.left()).then_some(pause)
    }
}

/// Between half of `pause` and all of it, so that many processes that failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1024;
    pause / 2 + pause / 2 * u32::try_from(random).unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::HashMap;
    use std::time::Instant;

    use super::*;
    use crate::document::Document;
    use crate::environment::Environment;
    use crate::failure::Kind;
    use crate::profile::Profile;
    use crate::secret::Secret;
    use crate::selector::Field;
    use crate::store::{NameKeys, Store};

    /// A store whose secrets are instructions: the path says how the read of it goes.
    #[derive(Default)]
    struct Scripted {
        reads: RefCell<HashMap<String, u32>>,
        sessions: Cell<u32>,
    }

    impl Backend for Scripted {
        const STORE: Store = Store {
            binary: "secretref-x",
            version: "0",
            about: "",
            settings: &[],
            name_keys: NameKeys::Only(&[]),
            form: "name[#field]",
            examples: "",
            profile: "",
        };
        type Locator = String;
        type Scope = ();
        type Session = ();

        fn configure(_: &Settings) -> Result<Self, Failure> {
            Ok(Self::default())
        }

        fn locate(&self, name: &Name) -> Result<(String, Field), Failure> {
            assert!(!name.name.starts_with("panic-early"), "a bug before the read");
            Ok((name.name.clone(), name.field.clone().unwrap_or(Field::Whole)))
        }

        fn default_scope(&self) -> Result<(), Failure> {
            Ok(())
        }

        fn scope(&self, _: &String) {}

        async fn session(&self, (): &(), _: &[Vec<String>], refused: Option<&()>) -> Result<(), Failure> {
            assert_eq!(refused.is_some(), self.sessions.get() > 0);
            self.sessions.set(self.sessions.get() + 1);
            Ok(())
        }

        async fn fetch(&self, (): &(), batch: &[String], sink: &FetchSink<'_, String>) {
            for locator in batch {
                let reads = *self
                    .reads
                    .borrow_mut()
                    .entry(locator.clone())
                    .and_modify(|reads| *reads += 1)
                    .or_insert(1);
                let passing = || Failure::unavailable("passing", "");
                let read = match locator.split('-').next() {
                    Some("panic") => panic!("a bug with the secret hunter2"),
                    Some("silent") => continue,
                    Some("third") if reads < 3 => Err(passing()),
                    Some("never") => Err(passing()),
                    Some("once") => Err(passing().with_retry(Retry::Once(Duration::from_millis(1)))),
                    Some("fifth") if reads < 5 => Err(passing().with_retry(Retry::After(Duration::ZERO))),
                    Some("later") => Err(passing().with_retry(Retry::After(Duration::from_mins(1)))),
                    Some("hang") if reads > 1 => std::future::pending().await,
                    Some("hang") => Err(passing().with_retry(Retry::After(Duration::from_millis(1)))),
                    Some("old") if self.sessions.get() == 1 => {
                        Err(passing().with_retry(Retry::Reauthenticate))
                    }
                    Some("stale") => Err(passing().with_retry(Retry::Reauthenticate)),
                    Some("missing") => Err(Failure::not_found("missing", "")),
                    _ => Ok(Document::fields(Secret::new(r#"{"a":"value-a","b":"value-b"}"#.into()))),
                };
                sink.settle(locator, read);
            }
        }
    }

    /// Resolves `ids`, and gives each its value or kind, with the number of times that each document was read.
    fn run(ids: &[&str]) -> (Vec<Result<String, Kind>>, HashMap<String, u32>, u32) {
        let store = &Scripted::STORE;
        let environment = Environment::new(0, |_| None);
        let settings = Settings::load(
            store,
            &Vec::new(),
            Some(Profile::none(store)),
            &environment,
            &Run::new(Instant::now()),
        )
        .unwrap();
        let backend = Scripted::default();
        let outcomes = Outcomes::new(settings.run(), ids.len(), 1 << 20);
        let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
        let deadline = Deadline::new(Instant::now(), Duration::from_millis(800));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let _ = tokio::time::timeout(
                deadline.left(),
                resolve(&backend, &settings, &ids, &outcomes, deadline),
            )
            .await;
        });
        let outcomes = outcomes.take(&Failure::new(Kind::Timeout, "", "")).unwrap();
        let shown = |(outcome, _): (Outcome, Duration)| {
            outcome.map(|value| value.expose().to_owned()).map_err(|failure| failure.kind())
        };
        (outcomes.into_iter().map(shown).collect(), backend.reads.take(), backend.sessions.get())
    }

    #[test]
    fn one_read_and_one_session_for_all_fields_of_a_secret() {
        let (outcomes, reads, sessions) = run(&["s#a", "s#b", "s#c", "t#a"]);
        let value = |value: &str| Ok(value.to_owned());
        assert_eq!(outcomes, [value("value-a"), value("value-b"), Err(Kind::NotFound), value("value-a")]);
        assert_eq!((reads["s"], reads["t"], sessions), (1, 1, 1));
    }

    #[test]
    fn a_bug_costs_one_id_only() {
        let (outcomes, ..) = run(&["panic-early#a", "panic#a", "s#a", "silent#a"]);
        // What a backend never settles is left to whoever takes the board down.
        assert_eq!(
            outcomes,
            [Err(Kind::Internal), Err(Kind::Internal), Ok("value-a".into()), Err(Kind::Timeout)]
        );
    }

    #[test]
    fn only_what_may_pass_is_asked_again_and_three_times_at_most() {
        let ids = ["third#a", "never#a", "once#a", "later#a", "missing#a"];
        let (outcomes, reads, _) = run(&ids);
        let down = Err(Kind::Unavailable);
        assert_eq!(outcomes, [Ok("value-a".into()), down.clone(), down.clone(), down, Err(Kind::NotFound)]);
        let count = |name: &str| reads[name];
        assert_eq!(["third", "never", "once", "later", "missing"].map(count), [3, 3, 2, 1, 1]);
    }

    #[test]
    fn where_the_store_says_when_it_is_asked_until_the_deadline() {
        let (_, reads, _) = run(&["fifth#a"]);
        assert!((3..5).contains(&reads["fifth"]), "{reads:?}");
    }

    #[test]
    fn a_session_that_was_kept_is_made_anew_once() {
        let (outcomes, reads, sessions) = run(&["old#a", "stale#a", "s#a"]);
        let value = || Ok("value-a".to_owned());
        assert_eq!(outcomes, [value(), Err(Kind::Unavailable), value()]);
        assert_eq!((reads["old"], reads["stale"], reads["s"], sessions), (2, 2, 1, 2));
    }

    #[test]
    fn at_the_deadline_an_id_keeps_its_last_failure() {
        assert_eq!(run(&["hang#a"]).0, [Err(Kind::Unavailable)]);
    }
}
