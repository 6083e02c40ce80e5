//! Every way to a server, and every way to miss it. A case is some lines of a profile and how a read over them ends; it
//! runs from that profile with an empty environment, and without a profile from Vault's variables and from OpenBao's.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secretref_tests::agent::Agent;
use secretref_tests::canned::Canned;
use secretref_tests::certificate::Certificates;
use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::fault::{Listener, Server};
use secretref_tests::forward::Forward;
use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::port;
use secretref_tests::resolver::{self, Ended, Run};
use serde_json::{Value, json};

/// How a read of `a#k` ends.
#[derive(Debug, Clone, Copy)]
enum End<'e> {
    /// With its value.
    Value,
    /// With this exit code, this code of the response, and a message that has these words.
    Fails(i32, &'e str, &'e str),
}
use End::{Fails, Value as Reads};

/// The variable of a key; `*` is `VAULT`, and `BAO`. What is not here has a flag alone.
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

/// What stands for the `{words}` in the lines of a case, and where the profiles go.
struct Place {
    folder: tempfile::TempDir,
    words: Vec<(&'static str, String)>,
}

impl Place {
    /// With a token that every server here knows.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), ROOT).unwrap();
        Self { words: vec![("folder", folder.path().display().to_string())], folder }
    }

    fn with(mut self, word: &'static str, text: impl std::fmt::Display) -> Self {
        self.words.push((word, text.to_string()));
        self
    }

    fn certificates(self, all: &Certificates) -> Self {
        let of = |path: &Path| path.display().to_string();
        let place = self.with("ca", of(&all.ca)).with("ca_key", of(&all.ca_key));
        place.with("client", of(&all.client)).with("client_key", of(&all.client_key))
    }

    /// A file in the folder, with this mode.
    fn file(&self, name: &str, mode: u32, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn fill(&self, lines: &str) -> String {
        self.words
            .iter()
            .fold(lines.to_owned(), |lines, (word, text)| lines.replace(&format!("{{{word}}}"), text))
    }

    fn by_profile(&self, lines: &str) -> Ended {
        let profile = self.file("vault.toml", 0o600, format!("token_file = \"token\"\n{}", self.fill(lines)));
        vault().args(["--profile".as_ref(), profile.as_os_str()]).request(&["a#k"]).end()
    }

    fn by_variables(&self, lines: &str, prefix: &str) -> Ended {
        let table: toml::Table = toml::from_str(&self.fill(lines)).unwrap();
        let mut run = vault().env(&format!("{prefix}_TOKEN"), ROOT);
        for (key, value) in table {
            let text = value.as_str().map_or_else(|| value.as_bool().unwrap().to_string(), str::to_owned);
            let flag = format!("--{}", key.replace('_', "-"));
            run = match VARIABLES.iter().find(|(known, _)| *known == key) {
                Some((_, variable)) => run.env(&variable.replace('*', prefix), text),
                None if value.as_bool() == Some(true) => run.args([flag]),
                None => run.args([flag, text]),
            };
        }
        run.request(&["a#k"]).end()
    }

    /// Judges every case, each in its three forms.
    fn judge(&self, cases: &[(&str, End<'_>)]) {
        for (lines, end) in cases {
            judge(&format!("{lines}\nfrom a profile"), &self.by_profile(lines), *end);
            for prefix in ["VAULT", "BAO"] {
                judge(&format!("{lines}\nfrom {prefix}_*"), &self.by_variables(lines, prefix), *end);
            }
        }
    }
}

fn vault() -> Run {
    Run::new(resolver::path("secretref-vault"))
}

fn judge(what: &str, ended: &Ended, end: End<'_>) {
    let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
    match end {
        Reads => assert_eq!(response["values"], json!({"a#k": "value-a"}), "{what}: {ended:#?}"),
        Fails(exit, code, words) => {
            let error = &response["errors"]["a#k"];
            assert_eq!((ended.code, &error["code"]), (Some(exit), &json!(code)), "{what}: {ended:#?}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(words), "{what}: not {words:?} in {message:?}");
        }
    }
    assert!(!format!("{ended:?}").contains(ROOT), "{what}: {ended:#?}");
}

fn fake(place: &Place, manner: Manner) -> FakeVault {
    let folder = tempfile::tempdir_in(place.folder.path()).unwrap().keep();
    let fake = FakeVault::start(&folder, manner);
    fake.mount("secret");
    fake.token(ROOT, Token { denied: "\0", may_look: true });
    fake.put("secret", "a", r#"{"k":"value-a"}"#);
    fake
}

#[test]
fn authorities_come_from_a_file_a_folder_or_a_text() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let pem = std::fs::read_to_string(&fake.ca).unwrap();
    let others = tempfile::tempdir().unwrap();
    let other = Certificates::make(others.path());
    let other_pem = std::fs::read_to_string(&other.ca).unwrap();
    place.file("many/a.pem", 0o644, &other_pem);
    place.file("many/b.crt", 0o644, &pem);
    place.file("many/README", 0o644, "what holds no certificate is passed over");
    place.file("many/inner/x.pem", 0o644, "-----BEGIN CERTIFICATE-----\n!");
    place.file("other/a.pem", 0o644, &other_pem);
    place.file("none/README", 0o644, "nothing");
    place.file("torn/a.pem", 0o644, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    place.file("open/a.pem", 0o666, &pem);
    place.file("wide/a.pem", 0o644, &pem);
    std::fs::set_permissions(place.folder.path().join("wide"), Permissions::from_mode(0o777)).unwrap();
    let place = place.certificates(&fake.certificates).with("https", &fake.https).with("pem", &pem);
    let place = place.with("other_pem", &other_pem).with("other", other.ca.display());
    let at = "address = \"{https}\"\n";
    let cases = [
        ("ca_cert = \"{ca}\"", Reads),
        ("ca_cert_bytes = \"\"\"\n{pem}\"\"\"", Reads),
        ("ca_cert_bytes = \"\"\"{other_pem}{pem}\"\"\"", Reads),
        ("ca_path = \"{folder}/many\"", Reads),
        // The order of Vault's own client.
        ("ca_cert = \"{ca}\"\nca_cert_bytes = \"x\"\nca_path = \"/nonexistent\"", Reads),
        ("ca_cert_bytes = \"\"\"{pem}\"\"\"\nca_path = \"/nonexistent\"", Reads),
        ("ssl_cert_file = \"{ca}\"", Reads),
        ("ssl_cert_file = \"/nonexistent\"\nca_cert = \"{ca}\"", Reads),
        ("", Fails(5, "UNAVAILABLE", "not trusted: set `ca_cert` to the certificate of that authority")),
        ("ca_cert = \"{other}\"", Fails(5, "UNAVAILABLE", "into that file (`ca_cert`)")),
        ("ca_path = \"{folder}/other\"", Fails(5, "UNAVAILABLE", "into that folder (`ca_path`)")),
        (
            "ca_cert_bytes = \"\"\"{other_pem}\"\"\"",
            Fails(5, "UNAVAILABLE", "is signed by no certificate of `ca_cert_bytes`"),
        ),
        ("ca_cert = \"/nonexistent\"", Fails(3, "MISCONFIGURED", "which `ca_cert` names, cannot be opened")),
        ("ca_cert_bytes = \"x\"", Fails(3, "MISCONFIGURED", "`ca_cert_bytes` holds no certificate")),
        (
            "ca_path = \"/nonexistent\"",
            Fails(3, "MISCONFIGURED", "`ca_path` names, cannot be read as a folder"),
        ),
        ("ca_path = \"{ca}\"", Fails(3, "MISCONFIGURED", "`ca_path` names, cannot be read as a folder")),
        (
            "ca_path = \"{folder}/none\"",
            Fails(3, "MISCONFIGURED", "which `ca_path` names, holds no certificate"),
        ),
        (
            "ca_path = \"{folder}/torn\"",
            Fails(3, "MISCONFIGURED", "a.pem, which `ca_path` names, is not PEM"),
        ),
        (
            "ca_path = \"{folder}/open\"",
            Fails(3, "MISCONFIGURED", "which `ca_path` names, can be written by"),
        ),
        (
            "ca_path = \"{folder}/wide\"",
            Fails(3, "MISCONFIGURED", "wide, which `ca_path` names, can be written"),
        ),
    ];
    for (lines, end) in cases {
        place.judge(&[(&format!("{at}{lines}"), end)]);
    }
}

#[test]
fn what_is_said_more_explicitly_is_trusted_whatever_its_kind() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let run = || vault().env("VAULT_ADDR", &fake.https).env("VAULT_TOKEN", ROOT);
    let folder = fake.ca.parent().unwrap();
    for run in [
        run().env("VAULT_CACERT", "/nonexistent").args(["--ca-path".as_ref(), folder.as_os_str()]),
        run().env("SSL_CERT_FILE", "/nonexistent").env("VAULT_CAPATH", folder),
        run().env("SSL_CERT_FILE", &fake.ca),
        run().env("BAO_CACERT", &fake.ca).env("VAULT_CACERT", "/nonexistent"),
        run().env("BAO_CACERT", "").env("VAULT_CACERT", &fake.ca),
    ] {
        judge("explicit", &run.request(&["a#k"]).end(), Reads);
    }
}

#[test]
fn an_agent_counts_before_the_server_and_bao_before_vault() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let names = ["BAO_AGENT_ADDR", "VAULT_AGENT_ADDR", "BAO_ADDR", "VAULT_ADDR"];
    for at in 0..names.len() {
        let run = vault().env("BAO_TOKEN", ROOT).env("VAULT_TOKEN", "other").env(names[at], &fake.http);
        let run = names[at + 1..].iter().fold(run, |run, later| run.env(later, "http://127.0.0.1:1"));
        judge(names[at], &run.request(&["a#k"]).end(), Reads);
    }
}

#[test]
fn the_name_in_the_certificate_can_be_another() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let port = fake.https.rsplit_once(':').unwrap().1;
    let place = place.certificates(&fake.certificates).with("https", &fake.https).with("port", port);
    place.judge(&[
        ("address = \"{https}\"\nca_cert = \"{ca}\"\ntls_server_name = \"vault.test\"", Reads),
        ("address = \"{https}\"\nca_cert = \"{ca}\"\ntls_server_name = \"::1\"", Reads),
        (
            "address = \"{https}\"\nca_cert = \"{ca}\"\ntls_server_name = \"other.test\"",
            Fails(5, "UNAVAILABLE", "is not for the name other.test: set `tls_server_name`"),
        ),
        (
            "address = \"https://127.0.0.2:{port}\"\nca_cert = \"{ca}\"",
            Fails(5, "UNAVAILABLE", "no connection to https://127.0.0.2:"),
        ),
        (
            "address = \"{https}\"\nca_cert = \"{ca}\"\ntls_server_name = \"two words\"",
            Fails(3, "MISCONFIGURED", "`tls_server_name` has a host that no certificate can name"),
        ),
    ]);
}

#[test]
fn a_certificate_is_left_unchecked_only_by_clear_words_and_never_quietly() {
    let place = Place::new();
    for tls_1_2 in [false, true] {
        let fake = fake(&place, Manner { tls_1_2, ..Manner::default() });
        let at = format!("address = \"{}\"\n", fake.https);
        let warning = "warning: the certificate of https://127.0.0.1:";
        for more in ["", "tls_server_name = \"other.test\"", "ca_cert = \"/nonexistent\""] {
            let lines = format!("{at}tls_skip_verify = true\n{more}");
            place.judge(&[(&lines, Reads)]);
            assert!(place.by_profile(&lines).stderr.contains(warning), "{more}");
        }
        let unchecked = "is signed by an authority that is not trusted";
        let lines = format!("{at}tls_skip_verify = false");
        place.judge(&[(&lines, Fails(5, "UNAVAILABLE", unchecked))]);
        let run = |name: &str, word: &str| {
            let run = vault().env("VAULT_ADDR", &fake.https).env("VAULT_TOKEN", ROOT).env(name, word);
            run.request(&["a#k"]).end()
        };
        for word in ["1", "t", "T", "TRUE", "true", "True"] {
            judge(word, &run("VAULT_SKIP_VERIFY", word), Reads);
        }
        for word in ["0", "f", "F", "FALSE", "false", "False", ""] {
            judge(word, &run("BAO_SKIP_VERIFY", word), Fails(5, "UNAVAILABLE", unchecked));
        }
        for (name, word) in
            [("VAULT_SKIP_VERIFY", "no"), ("BAO_SKIP_VERIFY", "yes"), ("VAULT_SKIP_VERIFY", "2")]
        {
            judge(
                word,
                &run(name, word),
                Fails(3, "MISCONFIGURED", &format!("`{name}` is not true or false")),
            );
        }
    }
    // Not over plain HTTP, where there is nothing to check.
    let fake = fake(&place, Manner::default());
    let ended = place.by_profile(&format!("address = \"{}\"\ntls_skip_verify = true", fake.http));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_socket_is_an_address() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let place = place.with("socket", fake.socket.display());
    place.file("file", 0o600, "no socket");
    let folder = place.folder.path().to_owned();
    drop(std::os::unix::net::UnixListener::bind(folder.join("left.sock")).unwrap());
    let at = |path: &str, end| place.judge(&[(&format!("address = \"{path}\""), end)]);
    at("unix://{socket}", Reads);
    at("unix://{folder}/none.sock", Fails(5, "UNAVAILABLE", "there is no socket at /"));
    at("unix://{folder}/left.sock", Fails(5, "UNAVAILABLE", "nobody listens at /"));
    at("unix://{folder}/file", Fails(5, "UNAVAILABLE", "whether `address` names its socket"));
    at("unix://{socket}/base", Fails(5, "UNAVAILABLE", "a socket has no base path"));
    at("unix://{socket}/", Fails(3, "MISCONFIGURED", "a socket has no base path"));
    at("unix://fake.sock", Fails(3, "MISCONFIGURED", "no absolute path"));
    // Up to 32 connections, each for many requests.
    let profile =
        place.file("many.toml", 0o600, place.fill("address = \"unix://{socket}\"\ntoken_file = \"token\""));
    for number in 0..100 {
        fake.put("secret", &format!("n{number}"), r#"{"k":"value-of-it"}"#);
    }
    let ids: Vec<_> = (0..100).map(|number| format!("n{number}#k")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let _ = fake.counts();
    let ended = vault().args(["--profile".as_ref(), profile.as_os_str()]).request(&ids).end();
    assert_eq!(ended.stdout.matches("value-of-it").count(), 100, "{ended:?}");
    assert!((1..=32).contains(&fake.counts().0), "connections");
}

#[test]
#[ignore = "needs root, to be another user: tests/run"]
fn a_socket_that_is_closed_to_the_user_says_so() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    std::fs::set_permissions(place.folder.path(), Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(fake.socket.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    // The folder of the build may be one that another user cannot enter.
    let binary = place.folder.path().join("secretref-vault");
    std::fs::copy(resolver::path("secretref-vault"), &binary).unwrap();
    let run = Run::new(binary).env("VAULT_ADDR", format!("unix://{}", fake.socket.display()));
    let ended = run.env("VAULT_TOKEN", ROOT).uid(65534).request(&["a#k"]).end();
    judge("closed", &ended, Fails(5, "UNAVAILABLE", "permission denied at /"));
}

/// The server's own socket, and that of a proxy with the kit's token.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn openbao_is_read_over_its_sockets_and_through_proxies() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    let place = Place::new().certificates(&server.certificates);
    let agent = Agent::passing(&server, server.folder());
    let place = place.with("socket", server.socket.display()).with("agent", agent.socket.display());
    let forward = |url: &str| Forward::start(host(url), None, None).address;
    let place = place.with("secure", forward(&server.https)).with("plain", forward(&server.http));
    place.judge(&[
        ("address = \"unix://{socket}\"", Reads),
        ("address = \"unix://{agent}\"", Reads),
        (&format!("{FAR}proxy = \"http://{{secure}}\""), Reads),
        (&format!("{FAR}proxy = \"http://{{secure}}\"\nhttp = \"h2\""), Reads),
        (&format!("{FAR_PLAIN}proxy = \"http://{{plain}}\""), Reads),
    ]);
}

/// The inner key of a PKCS#8 key on P-256, as `openssl ecparam -genkey` would write it (RFC 5915).
fn sec1(pkcs8: &str) -> String {
    let der: String = pkcs8.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(der).expect("base64");
    let at = 20 + der[20..].iter().position(|byte| *byte == 0x30).expect("a sequence");
    let key = BASE64_STANDARD.encode(&der[at..at + 2 + usize::from(der[at + 1])]);
    format!("-----BEGIN EC PRIVATE KEY-----\n{key}\n-----END EC PRIVATE KEY-----\n")
}

const MUTUAL: &str = "address = \"{https}\"\nca_cert = \"{ca}\"\n";

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks_for_one() {
    for (tls_1_2, no_h2) in [(false, false), (false, true), (true, false)] {
        let place = Place::new();
        let fake = fake(&place, Manner { mutual: true, tls_1_2, no_h2, ..Manner::default() });
        let others = tempfile::tempdir().unwrap();
        let other = Certificates::make(others.path());
        let place = place.certificates(&fake.certificates).with("https", &fake.https);
        let place = place.with("other", other.client.display()).with("other_key", other.client_key.display());
        let cases = [
            ("client_cert = \"{client}\"\nclient_key = \"{client_key}\"", Reads),
            ("http = \"h1\"\nclient_cert = \"{client}\"\nclient_key = \"{client_key}\"", Reads),
            (
                "",
                Fails(
                    4,
                    "UNAUTHENTICATED",
                    "asks for a client certificate: set `client_cert` and `client_key`",
                ),
            ),
            ("http = \"h1\"", Fails(4, "UNAUTHENTICATED", "asks for a client certificate")),
            (
                "client_cert = \"{other}\"\nclient_key = \"{other_key}\"",
                Fails(4, "UNAUTHENTICATED", "does not accept the client certificate in "),
            ),
        ];
        for (lines, end) in cases {
            place.judge(&[(&format!("{MUTUAL}{lines}"), end)]);
        }
        // Many requests share a connection, or wait for one.
        let profile =
            place.file("many.toml", 0o600, place.fill(&format!("token_file = \"token\"\n{MUTUAL}")));
        let ids: Vec<_> = (0..100).map(|number| format!("n{number}#k")).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let _ = fake.counts();
        let ended = vault().args(["--profile".as_ref(), profile.as_os_str()]).request(&ids).end();
        let asks = ended.stdout.matches("asks for a client certificate").count();
        assert_eq!((ended.code, asks), (Some(4), 100), "{ended:?}");
        let connections = fake.counts().0;
        assert!(connections <= 32, "{connections} connections, TLS 1.2 {tls_1_2}, HTTP/1.1 alone {no_h2}");
    }
}

#[test]
fn a_client_certificate_that_cannot_be_one_fails_before_anything_is_sent() {
    let place = Place::new();
    let fake = fake(&place, Manner { mutual: true, ..Manner::default() });
    let others = tempfile::tempdir().unwrap();
    let other = Certificates::make(others.path());
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let both = format!("{}{}", read(&fake.certificates.client), read(&fake.certificates.client_key));
    place.file("both.pem", 0o600, both);
    place.file("sec1.key", 0o600, sec1(&read(&fake.certificates.client_key)));
    place.file("open.key", 0o666, read(&fake.certificates.client_key));
    let locked = read(&fake.certificates.client_key).replace("PRIVATE", "ENCRYPTED PRIVATE");
    place.file("locked.key", 0o600, locked);
    place.file("odd.key", 0o600, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    place.file("odd.pem", 0o600, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let place = place.certificates(&fake.certificates).with("https", &fake.https);
    let place = place.with("other", other.client.display());
    let wrong = |words| Fails(3, "MISCONFIGURED", words);
    let _ = fake.counts();
    for (lines, end) in [
        ("client_cert = \"{client}\"", wrong("`client_cert` is set and `client_key` is not")),
        ("client_key = \"{client_key}\"", wrong("`client_key` is set and `client_cert` is not")),
        (
            "client_cert = \"{other}\"\nclient_key = \"{client_key}\"",
            wrong("does not belong to the certificate in"),
        ),
        (
            "client_cert = \"/nonexistent\"\nclient_key = \"{client_key}\"",
            wrong("`client_cert` names, cannot be opened"),
        ),
        (
            "client_cert = \"{client}\"\nclient_key = \"/nonexistent\"",
            wrong("`client_key` names, cannot be opened"),
        ),
        (
            "client_cert = \"{client_key}\"\nclient_key = \"{client_key}\"",
            wrong("`client_cert` names, holds no certificate"),
        ),
        (
            "client_cert = \"{client}\"\nclient_key = \"{client}\"",
            wrong("`client_key` names, holds no private key"),
        ),
        ("client_cert = \"{client}\"\nclient_key = \"{folder}/locked.key\"", wrong("without a passphrase")),
        (
            "client_cert = \"{client}\"\nclient_key = \"{folder}/open.key\"",
            wrong("can be written by everybody"),
        ),
        (
            "client_cert = \"{client}\"\nclient_key = \"{folder}/odd.key\"",
            wrong("a private key of an unknown kind"),
        ),
        (
            "client_cert = \"{folder}/odd.pem\"\nclient_key = \"{client_key}\"",
            wrong("`client_cert` names, holds a certificate that cannot be read"),
        ),
    ] {
        place.judge(&[(&format!("{MUTUAL}{lines}"), end)]);
    }
    assert_eq!(fake.counts().0, 0, "connections");
    for key in
        ["both.pem\"\nclient_key = \"{folder}/both.pem", "both.pem\"\nclient_key = \"{folder}/sec1.key"]
    {
        place.judge(&[(&format!("{MUTUAL}client_cert = \"{{folder}}/{key}\""), Reads)]);
    }
}

/// No name server knows this host, so whoever reads from it has asked a proxy.
const FAR: &str = "address = \"https://vault.test:8200\"\nca_cert = \"{ca}\"\n";
const FAR_PLAIN: &str = "address = \"http://vault.test:8200\"\nallow_http = true\n";

fn host(url: &str) -> &str {
    url.split_once("://").unwrap().1
}

#[test]
fn https_goes_through_a_tunnel_and_http_by_its_whole_url() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let secure = Forward::start(host(&fake.https), None, None);
    let plain = Forward::start(host(&fake.http), None, None);
    let wrapped = Forward::start(host(&fake.https), None, Some(&fake.certificates));
    let place = place.certificates(&fake.certificates).with("https", &fake.https).with("http", &fake.http);
    let place = place.with("wrapped", &wrapped.address);
    let place = place.with("secure", &secure.address).with("plain", &plain.address);
    for (base, lines, first) in [
        (
            FAR,
            "proxy = \"http://{secure}\"",
            "CONNECT vault.test:8200 HTTP/1.1\r\nhost: vault.test:8200\r\n\r\n",
        ),
        (FAR, "proxy = \"{secure}\"", "CONNECT vault.test:8200 "),
        (FAR, "https_proxy = \"http://{secure}/\"", "CONNECT vault.test:8200 "),
        (
            FAR,
            "proxy = \"http://{secure}\"\nhttps_proxy = \"http://127.0.0.1:1\"",
            "CONNECT vault.test:8200 ",
        ),
        (FAR, "https_proxy = \"http://{secure}\"\nno_proxy = \"test:80,.other\"", "CONNECT vault.test:8200 "),
        (FAR, "proxy = \"http://{secure}\"\nhttp = \"h2\"", "CONNECT vault.test:8200 "),
        (
            "ca_cert = \"{ca}\"\n",
            "address = \"https://[::1]\"\nproxy = \"http://{secure}\"",
            "CONNECT [::1]:443 ",
        ),
        // What is said for this address alone counts for this machine, too.
        ("ca_cert = \"{ca}\"\n", "address = \"{https}\"\nproxy = \"http://{secure}\"", "CONNECT 127.0.0.1:"),
        (FAR_PLAIN, "proxy = \"http://{plain}\"", "GET http://vault.test:8200/v1/secret/data/a HTTP/1.1\r\n"),
        (FAR_PLAIN, "http_proxy = \"http://{plain}\"", "GET http://vault.test:8200/v1/secret/data/a "),
        (FAR, "proxy = \"https://{wrapped}\"", "CONNECT vault.test:8200 "),
    ] {
        place.judge(&[(&format!("{base}{lines}"), Reads)]);
        let heads = [secure.heads(), plain.heads(), wrapped.heads()].concat();
        assert_eq!(heads.len(), 3, "{lines}: {heads:?}");
        assert!(heads.iter().all(|head| head.starts_with(first)), "{lines}: {heads:?}");
        let leaks = |head: &String| head.contains(ROOT) || head.to_lowercase().contains("x-vault");
        assert!(base == FAR_PLAIN || !heads.iter().any(leaks), "{lines}: {heads:?}");
    }
    // And past a proxy that is not there.
    for lines in [
        "address = \"{https}\"\nca_cert = \"{ca}\"\nhttps_proxy = \"http://127.0.0.1:1\"",
        "address = \"{https}\"\nca_cert = \"{ca}\"\nhttp_proxy = \"http://127.0.0.1:1\"",
        "address = \"{http}\"\nhttp_proxy = \"http://127.0.0.1:1\"\nhttps_proxy = \"http://127.0.0.1:1\"",
    ] {
        place.judge(&[(lines, Reads)]);
    }
    let lines = "address = \"{https}\"\nca_cert = \"{ca}\"\nproxy = \"http://127.0.0.1:1\"\nno_proxy = \"127.0.0.0/8\"";
    judge("as explicit", &place.by_profile(lines), Reads);
    let gone = Fails(5, "UNAVAILABLE", "no connection to the proxy http://127.0.0.1:1 ");
    judge("NO_PROXY is for the other two", &place.by_variables(lines, "VAULT"), gone);
}

#[test]
fn the_variables_of_a_proxy_count_in_their_order_and_only_where_they_are_listed() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let proxy = Forward::start(host(&fake.https), None, None);
    let good = format!("http://{}", proxy.address);
    let names = [
        "BAO_PROXY_ADDR",
        "VAULT_PROXY_ADDR",
        "BAO_HTTP_PROXY",
        "VAULT_HTTP_PROXY",
        "HTTPS_PROXY",
        "https_proxy",
    ];
    let base = || vault().env("VAULT_ADDR", "https://vault.test:8200").env("VAULT_TOKEN", ROOT);
    for at in 0..names.len() {
        let run = base()
            .env("VAULT_CACERT", &fake.ca)
            .env(names[at], &good)
            .env("HTTP_PROXY", "http://127.0.0.1:1");
        let run = names[at + 1..].iter().fold(run, |run, later| run.env(later, "http://127.0.0.1:1"));
        judge(names[at], &run.request(&["a#k"]).end(), Reads);
        let _ = proxy.heads();
        let run = base().env("VAULT_CACERT", &fake.ca).env(names[at], &good).env("no_proxy", "vault.test");
        let ended = run.args(["--timeout", "1s"]).request(&["a#k"]).end();
        let passed = proxy.heads().len();
        assert_eq!((ended.stdout.contains("value-a"), passed), (at < 4, usize::from(at < 4)), "{ended:?}");
    }
    let place = place.certificates(&fake.certificates);
    for (lines, passes) in [
        ("", false),
        ("env = [\"HTTPS_PROXY\"]", true),
        ("env = [\"https_proxy\", \"HTTPS_PROXY\"]", true),
        ("env = [\"https_proxy\"]", false),
    ] {
        let text = format!("token_file = \"token\"\n{lines}\n{}", place.fill(FAR));
        let profile = place.file("listed.toml", 0o600, text);
        let run = vault().args(["--profile".as_ref(), profile.as_os_str()]);
        let run = run.env("HTTPS_PROXY", &good).env("https_proxy", "http://127.0.0.1:1");
        let ended = run.args(["--timeout", "1s"]).request(&["a#k"]).end();
        assert_eq!(
            (ended.stdout.contains("value-a"), proxy.heads().len()),
            (passes, usize::from(passes)),
            "{lines}"
        );
    }
}

#[test]
fn a_proxy_is_shown_a_login_and_nobody_else_sees_it() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    // user:hunt er2@
    let login = "Basic dXNlcjpodW50IGVyMkA=";
    let secure = Forward::start(host(&fake.https), Some(login), None);
    let plain = Forward::start(host(&fake.http), Some(login), None);
    place.file("login", 0o600, "user:hunt er2@\n");
    place.file("bad", 0o600, "user:hunter3");
    let place =
        place.certificates(&fake.certificates).with("secure", &secure.address).with("plain", &plain.address);
    let asks =
        Fails(5, "UNAVAILABLE", "asks for a user name and password (407): write user:password into a file");
    let wrong = Fails(5, "UNAVAILABLE", "does not accept the user name and password (407)");
    let inline = Fails(3, "MISCONFIGURED", "`proxy` has a user name or password in it");
    for (base, proxy) in [(FAR, "http://{secure}"), (FAR_PLAIN, "http://{plain}")] {
        let lines = format!("{base}proxy = \"{proxy}\"\n");
        place.judge(&[
            (&format!("{lines}proxy_auth_file = \"{{folder}}/login\""), Reads),
            (&format!("{lines}proxy_auth_file = \"{{folder}}/bad\""), wrong),
            (&lines, asks),
            (
                &format!("{lines}proxy_auth_file = \"/nonexistent\""),
                Fails(3, "MISCONFIGURED", "which `proxy_auth_file` names, cannot be opened"),
            ),
        ]);
        for (user, from_variables) in [("user:hunt%20er2%40", Reads), ("user:hunter3", wrong)] {
            let lines = format!("{base}proxy = \"{}\"", proxy.replace("//", &format!("//{user}@")));
            for (ended, end) in
                [(place.by_variables(&lines, "VAULT"), from_variables), (place.by_profile(&lines), inline)]
            {
                judge(&lines, &ended, end);
                assert!(!format!("{ended:?}").contains("hunt"), "{ended:?}");
            }
        }
    }
    assert!(secure.heads().iter().all(|head| !head.contains(ROOT)));
}

#[test]
fn what_a_proxy_does_wrong_is_no_fault_of_the_store() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let others = tempfile::tempdir().unwrap();
    let other = Certificates::make(others.path());
    let place = place.certificates(&fake.certificates);
    let stranger = Forward::start(host(&fake.https), None, Some(&other));
    let to_stranger =
        Forward::start(host(&FakeVault::start(others.path(), Manner::default()).https), None, None);
    let to_plain = Forward::start(host(&fake.http), None, None);
    let to_nobody = Forward::start("127.0.0.1:1", None, None);
    let none = Canned::http("200 OK", "", "<html>");
    // A label that is too long for any name server to be asked.
    let nameless = format!("{}.test:1", "x".repeat(64));
    let at = |server: &Canned| host(&server.http).to_owned();
    let down = |words| Fails(5, "UNAVAILABLE", words);
    let wrong = |words| Fails(3, "MISCONFIGURED", words);
    for (proxy, end) in [
        ("127.0.0.1:1".into(), down("no connection to the proxy http://127.0.0.1:1 (")),
        ("127.0.0.1:1".into(), down("see whether the proxy runs, and whether `proxy` has its port")),
        (nameless.clone(), down("cannot be looked up: check the spelling of `proxy`")),
        (
            at(&Canned::http("403 Forbidden", "", "no")),
            down("refuses a connection to vault.test:8200 (403): allow it in"),
        ),
        (
            at(&Canned::http("502 Bad Gateway", "", "<h1>")),
            down("gets no connection to vault.test:8200 (502)"),
        ),
        (at(&Canned::http("407 x", "", "")), down("asks for a user name and password (407)")),
        (
            at(&Canned::http("302 Found", "location: http://portal/\r\n", "")),
            down("refuses a connection to vault.test:8200 (302)"),
        ),
        (at(&Canned::start("SSH-2.0-x\r\n")), down("does not answer as a proxy of HTTP does")),
        (at(&Canned::start("HTTP/1.1 200")), down("does not answer as a proxy of HTTP does")),
        (at(&Canned::start("HTTP/1.1 200 OK\r\n\r\nearly")), down("does not answer as a proxy of HTTP does")),
        (at(&Canned::start("x".repeat(100_000))), down("does not answer as a proxy of HTTP does")),
        (at(&none), down("does not answer as a proxy of HTTP does")),
        (to_nobody.address.clone(), down("ended the connection without an answer")),
        (to_plain.address, down("https://vault.test:8200 (through the proxy http://127.0.0.1:")),
        (to_stranger.address, down("(`ca_cert`)")),
        (format!("https://{}", stranger.address), down("the certificate of the proxy https://127.0.0.1:")),
        (
            format!("https://{}", host(&none.http)),
            down("does not complete a TLS handshake: see whether `proxy` means http://"),
        ),
        ("socks5://127.0.0.1:1080".into(), wrong("`proxy` is neither http:// nor https://")),
        ("http://".into(), wrong("`proxy` is not a URL: write it as http://proxy.example.com:3128")),
        ("http://p:99999".into(), wrong("`proxy` has a port that is no port")),
        ("http://p:1/x".into(), wrong("`proxy` has a path")),
    ] {
        place.judge(&[(&format!("{FAR}proxy = \"{proxy}\""), end)]);
    }
    for (proxy, end) in [
        ("127.0.0.1:1".into(), down("no connection to the proxy http://127.0.0.1:1 (")),
        (at(&Canned::http("403 Forbidden", "", "no")), down("refuses a connection to vault.test:8200 (403)")),
        (at(&Canned::http("503 x", "", "<h1>")), down("gets no connection to vault.test:8200 (503)")),
        (at(&Canned::http("503 x", "", r#"{"errors":["Vault is sealed"]}"#)), down("is in maintenance")),
        (at(&Canned::http("407 x", "", "")), down("asks for a user name and password (407)")),
        (at(&Canned::start("SSH-2.0-x\r\n")), down("(through the proxy http://127.0.0.1:")),
    ] {
        place.judge(&[(&format!("{FAR_PLAIN}proxy = \"{proxy}\""), end)]);
    }
    let lines = "address = \"http://127.0.0.1:1\"\nproxy = \"http://proxy.example.com:3128\"";
    place.judge(&[(lines, wrong("`proxy` carries credentials in clear text to another machine"))]);
    // One that never answers costs the deadline and no more.
    let silent =
        place.by_profile(&format!("{FAR}timeout = \"300ms\"\nproxy = \"{}\"", at(&Canned::start(""))));
    judge("silent", &silent, Fails(6, "TIMEOUT", "no answer"));
    assert!(silent.took < std::time::Duration::from_secs(1), "{silent:?}");
}

#[test]
fn an_address_of_version_6_is_one_everywhere() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return eprintln!("left out: this machine has no IPv6");
    };
    drop(listener);
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    let forward = Forward::start(host(&fake.https), None, None);
    let six = |target: &str| {
        let listener = (0..100).find_map(|_| TcpListener::bind(("::1", port::free())).ok());
        let listener = Listener::Tcp(listener.expect("a free port on ::1"));
        Server::pass_on(listener, target.parse().expect("an address"))
    };
    let (secure, plain, proxy) = (six(host(&fake.https)), six(host(&fake.http)), six(&forward.address));
    let place = place.certificates(&fake.certificates).with("six", secure.address().to_string());
    let place = place.with("plain", plain.address().to_string()).with("forward", proxy.address().to_string());
    for lines in [
        "address = \"https://{six}\"",
        "address = \"http://{plain}\"",
        "address = \"https://{six}\"\nproxy = \"http://127.0.0.1:1\"\nno_proxy = \"::1\"",
        "address = \"https://[fd00::1]:8200\"\ntls_server_name = \"::1\"\nproxy = \"http://{forward}\"",
    ] {
        let ended = place.by_profile(&format!("ca_cert = \"{{ca}}\"\n{lines}"));
        judge(lines, &ended, Reads);
    }
    assert!(forward.heads()[0].starts_with("CONNECT [fd00::1]:8200 HTTP/1.1\r\nhost: [fd00::1]:8200\r\n"));
}

#[test]
fn many_requests_share_a_tunnel() {
    let place = Place::new();
    let fake = fake(&place, Manner::default());
    for number in 0..100 {
        fake.put("secret", &format!("n{number}"), r#"{"k":"value-of-it"}"#);
    }
    let (secure, plain) =
        (Forward::start(host(&fake.https), None, None), Forward::start(host(&fake.http), None, None));
    let place =
        place.certificates(&fake.certificates).with("secure", &secure.address).with("plain", &plain.address);
    let ids: Vec<_> = (0..100).map(|number| format!("n{number}#k")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    for (base, proxy, most) in [(FAR, "{secure}", 1), (FAR_PLAIN, "{plain}", 32)] {
        let text = place.fill(&format!("token_file = \"token\"\n{base}proxy = \"{proxy}\""));
        let profile = place.file("many.toml", 0o600, text);
        let ended = vault().args(["--profile".as_ref(), profile.as_os_str()]).request(&ids).end();
        assert_eq!(ended.stdout.matches("value-of-it").count(), 100, "{ended:?}");
        let connections = secure.heads().len() + plain.heads().len();
        assert!((1..=most).contains(&connections), "{connections}");
    }
}

/// What OpenBao's own authority issues: PKCS#1, SEC1 and PKCS#8.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn openbao_takes_and_refuses_client_certificates() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    server.api("sys/mounts/pki", Some(&json!({"type": "pki"})));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let bundle = format!("{}{}", read(&server.certificates.ca), read(&server.certificates.ca_key));
    server.api("pki/config/ca", Some(&json!({"pem_bundle": bundle})));
    let place = Place::new().certificates(&server.certificates).with("https", &server.mutual);
    let others = tempfile::tempdir().unwrap();
    let other = Certificates::make(others.path());
    let place = place.with("other", other.client.display()).with("other_key", other.client_key.display());
    for (kind, bits, format, begin) in [
        ("rsa", 2048, "der", "BEGIN RSA PRIVATE KEY"),
        ("ec", 256, "der", "BEGIN EC PRIVATE KEY"),
        ("ec", 384, "der", "BEGIN EC PRIVATE KEY"),
        ("ed25519", 0, "pkcs8", "BEGIN PRIVATE KEY"),
        ("rsa", 2048, "pkcs8", "BEGIN PRIVATE KEY"),
    ] {
        let role = json!({"allow_any_name": true, "key_type": kind, "key_bits": bits, "ttl": "1h"});
        server.api("pki/roles/gateway", Some(&role));
        let ask = json!({"common_name": "gateway.test", "private_key_format": format});
        let issued = server.api("pki/issue/gateway", Some(&ask));
        let text = |name: &str| issued["data"][name].as_str().unwrap().to_owned();
        assert!(text("private_key").contains(begin), "{kind} {format}");
        place.file("issued.pem", 0o600, text("certificate"));
        place.file("issued.key", 0o600, text("private_key"));
        let lines = "client_cert = \"{folder}/issued.pem\"\nclient_key = \"{folder}/issued.key\"";
        judge(kind, &place.by_profile(&format!("{MUTUAL}{lines}")), Reads);
    }
    for (lines, end) in [
        ("client_cert = \"{client}\"\nclient_key = \"{client_key}\"", Reads),
        ("", Fails(4, "UNAUTHENTICATED", "asks for a client certificate")),
        (
            "client_cert = \"{other}\"\nclient_key = \"{other_key}\"",
            Fails(4, "UNAUTHENTICATED", "does not accept the client certificate in "),
        ),
    ] {
        place.judge(&[(&format!("{MUTUAL}{lines}"), end)]);
    }
}
