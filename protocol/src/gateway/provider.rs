//! The provider block of a gateway's config, in the three forms that OpenClaw reads.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::text::{quote, shell_word};

/// The most milliseconds that a gateway lets a provider run.
const LONGEST: u64 = 120_000;

/// How much longer than the resolver's own time limit the gateway waits: a process starts slowly on a busy machine.
pub(crate) const ROOM: Duration = Duration::from_secs(2);

/// How many bytes a gateway reads of a provider if its config does not say so.
pub(super) const OUTPUT: usize = 1 << 20;

/// How a provider block is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A part of `openclaw.json`.
    Json5,
    /// A command for a shell.
    Set,
    /// A plan for `openclaw secrets apply`.
    Plan,
}

impl Form {
    /// Each form with the word for it.
    pub(crate) const WORDS: [&'static str; 3] = ["json5", "set", "plan"];

    /// Returns the form for a word.
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "set" => Self::Set,
            "plan" => Self::Plan,
            _ => Self::Json5,
        }
    }
}

/// A provider block: how the gateway starts a resolver. It never has a secret: variables are named, and not set.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Provider {
    source: &'static str,
    command: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pass_env: Vec<String>,
    timeout_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_bytes: Option<usize>,
}

impl Provider {
    /// Creates the block for a command whose own limits are `timeout` and `max_output`.
    pub(crate) fn new(
        command: String,
        args: Vec<String>,
        pass_env: Vec<String>,
        timeout: Duration,
        max_output: usize,
    ) -> Self {
        let timeout_ms = u64::try_from((timeout + ROOM).as_millis()).unwrap_or(LONGEST).min(LONGEST);
        // stderr counts too.
        let max_output_bytes = (max_output > OUTPUT).then(|| (max_output + (64 << 10)).min(20 << 20));
        Self { source: "exec", command, args, pass_env, timeout_ms, max_output_bytes }
    }

    /// Returns the block under the name `alias`.
    pub(crate) fn text(&self, alias: &str, form: Form) -> String {
        match form {
            Form::Json5 => self.json5(alias),
            Form::Set => self.commands(alias),
            Form::Plan => self.plan(alias),
        }
    }

    fn json5(&self, alias: &str) -> String {
        let key = if alias.contains('-') { quote(alias) } else { alias.to_owned() };
        let mut text = format!("{{\n  secrets: {{\n    providers: {{\n      {key}: {{\n");
        let mut member = |name: &str, value: String| {
            let _ = writeln!(text, "        {name}: {value},");
        };
        member("source", quote(self.source));
        member("command", quote(&self.command));
        if !self.args.is_empty() {
            member("args", list(&self.args));
        }
        if !self.pass_env.is_empty() {
            member("passEnv", list(&self.pass_env));
        }
        member("timeoutMs", self.timeout_ms.to_string());
        if let Some(bytes) = self.max_output_bytes {
            member("maxOutputBytes", bytes.to_string());
        }
        text + "      },\n    },\n  },\n}\n"
    }

    fn commands(&self, alias: &str) -> String {
        let mut text = format!("openclaw config set secrets.providers.{alias} --provider-source exec");
        let mut flag = |name: &str, value: &str| {
            let _ = write!(text, " \\\n  --provider-{name} {}", shell_word(value));
        };
        flag("command", &self.command);
        self.args.iter().for_each(|arg| flag("arg", arg));
        self.pass_env.iter().for_each(|name| flag("pass-env", name));
        flag("timeout-ms", &self.timeout_ms.to_string());
        if let Some(bytes) = self.max_output_bytes {
            flag("max-output-bytes", &bytes.to_string());
        }
        text + "\n"
    }

    fn plan(&self, alias: &str) -> String {
        let plan = serde_json::json!({
            "version": 1,
            "protocolVersion": 1,
            "providerUpserts": { alias: self },
            "targets": [],
        });
        format!("{plan:#}\n")
    }
}

/// Whether a gateway takes this as the name of a provider.
pub(crate) fn is_alias(text: &str) -> bool {
    let mut bytes = text.bytes();
    let is_of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    bytes.next().is_some_and(|first| first.is_ascii_lowercase()) && text.len() <= 64 && bytes.all(is_of_name)
}

fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quote(text)).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Provider {
        let args = ["--timeout", "3 s's"].map(str::to_owned).to_vec();
        Provider::new("/p/x.toml".into(), args, vec!["TOKEN".into()], Duration::from_secs(3), 1 << 20)
    }

    #[test]
    fn the_three_forms() {
        let text = |form| provider().text("my-store", form);
        let json5 = "{\n  secrets: {\n    providers: {\n      \"my-store\": {\n        source: \"exec\",\n        \
                     command: \"/p/x.toml\",\n        args: [\"--timeout\", \"3 s's\"],\n        passEnv: [\"TOKEN\"],\n        \
                     timeoutMs: 5000,\n      },\n    },\n  },\n}\n";
        assert_eq!(text(Form::Json5), json5);
        let set = "openclaw config set secrets.providers.my-store --provider-source exec \\\n  --provider-command /p/x.toml \
                   \\\n  --provider-arg --timeout \\\n  --provider-arg '3 s'\\''s' \\\n  --provider-pass-env TOKEN \\\n  \
                   --provider-timeout-ms 5000\n";
        assert_eq!(text(Form::Set), set);
        assert!(text(Form::Plan).contains("\"timeoutMs\": 5000"));
    }

    #[test]
    fn the_gateway_waits_longer_and_reads_more_than_the_resolver_takes() {
        let limits = |timeout, output| {
            let made =
                Provider::new(String::new(), Vec::new(), Vec::new(), Duration::from_secs(timeout), output);
            (made.timeout_ms, made.max_output_bytes)
        };
        assert_eq!(limits(4, 1 << 20), (6000, None));
        assert_eq!(limits(120, 2 << 20), (120_000, Some((2 << 20) + (64 << 10))));
        assert_eq!(limits(10, 64 << 20), (12_000, Some(20 << 20)));
    }

    #[test]
    fn an_alias_is_what_a_gateway_takes() {
        for (text, want) in
            [("vault", true), ("a1_b-c", true), ("Vault", false), ("1a", false), ("", false), ("a.b", false)]
        {
            assert_eq!(is_alias(text), want, "{text}");
        }
        assert!(is_alias(&"a".repeat(64)) && !is_alias(&"a".repeat(65)));
    }
}
