//! A profile: it is read, written and read again, and its settings are loaded.
//!
//! Input: the profile.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use secretref_fuzz::{CANARY, check_failure};
use secretref_protocol::fuzz::{Environment, Id, Profile};
use secretref_protocol::{Field, Name, Run, Settings};
use secretref_vault::fuzz::STORE;
use toml::{Table, Value};

/// The address in the environment.
const AMBIENT: &str = "https://ambient.example.com";

fuzz_target!(|text: &str| {
    let keys = text.parse::<Table>().map(|table| keys(&table)).unwrap_or_default();
    let profile = match Profile::parse(&STORE, text) {
        Ok(profile) => profile,
        Err(failure) => return check_failure(&failure, &keys),
    };
    let written = write(&profile);
    let again = Profile::parse(&STORE, &written).expect("a profile that was one");
    assert_eq!(write(&again), written);

    let (env, has_address) = (profile.env.clone(), profile.values.contains_key("address"));
    let ids: Vec<_> = profile.ids.keys().cloned().collect();
    let environment = Environment::new(u32::MAX - 1, |name| match name {
        "VAULT_ADDR" => Some(AMBIENT.to_owned()),
        "VAULT_TOKEN" => Some(CANARY.to_owned()),
        _ => None,
    });
    match Settings::load(&STORE, &Vec::new(), Some(profile), &environment, &Run::new(Instant::now())) {
        Err(failure) => check_failure(&failure, &keys),
        Ok(settings) => {
            let is_listed = |name: &str| env.iter().any(|listed| listed == name);
            let sets = |name: &str| settings.variables().contains(&name);
            assert_eq!(sets("VAULT_TOKEN"), is_listed("VAULT_TOKEN"));
            assert_eq!(sets("VAULT_ADDR"), is_listed("VAULT_ADDR") && !has_address);
            let address = settings.names().into_iter().find(|(key, _)| *key == "address");
            assert!(
                has_address || address.map(|(_, text)| text == AMBIENT) == sets("VAULT_ADDR").then_some(true)
            );
            assert!((Duration::from_millis(1)..=Duration::from_mins(2)).contains(&settings.timeout()));
            assert!(settings.max_output() >= 1024);
            assert!(ids.iter().all(|id| Id::parse(id).is_ok() && settings.name(id).is_some()));
        }
    }
});

/// Every key, which a message may quote.
fn keys(table: &Table) -> String {
    let below = |value: &Value| value.as_table().map(keys).unwrap_or_default();
    table.iter().flat_map(|(key, value)| [key.clone(), below(value)]).collect()
}

fn write(profile: &Profile) -> String {
    let mut table: Table = profile.values.clone().into_iter().collect();
    table.insert("env".to_owned(), profile.env.clone().into());
    let ids: Table = profile.ids.iter().map(|(id, name)| (id.clone(), entry(name).into())).collect();
    table.insert("ids".to_owned(), ids.into());
    table.to_string()
}

fn entry(name: &Name) -> Table {
    let field = match &name.field {
        Some(Field::Key(text) | Field::Pointer(text)) => Some(text.clone()),
        _ => None,
    };
    let own = name.keys.iter().map(|(key, text)| (*key, Some(text.clone())));
    let all = [("name", Some(name.name.clone())), ("field", field), ("version", name.version.clone())];
    let set = all.into_iter().chain(own).filter_map(|(key, text)| Some((key.to_owned(), text?.into())));
    set.collect()
}
