//! `logout`: deletes the cached sessions and revokes them in the store.

use super::only_reads::check_again;
use super::output::{explain, print_note};
use crate::answer::configure;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runtime;
use crate::settings::Settings;

/// Signs out of every scope in the settings, and reports on stderr which sessions ended.
pub(super) fn logout<B: Backend>(settings: &Settings, deadline: Deadline) -> Exit {
    let ended = match sign_out::<B>(settings, deadline) {
        Ok(ended) => ended,
        Err(failure) => vec![Err(failure)],
    };
    let mut exit = Exit::Done;
    for failure in ended.iter().filter_map(|ended| ended.as_ref().err()) {
        explain(None, failure);
        exit = Exit::from_failure(failure);
    }
    let mut said: Vec<_> = ended.iter().filter_map(|ended| *ended.as_ref().ok()?).collect();
    said.dedup();
    for ended in &said {
        print_note(*ended);
    }
    if said.is_empty() && exit == Exit::Done {
        print_note("no cached session");
    }
    exit
}

/// The result for each scope: a note if there was a session.
type Ended = Vec<Result<Option<&'static str>, Failure>>;

fn sign_out<B: Backend>(settings: &Settings, deadline: Deadline) -> Result<Ended, Failure> {
    let backend = configure::<B>(settings)?;
    let scopes = scopes(&backend, settings)?;
    check_again("logout");
    runtime::run(async {
        let mut ended = Vec::new();
        for scope in &scopes {
            let done = tokio::time::timeout(deadline.left(), backend.sign_out(scope)).await;
            ended.push(done.unwrap_or_else(|_| Err(settings.run().timeout(deadline.limit()))));
        }
        ended
    })
}

/// Returns the default scope and the scopes of all `[ids]` entries. A missing default is an error only if there is no other.
fn scopes<B: Backend>(backend: &B, settings: &Settings) -> Result<Vec<B::Scope>, Failure> {
    let default = backend.sign_out_scope();
    let mut scopes: Vec<_> = default.iter().cloned().collect();
    for name in settings.entries().into_values() {
        // An invalid entry has no session.
        let scope = backend.locate(name).map(|(locator, _)| backend.scope(&locator));
        scopes.extend(scope.ok().filter(|scope| !scopes.contains(scope)));
    }
    if scopes.is_empty() { default.map(|scope| vec![scope]) } else { Ok(scopes) }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::environment::Environment;
    use crate::fetch_sink::FetchSink;
    use crate::profile::Profile;
    use crate::run::Run;
    use crate::selector::{Field, Name};
    use crate::store::{NameKeys, Setting, Store};

    /// A store in regions, each with sessions of its own; there need be no default.
    struct Regions(Option<String>);

    impl Backend for Regions {
        const STORE: Store = Store {
            binary: "secretref-x",
            version: "0",
            about: "",
            settings: &[&[REGION.row()]],
            name_keys: NameKeys::Only(&["region"]),
            form: "name",
            examples: "",
            profile: "",
        };
        type Locator = String;
        type Scope = String;
        type Session = ();

        fn configure(settings: &Settings) -> Result<Self, Failure> {
            Ok(Self(settings.text(&REGION).map(str::to_owned)))
        }

        fn locate(&self, name: &Name) -> Result<(String, Field), Failure> {
            let region = name.key("region").map(str::to_owned).or(self.0.clone());
            let region = region.ok_or_else(|| Failure::misconfigured("no region", "set `region`"))?;
            Ok((region, Field::Whole))
        }

        fn default_scope(&self) -> Result<String, Failure> {
            self.0.clone().ok_or_else(|| Failure::misconfigured("`region` is not set", "set it"))
        }

        fn scope(&self, locator: &String) -> String {
            locator.clone()
        }

        async fn session(&self, _: &String, _: &[Vec<String>], _: Option<&()>) -> Result<(), Failure> {
            Ok(())
        }

        async fn fetch(&self, (): &(), _: &[String], _: &FetchSink<'_, String>) {}
    }

    const REGION: Setting<str> = Setting::text("region", "");

    fn scopes_of(profile: &str) -> Result<Vec<String>, Failure> {
        let (store, environment) = (&Regions::STORE, Environment::new(0, |_| None));
        let profile = Profile::parse(store, profile).unwrap();
        let settings =
            Settings::load(store, &Vec::new(), Some(profile), &environment, &Run::new(Instant::now()))
                .unwrap();
        scopes(&Regions::configure(&settings).unwrap(), &settings)
    }

    #[test]
    fn every_scope_that_the_settings_name_is_signed_out_of_once() {
        const IDS: &str = "[ids]\na = { name = \"a\", region = \"r1\" }\nb = { name = \"b\", region = \"r2\" }\n\
                           c = { name = \"c\", region = \"r2\" }\nd = { name = \"d\" }";
        assert_eq!(scopes_of(&format!("region = \"r1\"\n{IDS}")).unwrap(), ["r1", "r2"]);
        assert_eq!(scopes_of(IDS).unwrap(), ["r1", "r2"]);
        assert_eq!(scopes_of("region = \"r1\"").unwrap(), ["r1"]);
        assert_eq!(scopes_of("").unwrap_err().what(), "`region` is not set");
    }
}
