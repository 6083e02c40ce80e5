//! Every way to a server, and every way to miss it. A case is some lines of a profile and how a read over them ends; it
//! runs from that profile with an empty environment, and without a profile from Vault's variables and from OpenBao's.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secretref_tests::certificate::Certificates;
use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::openbao::{OpenBao, ROOT};
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
fn openbao_is_read_over_its_sockets() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    let place = Place::new();
    let agent = server.proxy();
    let place = place.with("socket", server.socket.display()).with("agent", agent.socket.display());
    place.judge(&[("address = \"unix://{socket}\"", Reads), ("address = \"unix://{agent}\"", Reads)]);
}

/// The inner key of a PKCS#8 key on P-256, as `openssl ecparam -genkey` would write it (RFC 5915).
fn sec1(pkcs8: &str) -> String {
    let script = "import base64,sys\nder=base64.b64decode(''.join(l for l in sys.argv[1].splitlines() if l[0]!='-'))\n\
                  at=der.index(b'\\x30',20)\nprint('-----BEGIN EC PRIVATE KEY-----\\n'+base64.b64encode(der[at:at+2+der[at+1]]).decode()+'\\n-----END EC PRIVATE KEY-----')";
    let ended = Run::new("/usr/bin/python3").args(["-c", script, pkcs8]).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
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
