//! The config of a gateway, `openclaw.json`: its exec providers, and the references that ask them for ids.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::CWD;
use serde::Deserialize;
use serde_json::Value;

use super::provider::OUTPUT;
use crate::failure::Failure;
use crate::id::Id;
use crate::private_files::{Access, Links, Rules, read};
use crate::system_error::words;

/// How long a gateway lets a provider run if its config does not say so.
const TIMEOUT: u64 = 5000;

/// The most that is read of a config, in MiB.
const LIMIT: u64 = 16;

/// What a gateway's config says about exec providers. It can hold secrets in other places, so it is not kept.
pub(crate) struct Config {
    /// The exec providers by name.
    pub(crate) providers: BTreeMap<String, ExecProvider>,
    /// The references to them, in the order of the config.
    pub(crate) references: Vec<Reference>,
    /// The variables that the config sets for the gateway itself.
    pub(crate) variables: BTreeMap<String, String>,
    /// Whether parts of the config are in other files.
    pub(crate) includes: bool,
}

/// An exec provider.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecProvider {
    pub(crate) command: PathBuf,
    #[serde(default)]
    pub(crate) args: Vec<String>,
    #[serde(default)]
    pub(crate) pass_env: Vec<String>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    timeout_ms: Option<u64>,
    max_output_bytes: Option<usize>,
}

impl ExecProvider {
    /// Returns how long the gateway lets it run.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(TIMEOUT))
    }

    /// Returns how many bytes the gateway reads of it.
    pub(crate) fn max_output(&self) -> usize {
        self.max_output_bytes.unwrap_or(OUTPUT)
    }
}

/// A reference of the config: `{ source: "exec", provider: "…", id: "…" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Where it is: `models.providers.openai.apiKey`.
    pub(crate) path: String,
    pub(crate) provider: String,
    pub(crate) id: String,
}

impl Config {
    /// Reads a config.
    ///
    /// # Errors
    /// `MISCONFIGURED` if every user can write the file, if it cannot be read, or if it is not a config.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Self::open(path, Access::NotWorldWritable, 0)
    }

    /// Reads a config that is to be followed: its `args` decide which file a credential is read from and where it is sent, and
    /// its references what a profile allows. So only root and the user `uid`, who runs this, may own and write it.
    ///
    /// # Errors
    /// `MISCONFIGURED` if another user owns it or can write it, if it cannot be read, or if it is not a config.
    pub(crate) fn read_own(path: &Path, uid: u32) -> Result<Self, Failure> {
        Self::open(path, Access::OnlyOwnWriters, uid)
    }

    fn open(path: &Path, access: Access, uid: u32) -> Result<Self, Failure> {
        let rules = Rules { links: Links::Follow, access, uid, limit: LIMIT };
        let (bytes, _) = read(CWD, path, &rules).map_err(|problem| match &problem.error {
            Some(error) => unreadable(error).context(path.display()),
            None => problem.failure(path.display(), path),
        })?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()));
        text.and_then(|text| Self::parse(&text)).map_err(|failure| failure.context(path.display()))
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let config = super::json5::parse(text).map_err(wrong)?;
        if !config.is_object() {
            return Err(wrong("it is not an object".to_owned()));
        }
        let mut found = Found { default: default_provider(&config), ..Found::default() };
        found.walk(&config, &mut Vec::new());
        Ok(Self {
            providers: providers(&config)
                .map_err(|alias| wrong(format!("the provider {alias} is not one that a gateway reads")))?,
            references: found.references,
            variables: variables(&config),
            includes: found.includes,
        })
    }

    /// Returns the ids that the config asks a provider for, each once, in its order.
    pub(crate) fn ids(&self, provider: &str) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for reference in self.references.iter().filter(|reference| reference.provider == provider) {
            if !ids.contains(&reference.id) {
                ids.push(reference.id.clone());
            }
        }
        ids
    }

    /// Returns those of them that a gateway can ask for, as patterns that match nothing else, and those that it cannot. Also
    /// an object in a place of free form looks like a reference, and its `id` can be any text, such as `**`.
    pub(crate) fn patterns(&self, provider: &str) -> (Vec<String>, Vec<String>) {
        self.ids(provider).into_iter().partition(|id| Id::parse(id).is_ok())
    }
}

fn wrong(what: String) -> Failure {
    Failure::misconfigured(what, "run `openclaw config validate`")
}

fn unreadable(error: &io::Error) -> Failure {
    let remedy = "check the path; OpenClaw's own is ~/.openclaw/openclaw.json";
    Failure::misconfigured(format!("cannot be read ({})", words(error)), remedy)
}

fn default_provider(config: &Value) -> String {
    config.pointer("/secrets/defaults/exec").and_then(Value::as_str).unwrap_or("default").to_owned()
}

/// Returns the exec providers, or the name of one that is wrong. Those of plugins have no command of their own.
fn providers(config: &Value) -> Result<BTreeMap<String, ExecProvider>, String> {
    let all = config.pointer("/secrets/providers").and_then(Value::as_object);
    let is_exec = |provider: &Value| provider["source"] == "exec" && provider.get("command").is_some();
    all.into_iter()
        .flatten()
        .filter(|(_, provider)| is_exec(provider))
        .map(|(alias, provider)| {
            let read = ExecProvider::deserialize(provider).map_err(|_| alias.clone())?;
            Ok((alias.clone(), read))
        })
        .collect()
}

fn variables(config: &Value) -> BTreeMap<String, String> {
    let all = config.pointer("/env/vars").and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// What a walk through a config finds.
#[derive(Default)]
struct Found {
    default: String,
    references: Vec<Reference>,
    includes: bool,
}

/// A step to a part of a config.
#[derive(Clone)]
enum Step {
    Key(String),
    Index(usize),
}

impl Found {
    fn walk(&mut self, value: &Value, at: &mut Vec<Step>) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = self.reference(value, at) {
                    self.references.push(reference);
                    return;
                }
                self.includes |= members.contains_key("$include");
                for (key, member) in members {
                    at.push(Step::Key(key.clone()));
                    self.walk(member, at);
                    at.pop();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    at.push(Step::Index(index));
                    self.walk(item, at);
                    at.pop();
                }
            }
            _ => {}
        }
    }

    fn reference(&self, value: &Value, at: &[Step]) -> Option<Reference> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let provider = text("provider").unwrap_or(&self.default).to_owned();
        let id = text("id").filter(|_| text("source") == Some("exec"))?.to_owned();
        Some(Reference { path: path(at), provider, id })
    }
}

/// Returns a path as OpenClaw writes it: `models.providers["my.one"].keys[0]`.
fn path(steps: &[Step]) -> String {
    let text = |(at, step): (usize, &Step)| match step {
        Step::Index(index) => format!("[{index}]"),
        Step::Key(key) if key.is_empty() || key.contains(['.', '[', ' ', '/']) => {
            format!("[{}]", Value::from(key.as_str()))
        }
        Step::Key(key) if at == 0 => key.clone(),
        Step::Key(key) => format!(".{key}"),
    };
    steps.iter().enumerate().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"// as a person writes it
{
  env: { vars: { VAULT_TOKEN: 't', N: 1 } },
  secrets: {
    providers: {
      vault: { source: "exec", command: "/p/vault.toml", passEnv: ["VAULT_TOKEN"], timeoutMs: 7000, },
      plugin: { source: "exec", pluginIntegration: { pluginId: "p", integrationId: "i" } },
      env: { source: "env" },
    },
    defaults: { exec: 'vault' },
  },
  models: { providers: {
    openai: { apiKey: { source: "exec", provider: "vault", id: "openai/key" } },
    "my.one": { apiKey: { source: "exec", id: "openai/key" }, other: { source: "env", id: "X" } },
  } },
  channels: { a: { tokens: ["plain", { source: "exec", provider: "other", id: "t" }] } },
}"#;

    #[test]
    fn providers_and_references_are_found_wherever_they_are() {
        let config = Config::parse(CONFIG).unwrap();
        assert_eq!(config.providers.keys().collect::<Vec<_>>(), ["vault"]);
        let vault = &config.providers["vault"];
        assert_eq!((vault.timeout().as_millis(), vault.max_output()), (7000, 1 << 20));
        let mut found: Vec<_> = config
            .references
            .iter()
            .map(|one| (one.path.as_str(), one.provider.as_str(), one.id.as_str()))
            .collect();
        found.sort_unstable();
        let want = [
            ("channels.a.tokens[1]", "other", "t"),
            ("models.providers.openai.apiKey", "vault", "openai/key"),
            ("models.providers[\"my.one\"].apiKey", "vault", "openai/key"),
        ];
        assert_eq!(found, want);
        assert_eq!(config.ids("vault"), ["openai/key"]);
        assert_eq!(config.variables.get("VAULT_TOKEN").map(String::as_str), Some("t"));
        assert!(!config.includes);
        assert!(Config::parse("{ a: { $include: './b.json5' } }").unwrap().includes);
    }

    /// A pattern of `allow` matches only the id that it was made of.
    #[test]
    fn only_ids_become_patterns() {
        let reference = |id: &str| format!("{{ source: 'exec', provider: 'vault', id: '{id}' }}");
        let ids = ["a/b#c", "**", "a/*", "", "a/../b", "a b", "@x"].map(reference).join(", ");
        let config = Config::parse(&format!("{{ agents: {{ params: [{ids}] }} }}")).unwrap();
        let (patterns, left_out) = config.patterns("vault");
        assert_eq!(patterns, ["a/b#c"]);
        assert_eq!(left_out, ["**", "a/*", "", "a/../b", "a b", "@x"]);
    }

    #[test]
    fn what_is_no_config_is_named_by_its_line() {
        for (text, words) in [
            ("{\n  a: [\n", "is not JSON5"),
            ("[]", "not an object"),
            (&"[".repeat(200_000), "more than 128"),
            ("{ secrets: { providers: { v: { source: 'exec', command: 1 } } } }", "the provider v"),
        ] {
            let failure = Config::parse(text).err().unwrap();
            assert!(failure.what().contains(words), "{text}: {failure}");
        }
    }
}
