//! The files of the gateway that credentials are imported from: `openclaw.json`, `.env` and `auth-profiles.json`.

use std::path::{Component, Path};

use serde_json::Value;

use super::found::{Content, Found, PlanTarget, content, is_of_credential, is_variable};
use crate::failure::Failure;
use crate::gateway::{CredentialFields, FieldKind, json5};
use crate::secret::Secret;
use crate::shell::import::entries::entries;
use crate::shell::import::file::read;

/// What the files hold.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) found: Vec<Found>,
    /// The command of each exec provider of the config, by name.
    pub(super) commands: Vec<(String, String)>,
    /// Whether a config includes other files.
    pub(super) includes: bool,
}

impl Sources {
    /// Reads the files, in their order.
    pub(super) fn read(files: &[String], fields: &CredentialFields) -> Result<Self, Failure> {
        let mut sources = Self::default();
        for file in files {
            let path = Path::new(file);
            let text = read(path)?;
            let added =
                if is_env(path) { sources.add_env(&text) } else { sources.add_json(path, &text, fields) };
            added.map_err(|failure| failure.context(path.display()))?;
        }
        Ok(sources)
    }

    /// Adds the variables of a `.env` file.
    fn add_env(&mut self, text: &Secret) -> Result<(), Failure> {
        for entry in entries(text)? {
            if entry.value.expose().trim().is_empty() {
                continue;
            }
            // The gateway reads the last of several lines.
            self.found.retain(|found| found.target.is_some() || found.name != entry.name);
            let content = if is_of_credential(&entry.name) {
                Content::Plain(entry.value)
            } else {
                Content::Doubtful(entry.value, "is not a credential by its name")
            };
            let path = vec!["env".to_owned(), entry.name.clone()];
            self.found.push(Found { name: entry.name, path, content, variable: None, target: None });
        }
        Ok(())
    }

    fn add_json(&mut self, path: &Path, text: &Secret, fields: &CredentialFields) -> Result<(), Failure> {
        let remedy = "name openclaw.json, a .env file or auth-profiles.json";
        let wrong = |what: String| Failure::misconfigured(what, remedy);
        let text = text.expose().trim_start_matches('\u{feff}');
        let known = self.found.len();
        match json5::parse(text).map_err(wrong)? {
            Value::Object(mut members) if members.get("profiles").is_some_and(Value::is_object) => {
                if let Some(Value::Object(profiles)) = members.remove("profiles") {
                    let agent = agent_of(path);
                    self.found.extend(
                        profiles
                            .into_iter()
                            .filter_map(|(id, profile)| of_profile(&agent, id, profile, fields)),
                    );
                }
            }
            value @ Value::Object(_) => {
                self.add_providers(&value);
                self.walk(value, &mut Vec::new(), fields);
            }
            _ => return Err(wrong("it is not an object".to_owned())),
        }
        // Ids are numbered in this order, which must not depend on how a JSON library keeps members.
        self.found[known..].sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    fn add_providers(&mut self, config: &Value) {
        let providers = config.pointer("/secrets/providers").and_then(Value::as_object);
        for (name, provider) in providers.into_iter().flatten() {
            let command = provider["command"].as_str().unwrap_or_default();
            self.commands.push((name.clone(), command.to_owned()));
        }
    }

    /// Adds the credential fields of a part of a config.
    fn walk(&mut self, value: Value, path: &mut Vec<String>, fields: &CredentialFields) {
        if let Some(kind) = fields.of_config(path) {
            self.found.extend(of_field(value, path, &kind));
            return;
        }
        let members: Vec<(String, Value)> = match value {
            Value::Object(members) => members.into_iter().collect(),
            Value::Array(items) => {
                items.into_iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect()
            }
            _ => return,
        };
        for (key, member) in members {
            self.includes |= key == "$include";
            path.push(key);
            self.walk(member, path, fields);
            path.pop();
        }
    }
}

/// Returns what a credential field of the config holds.
fn of_field(value: Value, path: &[String], kind: &FieldKind<'_>) -> Option<Found> {
    let (content, variable) = content(value)?;
    let (content, target) = match (kind, content) {
        (FieldKind::Excluded, Content::Plain(_)) => {
            (Content::Stays("takes no reference: the gateway manages it itself"), None)
        }
        (FieldKind::Credential(_), Content::Plain(value)) if is_name_of_key(path, value.expose()) => {
            (Content::Doubtful(value, "looks like the name of a variable"), Some(kind))
        }
        (FieldKind::Header(_), Content::Plain(value)) => {
            (Content::Doubtful(value, "is not a credential by its name"), Some(kind))
        }
        (kind, content) => (content, Some(kind)),
    };
    let target = target.and_then(|kind| match kind {
        FieldKind::Credential(kind) | FieldKind::Header(kind) => {
            Some(PlanTarget { kind: (*kind).to_owned(), path: path.to_vec(), profile: None })
        }
        FieldKind::Excluded => None,
    });
    let content = if path.iter().any(|step| is_forbidden(step)) { refused(&content) } else { content };
    Some(Found { name: path.join("."), path: id_path(path), content, variable, target })
}

/// Whether the gateway refuses a plan with this name in a path.
fn is_forbidden(step: &str) -> bool {
    ["__proto__", "prototype", "constructor"].contains(&step)
}

/// Returns the content of a field whose path the gateway refuses.
fn refused(content: &Content) -> Content {
    let why = "has a name in its path that the gateway refuses";
    match content {
        Content::Left(_) => Content::Left(why.to_owned()),
        _ => Content::Stays(why),
    }
}

/// Whether a model's key is the name of a variable, as older configs have it.
fn is_name_of_key(path: &[String], value: &str) -> bool {
    path.first().is_some_and(|first| first == "models") && value.contains('_') && is_variable(value.trim())
}

/// Returns the path for the id of a field: that of the config without the words that say nothing.
fn id_path(path: &[String]) -> Vec<String> {
    let is_told = |(at, step): &(usize, &String)| {
        !(["entries", "config"].contains(&step.as_str()) || *at == 0 && *step == "models")
    };
    path.iter().enumerate().filter(is_told).map(|(_, step)| step.clone()).collect()
}

/// Returns what an authentication profile holds.
fn of_profile(agent: &str, id: String, mut profile: Value, fields: &CredentialFields) -> Option<Found> {
    let kind = profile["type"].as_str().unwrap_or_default().to_owned();
    let provider = profile["provider"].as_str().unwrap_or_default().to_owned();
    let Some((field, target)) = fields.of_auth_profile(&kind) else {
        let content = Content::Stays("takes no reference: the gateway renews it itself");
        let name = format!("profiles.{id}");
        let path = Vec::new();
        return (kind == "oauth").then_some(Found { name, path, content, variable: None, target: None });
    };
    let (content, variable) = content(profile.get_mut(field).map(Value::take)?)?;
    let content = if is_forbidden(&id) { refused(&content) } else { content };
    let path = vec!["profiles".to_owned(), id.clone(), field.to_owned()];
    Some(Found {
        name: path.join("."),
        path: vec!["agents".to_owned(), agent.to_owned(), id, field.to_owned()],
        content,
        variable,
        target: Some(PlanTarget {
            kind: target.to_owned(),
            path,
            profile: Some((agent.to_owned(), provider)),
        }),
    })
}

/// Returns the agent whose file this is: `agents/NAME/agent/auth-profiles.json`, else the main one.
fn agent_of(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let agent = parts.windows(3).rev().find(|parts| parts[0] == "agents" && parts[2] == "agent");
    agent.map_or("main", |parts| parts[1]).to_owned()
}

/// Whether a file has lines: its name says so.
fn is_env(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(".env") || name.ends_with("env")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(file: &str, text: &str) -> Vec<String> {
        let mut sources = Sources::default();
        let (fields, text) = (CredentialFields::read(), Secret::new(text.to_owned()));
        let path = Path::new(file);
        if is_env(path) { sources.add_env(&text) } else { sources.add_json(path, &text, &fields) }.unwrap();
        let line = |found: &Found| {
            let content = match &found.content {
                Content::Plain(value) => value.expose().to_owned(),
                Content::Doubtful(_, why) => format!("doubtful: {why}"),
                Content::Left(why) => format!("left: {why}"),
                Content::Stays(why) => format!("stays: {why}"),
            };
            format!("{} {} {content}", found.name, found.path.join("/"))
        };
        sources.found.iter().map(line).collect()
    }

    #[test]
    fn the_fields_of_a_config() {
        let config = "{ // as a person writes it
            models: { providers: { openai: { apiKey: 'sk-1', baseUrl: 'https://x', headers: { 'X-Token': 't', Accept: '*' } },
                                   local: { apiKey: 'MY_API_KEY' } } },
            plugins: { entries: { brave: { config: { webSearch: { apiKey: '${BRAVE}' } } } } },
            hooks: { token: 'h' }, env: { vars: { A: 'x' } },
        }";
        let want = [
            "hooks.token hooks/token stays: takes no reference: the gateway manages it itself",
            "models.providers.local.apiKey providers/local/apiKey doubtful: looks like the name of a variable",
            "models.providers.openai.apiKey providers/openai/apiKey sk-1",
            "models.providers.openai.headers.Accept providers/openai/headers/Accept doubtful: is not a credential by its name",
            "models.providers.openai.headers.X-Token providers/openai/headers/X-Token t",
            "plugins.entries.brave.config.webSearch.apiKey plugins/brave/webSearch/apiKey left: refers to the variable BRAVE",
        ];
        assert_eq!(told("openclaw.json", config), want);
    }

    #[test]
    fn the_lines_of_a_file_and_the_profiles_of_an_agent() {
        let lines = "A_TOKEN=1\nLOG=x\nEMPTY=\nA_TOKEN=2\n";
        let want = ["LOG env/LOG doubtful: is not a credential by its name", "A_TOKEN env/A_TOKEN 2"];
        assert_eq!(told("state/.env", lines), want);
        let profiles = r#"{"version": 1, "profiles": {
            "openai:default": {"type": "api_key", "provider": "openai", "key": "sk-1"},
            "__proto__": {"type": "api_key", "provider": "openai", "key": "sk-2"},
            "gh": {"type": "token", "provider": "github", "tokenRef": {"source": "env", "id": "X"}},
            "x": {"type": "oauth", "access": "a"}}}"#;
        assert_eq!(
            told("/s/agents/ops/agent/auth-profiles.json", profiles),
            [
                "profiles.__proto__.key agents/ops/__proto__/key stays: has a name in its path that the gateway refuses",
                "profiles.openai:default.key agents/ops/openai:default/key sk-1",
                "profiles.x  stays: takes no reference: the gateway renews it itself",
            ]
        );
        assert_eq!(agent_of(Path::new("auth-profiles.json")), "main");
    }
}
