//! From ids to outcomes: plans the reads, reads each document once, and settles the ids.

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
use crate::retry::pause;
use crate::run::Stage;
use crate::selector::{Field, Name};
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::settings::family::JSON_FIELDS;

/// Resolves `ids`, and settles the outcome of each in `outcomes`, by its index. Returns when every id is settled.
///
/// A traced run also asks the store about its sessions, and signs in even if there is nothing to read.
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
    let json = settings.is_on(&JSON_FIELDS);
    let sessions = Sessions { backend, run, deadline };
    let reader = Reader { sessions, wanted: &plan.wanted, json, outcomes };
    join_all(plan.scopes.into_iter().map(|(scope, locators)| reader.read_scope(scope, locators))).await;
}

/// Reads one document with this session, and takes `field` out of it; objects and arrays as JSON.
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
    let sessions = Sessions { backend, run, deadline };
    let reader = Reader { sessions, wanted: &wanted, json: true, outcomes: &outcomes };
    let step = run.begin(Stage::Read);
    reader.read_batch(session, vec![locator.clone()], false).await;
    let _ = run.end(step, Ok(()));
    let mut settled = outcomes.take(&run.timeout(deadline.limit())).unwrap_or_default();
    settled
        .pop()
        .map_or_else(|| Err(Failure::internal("a secret that was never settled")), |(outcome, _)| outcome)
}

/// Returns the document that an id names, and the part of it. Pure.
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

/// Adds how to write the id, if it repeats a setting: a pattern in `allow` would not help, as the store refuses such an id.
fn mistyped<B: Backend>(backend: &B, id: &Id, denied: Failure) -> Failure {
    let located = Name::from_id(id).and_then(|name| backend.locate(&name));
    match located.ok().and_then(|(locator, _)| backend.surplus(&locator)) {
        Some(surplus) => {
            Failure::new(denied.kind(), denied.what(), surplus).hint(format!("else {}", denied.remedy()))
        }
        None => denied,
    }
}

/// The documents to read, and the ids that each one answers.
struct Plan<B: Backend> {
    wanted: Wanted<B::Locator>,
    scopes: Vec<(B::Scope, Vec<B::Locator>)>,
}

impl<B: Backend> Plan<B> {
    /// Makes a plan from ids: names, then locators, one for each document, by scope. Settles at once an id that cannot be
    /// located. Pure.
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

/// Reads documents, and settles the ids that they answer.
struct Reader<'r, B: Backend> {
    sessions: Sessions<'r, B>,
    wanted: &'r Wanted<B::Locator>,
    json: bool,
    outcomes: &'r Outcomes,
}

impl<B: Backend> Reader<'_, B> {
    fn sink(&self) -> FetchSink<'_, B::Locator> {
        FetchSink::new(self.wanted, self.json, self.outcomes)
    }

    /// Signs in, and reads every batch of a scope at once: the transport decides how many requests go out together. What the
    /// store refused because of a cached session is read once more with a new one.
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
                // What the store said about the secret itself is true, even if the new sign-in failed.
                sink.fail(locator, if refusal.kind().is_verdict() { refusal } else { &failure });
            }
        }
    }

    /// Reads with another session than the `refused` one. Returns the session, and the locators that need a new one.
    async fn read_all(
        &self,
        scope: &B::Scope,
        locators: Vec<B::Locator>,
        refused: Option<&B::Session>,
    ) -> Result<(B::Session, Vec<(B::Locator, Failure)>), Failure> {
        let may_be_cached = refused.is_none();
        let batches = self.sessions.backend.batches(locators.clone());
        let mut session = self.sign_in(scope, &batches, refused).await?;
        if self.sessions.run.is_traced() && locators.is_empty() {
            session = self.inspected(scope, session).await?;
        }
        let step = self.sessions.run.begin(Stage::Read);
        let reads = batches.into_iter().map(|batch| self.read_batch(&session, batch, may_be_cached));
        let left = join_all(reads).await.into_iter().flatten().collect();
        let _ = self.sessions.run.end(step, Ok(()));
        // After the reads, as a gateway's run only reads: a token may be valid for a single request.
        if self.sessions.run.is_traced() && !locators.is_empty() {
            let _ = self.inspect(&session).await;
        }
        Ok((session, left))
    }

    /// Asks the store about a session if nothing is read. A cached session that the store refuses is replaced here.
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

    /// Asks the store about a session. Its failure is recorded as a step.
    async fn inspect(&self, session: &B::Session) -> Result<(), Failure> {
        let step = self.sessions.run.begin(Stage::SignIn);
        self.sessions.run.end(step, self.sessions.backend.inspect(session).await)
    }

    async fn sign_in(
        &self,
        scope: &B::Scope,
        planned: &[Vec<B::Locator>],
        refused: Option<&B::Session>,
    ) -> Result<B::Session, Failure> {
        let sink = self.sink();
        let note =
            |failure: &Failure| planned.iter().flatten().for_each(|locator| sink.note(locator, failure));
        self.sessions.sign_in(scope, planned, refused, note).await
    }

    /// Reads a batch until each locator is settled. If `may_be_cached`, returns the locators that need a new session.
    async fn read_batch(
        &self,
        session: &B::Session,
        mut batch: Vec<B::Locator>,
        may_be_cached: bool,
    ) -> Vec<(B::Locator, Failure)> {
        let mut refused = Vec::new();
        for tries in 1.. {
            let sink = self.sink();
            let read = async {
                self.sessions.backend.fetch(session, &batch, &sink).await;
                Ok(())
            };
            if let Err(failure) = caught(read, "a panic while reading the secret").await {
                for locator in &batch {
                    sink.fail(locator, &failure);
                }
                break;
            }
            let mut longest = Duration::ZERO;
            let failed = sink.take_transient();
            batch = Vec::new();
            for (locator, failure) in failed {
                match pause(&failure, tries, self.sessions.deadline) {
                    _ if may_be_cached && failure.retry() == Retry::Reauthenticate => {
                        refused.push((locator, failure));
                    }
                    None => sink.fail(&locator, &failure),
                    Some(wanted) => {
                        longest = longest.max(wanted);
                        batch.push(locator);
                    }
                }
            }
            if batch.is_empty() {
                break;
            }
            tokio::time::sleep(longest).await;
        }
        refused
    }
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
    use crate::run::Run;
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
        // An id that a backend never settles gets its failure when the outcomes are taken.
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
    fn a_store_that_says_when_is_asked_until_the_deadline() {
        let (_, reads, _) = run(&["fifth#a"]);
        assert!((3..5).contains(&reads["fifth"]), "{reads:?}");
    }

    #[test]
    fn a_cached_session_is_replaced_once() {
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
