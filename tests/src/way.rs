//! Connections to a server, as cases: some lines of a profile, and how a read ends with them. A case runs from that profile
//! with an empty environment, and without a profile from Vault's variables and from OpenBao's.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::certificate::Certificates;
use crate::fake_vault::{FakeVault, Manner, Token};
use crate::openbao::ROOT;
use crate::resolver::{self, Ended, Run};

/// How a read of `a#k` ends.
#[derive(Debug, Clone, Copy)]
pub enum End<'e> {
    /// With its value.
    Value,
    /// With this exit code, this error code, and a message that contains these words.
    Fails(i32, &'e str, &'e str),
}
/// The variable of a key; `*` is `VAULT`, and `BAO`. A key that is missing here has only a flag.
const VARIABLES: &[(&str, &str)] = &[
    ("address", "*_ADDR"),
    ("ca_cert", "*_CACERT"),
    ("ca_cert_bytes", "*_CACERT_BYTES"),
    ("ca_path", "*_CAPATH"),
    ("client_cert", "*_CLIENT_CERT"),
    ("client_key", "*_CLIENT_KEY"),
    ("http_proxy", "HTTP_PROXY"),
    ("https_proxy", "HTTPS_PROXY"),
    ("no_proxy", "NO_PROXY"),
    ("proxy", "*_PROXY_ADDR"),
    ("ssl_cert_file", "SSL_CERT_FILE"),
    ("tls_server_name", "*_TLS_SERVER_NAME"),
    ("tls_skip_verify", "*_SKIP_VERIFY"),
];

/// The texts for the `{words}` of a case, and the folder of the profiles.
#[derive(Debug)]
pub struct Place {
    /// Where its files are.
    pub folder: tempfile::TempDir,
    words: Vec<(&'static str, String)>,
}

impl Place {
    /// With the token [`ROOT`].
    #[must_use]
    pub fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("token"), ROOT).expect("a file");
        Self { words: vec![("folder", folder.path().display().to_string())], folder }
    }

    /// With this text in place of `{word}`.
    #[must_use]
    pub fn with(mut self, word: &'static str, text: impl std::fmt::Display) -> Self {
        self.words.push((word, text.to_string()));
        self
    }

    /// With these files in place of `{ca}`, `{client}` and their keys.
    #[must_use]
    pub fn certificates(self, all: &Certificates) -> Self {
        let of = |path: &Path| path.display().to_string();
        let place = self.with("ca", of(&all.ca)).with("ca_key", of(&all.ca_key));
        place.with("client", of(&all.client)).with("client_key", of(&all.client_key))
    }

    /// A server of the kit's own, with the secret and the token.
    #[must_use]
    pub fn fake(&self, manner: Manner) -> FakeVault {
        let folder = tempfile::tempdir_in(self.folder.path()).expect("a folder").keep();
        let fake = FakeVault::start(&folder, manner);
        fake.mount("secret");
        fake.token(ROOT, Token { denied: "\0", may_look: true });
        fake.put("secret", "a", r#"{"k":"value-a"}"#);
        fake
    }

    /// A file in the folder, with this mode.
    pub fn file(&self, name: &str, mode: u32, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        path
    }

    /// These lines with every word in its place.
    #[must_use]
    pub fn fill(&self, lines: &str) -> String {
        self.words
            .iter()
            .fold(lines.to_owned(), |lines, (word, text)| lines.replace(&format!("{{{word}}}"), text))
    }

    /// A read over these lines of a profile.
    #[must_use]
    pub fn by_profile(&self, lines: &str) -> Ended {
        let profile = self.file("vault.toml", 0o600, format!("token_file = \"token\"\n{}", self.fill(lines)));
        vault().args(["--profile".as_ref(), profile.as_os_str()]).request(&["a#k"]).end()
    }

    /// A read without a profile, over the variables (`VAULT_…` or `BAO_…`) and flags that say the same.
    #[must_use]
    pub fn by_variables(&self, lines: &str, prefix: &str) -> Ended {
        let table: toml::Table = toml::from_str(&self.fill(lines)).expect("TOML");
        let mut run = vault().env(&format!("{prefix}_TOKEN"), ROOT);
        for (key, value) in table {
            let text = value
                .as_str()
                .map_or_else(|| value.as_bool().expect("a text or a switch").to_string(), str::to_owned);
            let flag = format!("--{}", key.replace('_', "-"));
            run = match VARIABLES.iter().find(|(known, _)| *known == key) {
                Some((_, variable)) => run.env(&variable.replace('*', prefix), text),
                None if value.as_bool() == Some(true) => run.args([flag]),
                None => run.args([flag, text]),
            };
        }
        run.request(&["a#k"]).end()
    }

    /// A message names what a person has set: the variable, or the key of the profile.
    fn in_variables(&self, lines: &str, prefix: &str, words: &str) -> String {
        let table: toml::Table = toml::from_str(&self.fill(lines)).expect("TOML");
        // Messages that say what to set contain the key.
        let set = VARIABLES.iter().filter(|(key, _)| table.contains_key(*key) && *key != "tls_server_name");
        set.fold(words.to_owned(), |words, (key, variable)| {
            words.replace(&format!("`{key}`"), &format!("`{}`", variable.replace('*', prefix)))
        })
    }

    /// Judges every case, each in its three forms.
    pub fn judge(&self, cases: &[(&str, End<'_>)]) {
        for (lines, end) in cases {
            judge(&format!("{lines}\nfrom a profile"), &self.by_profile(lines), *end);
            for prefix in ["VAULT", "BAO"] {
                let what = format!("{lines}\nfrom {prefix}_*");
                let ended = self.by_variables(lines, prefix);
                match *end {
                    End::Value => judge(&what, &ended, End::Value),
                    End::Fails(exit, code, words) => {
                        let words = self.in_variables(lines, prefix, words);
                        judge(&what, &ended, End::Fails(exit, code, &words));
                    }
                }
            }
        }
    }
}

/// The resolver, with an empty environment.
#[must_use]
pub fn vault() -> Run {
    Run::new(resolver::path("secretref-vault"))
}

/// Checks the end of a read of `a#k`, and that the token was sent nowhere else.
pub fn judge(what: &str, ended: &Ended, end: End<'_>) {
    let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
    match end {
        End::Value => assert_eq!(response["values"], json!({"a#k": "value-a"}), "{what}: {ended:#?}"),
        End::Fails(exit, code, words) => {
            let error = &response["errors"]["a#k"];
            assert_eq!((ended.code, &error["code"]), (Some(exit), &json!(code)), "{what}: {ended:#?}");
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains(words), "{what}: not {words:?} in {message:?}");
        }
    }
    assert!(!format!("{ended:?}").contains(ROOT), "{what}: {ended:#?}");
}

/// No name server knows this host, so a read from it must go through a proxy.
pub const FAR: &str = "address = \"https://vault.test:8200\"\nca_cert = \"{ca}\"\n";

/// The same without TLS.
pub const FAR_PLAIN: &str = "address = \"http://vault.test:8200\"\nallow_http = true\n";

/// The host and port in a URL.
#[must_use]
pub fn host(url: &str) -> &str {
    url.split_once("://").expect("a URL").1
}
