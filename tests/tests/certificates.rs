//! Certificates of servers, and client certificates.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secretref_tests::canned::Canned;
use secretref_tests::certificate::{Authority, Certificates, Flaw, Issued};
use secretref_tests::fake_vault::Manner;
use secretref_tests::fault::{self, Act, Answer, Asked, Server, Setup};
use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::way::End::{Fails, Value as Reads};
use secretref_tests::way::{Place, judge, vault};
use serde_json::json;

#[test]
fn authorities_come_from_a_file_a_folder_or_a_text() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
    let pem = std::fs::read_to_string(&fake.ca).unwrap();
    let others = tempfile::tempdir().unwrap();
    let other = Certificates::make(others.path());
    let other_pem = std::fs::read_to_string(&other.ca).unwrap();
    place.file("many/a.pem", 0o644, &other_pem);
    place.file("many/b.crt", 0o644, &pem);
    place.file("mark.pem", 0o644, format!("\u{feff}{pem}"));
    let wide: Vec<u8> = format!("\u{feff}{pem}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    place.file("wide.pem", 0o644, wide);
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
        ("", Fails(5, "UNAVAILABLE", "not trusted: set `ca_cert` to the certificate of that CA")),
        ("ca_cert = \"{other}\"", Fails(5, "UNAVAILABLE", "to that file (`ca_cert`)")),
        ("ca_path = \"{folder}/other\"", Fails(5, "UNAVAILABLE", "to that folder (`ca_path`)")),
        (
            "ca_cert_bytes = \"\"\"{other_pem}\"\"\"",
            Fails(5, "UNAVAILABLE", "is not signed by any CA in `ca_cert_bytes`"),
        ),
        ("ca_cert = \"/nonexistent\"", Fails(3, "MISCONFIGURED", "which `ca_cert` names, cannot be opened")),
        ("ca_cert_bytes = \"x\"", Fails(3, "MISCONFIGURED", "`ca_cert_bytes` contains no certificate")),
        (
            "ca_path = \"/nonexistent\"",
            Fails(3, "MISCONFIGURED", "`ca_path` names, cannot be read as a folder"),
        ),
        (
            "ca_path = \"{ca}\"",
            Fails(3, "MISCONFIGURED", "`ca_path` names, is not a folder: set `ca_cert` to the file"),
        ),
        (
            "ca_cert = \"{folder}/many\"",
            Fails(
                3,
                "MISCONFIGURED",
                "`ca_cert` names, is a folder: set it to a PEM file in it, or set `ca_path`",
            ),
        ),
        ("ca_cert = \"{folder}/mark.pem\"", Reads),
        (
            "ca_cert = \"{folder}/wide.pem\"",
            Fails(3, "MISCONFIGURED", "`ca_cert` names, is UTF-16 and not PEM"),
        ),
        // The system's own list is not for a person to edit.
        (
            "ca_cert = \"/etc/ssl/certs/ca-certificates.crt\"",
            Fails(5, "UNAVAILABLE", "ca-certificates.crt: set `ca_cert` to the certificate of that CA"),
        ),
        (
            "ssl_cert_file = \"{other}\"",
            Fails(5, "UNAVAILABLE", "ca.pem: set `ca_cert` to the certificate of that CA"),
        ),
        (
            "ca_path = \"{folder}/none\"",
            Fails(3, "MISCONFIGURED", "which `ca_path` names, contains no certificate"),
        ),
        (
            "ca_path = \"{folder}/torn\"",
            Fails(3, "MISCONFIGURED", "a.pem, which `ca_path` names, is not valid PEM"),
        ),
        (
            "ca_path = \"{folder}/open\"",
            Fails(3, "MISCONFIGURED", "which `ca_path` names, is world-writable"),
        ),
        (
            "ca_path = \"{folder}/wide\"",
            Fails(3, "MISCONFIGURED", "wide, which `ca_path` names, is world-writable"),
        ),
    ];
    for (lines, end) in cases {
        place.judge(&[(&format!("{at}{lines}"), end)]);
    }
}

#[test]
fn the_more_explicit_setting_of_trust_wins() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
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
fn the_certificate_can_have_another_name() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
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
            Fails(3, "MISCONFIGURED", "`tls_server_name` has a host that cannot be in a certificate"),
        ),
    ]);
}

#[test]
fn verification_is_switched_off_only_explicitly_and_with_a_warning() {
    let place = Place::make();
    for tls_1_2 in [false, true] {
        let fake = place.fake(Manner { tls_1_2, ..Manner::default() });
        let at = format!("address = \"{}\"\n", fake.https);
        let warning = "warning: the certificate of https://127.0.0.1:";
        for more in ["", "tls_server_name = \"other.test\"", "ca_cert = \"/nonexistent\""] {
            let lines = format!("{at}tls_skip_verify = true\n{more}");
            place.judge(&[(&lines, Reads)]);
            assert!(place.by_profile(&lines).stderr.contains(warning), "{more}");
        }
        let unchecked = "is signed by a CA that is not trusted";
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
    // Not over plain HTTP, which has no certificate to check.
    let fake = place.fake(Manner::default());
    let ended = place.by_profile(&format!("address = \"{}\"\ntls_skip_verify = true", fake.http));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
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
        let place = Place::make();
        let fake = place.fake(Manner { mutual: true, tls_1_2, no_h2, ..Manner::default() });
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
                    "requires a client certificate: set `client_cert` and `client_key`",
                ),
            ),
            ("http = \"h1\"", Fails(4, "UNAUTHENTICATED", "requires a client certificate")),
            (
                "client_cert = \"{other}\"\nclient_key = \"{other_key}\"",
                Fails(4, "UNAUTHENTICATED", "rejected the client certificate in "),
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
        let asks = ended.stdout.matches("requires a client certificate").count();
        assert_eq!((ended.code, asks), (Some(4), 100), "{ended:?}");
        let connections = fake.counts().0;
        assert!(connections <= 32, "{connections} connections, TLS 1.2 {tls_1_2}, HTTP/1.1 alone {no_h2}");
    }
}

#[test]
fn an_invalid_client_certificate_fails_before_anything_is_sent() {
    let place = Place::make();
    let fake = place.fake(Manner { mutual: true, ..Manner::default() });
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
            wrong("`client_cert` names, contains no certificate"),
        ),
        (
            "client_cert = \"{client}\"\nclient_key = \"{client}\"",
            wrong("`client_key` names, contains no readable private key"),
        ),
        ("client_cert = \"{client}\"\nclient_key = \"{folder}/locked.key\"", wrong("without a passphrase")),
        ("client_cert = \"{client}\"\nclient_key = \"{folder}/open.key\"", wrong("is world-writable")),
        (
            "client_cert = \"{client}\"\nclient_key = \"{folder}/odd.key\"",
            wrong("an unsupported type of private key"),
        ),
        (
            "client_cert = \"{folder}/odd.pem\"\nclient_key = \"{client_key}\"",
            wrong("`client_cert` names, contains a certificate that cannot be read"),
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

/// Keys that OpenBao's own authority issues: PKCS#1, SEC1 and PKCS#8.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn openbao_takes_and_refuses_client_certificates() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    server.api("sys/mounts/pki", Some(&json!({"type": "pki"})));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let bundle = format!("{}{}", read(&server.certificates.ca), read(&server.certificates.ca_key));
    server.api("pki/config/ca", Some(&json!({"pem_bundle": bundle})));
    let place = Place::make().certificates(&server.certificates).with("https", &server.mutual);
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
        ("", Fails(4, "UNAUTHENTICATED", "requires a client certificate")),
        (
            "client_cert = \"{other}\"\nclient_key = \"{other_key}\"",
            Fails(4, "UNAUTHENTICATED", "rejected the client certificate in "),
        ),
    ] {
        place.judge(&[(&format!("{MUTUAL}{lines}"), end)]);
    }
}

/// A server with this certificate, which has the secret.
fn shows(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Server {
    let setup = Setup { tls: Some(fault::tls(chain, key, &["http/1.1"])), ..Setup::default() };
    let metadata = json!({
        "created_time": "2026-01-01T00:00:00Z", "custom_metadata": null, "deletion_time": "",
        "destroyed": false, "version": 1,
    });
    let data = json!({"data": {"k": "value-a"}, "metadata": metadata});
    let secret = json!({"request_id": "x", "lease_duration": 0, "data": data}).to_string();
    let handler = Arc::new(move |_: &Asked| Answer::new(200, secret.as_str()));
    Server::start(setup, handler, Arc::new(|act: Act, _: &Asked| act))
}

#[test]
fn a_server_that_has_signed_its_own_certificate_is_trusted_if_a_setting_names_it() {
    for is_ca in [true, false] {
        let place = Place::make();
        let own = Issued::by_itself(Flaw::None, is_ca);
        let (chain, key) = own.der();
        let server = shows(chain, key);
        place.file("own/own.pem", 0o644, own.pem());
        let stranger = place.file("stranger.pem", 0o644, Issued::by_itself(Flaw::None, is_ca).pem());
        let place = place.with("https", server.url()).with("pem", own.pem());
        let place = place.with("stranger", stranger.display());
        let at = "address = \"{https}\"\n";
        let system =
            "is self-signed, and is not trusted: set `ca_cert` to a copy of the server's own certificate";
        let file = "add the server's own certificate to that file (`ca_cert`)";
        for (lines, end) in [
            ("ca_cert = \"{folder}/own/own.pem\"", Reads),
            ("ca_path = \"{folder}/own\"", Reads),
            ("ca_cert_bytes = \"\"\"{pem}\"\"\"", Reads),
            ("ca_cert = \"{folder}/own/own.pem\"\ntls_server_name = \"vault.test\"", Reads),
            (
                "ca_cert = \"{folder}/own/own.pem\"\ntls_server_name = \"other.test\"",
                Fails(5, "UNAVAILABLE", "is not for the name other.test"),
            ),
            ("", Fails(5, "UNAVAILABLE", system)),
            // Of the same name, with another key.
            ("ca_cert = \"{stranger}\"", Fails(5, "UNAVAILABLE", file)),
        ] {
            place.judge(&[(&format!("{at}{lines}"), end)]);
        }
        let (_, other) = Issued::by_itself(Flaw::None, is_ca).der();
        let thief = shows(own.der().0, other);
        let lines = format!("address = \"{}\"\nca_cert = \"{{folder}}/own/own.pem\"", thief.url());
        place.judge(&[(&lines, Fails(5, "UNAVAILABLE", "does not match the server's private key"))]);
        for (flaw, words) in [
            (Flaw::Expired, "has expired"),
            (Flaw::NotYetValid, "is not valid yet"),
            (Flaw::OtherName("other.test"), "is for another name"),
        ] {
            let flawed = Issued::by_itself(flaw, is_ca);
            let (chain, key) = flawed.der();
            let server = shows(chain, key);
            place.file("flawed.pem", 0o644, flawed.pem());
            let lines = format!("address = \"{}\"\nca_cert = \"{{folder}}/flawed.pem\"", server.url());
            place.judge(&[(&lines, Fails(5, "UNAVAILABLE", words))]);
        }
    }
}

#[test]
fn an_intermediate_authority_that_the_server_does_not_send_is_named_as_a_cause() {
    let place = Place::make();
    let root = Authority::new("a root");
    let between = root.below("an authority between");
    let (chain, key) = between.server(Flaw::None).der();
    let with = CertificateDer::from_pem_slice(between.pem.as_bytes()).unwrap();
    let alone = shows(chain.clone(), key.clone_key());
    let whole = shows([chain, vec![with]].concat(), key);
    place.file("root.pem", 0o644, &root.pem);
    place.file("between.pem", 0o644, &between.pem);
    let place = place.with("alone", alone.url()).with("whole", whole.url());
    let says = "the server sends no CA certificate: if an intermediate CA signed its own";
    for (lines, end) in [
        ("address = \"{alone}\"\nca_cert = \"{folder}/root.pem\"", Fails(5, "UNAVAILABLE", says)),
        ("address = \"{whole}\"\nca_cert = \"{folder}/root.pem\"", Reads),
        ("address = \"{alone}\"\nca_cert = \"{folder}/between.pem\"", Reads),
    ] {
        place.judge(&[(lines, end)]);
    }
}

/// Runs openssl in the folder.
fn openssl(place: &Place, command: &str) {
    let run = Command::new("openssl").args(command.split(' ')).current_dir(place.folder.path()).output();
    let run = run.expect("the program openssl");
    assert!(run.status.success(), "{command}: {run:?}");
}

#[test]
#[ignore = "needs the program openssl"]
fn certificates_of_openssl_are_accepted_or_refused_with_a_reason() {
    let place = Place::make();
    let subject = "-subj /CN=127.0.0.1 -days 30";
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    place.file("names", 0o644, "subjectAltName=IP:127.0.0.1");
    let own =
        format!("req -x509 {new} -keyout own.key -out own.pem {subject} -addext subjectAltName=IP:127.0.0.1");
    openssl(&place, &own);
    openssl(&place, &format!("req -x509 {new} -keyout ca.key -out ca.pem -subj /CN=ca -days 30"));
    openssl(&place, &format!("req -x509 {new} -keyout bare.key -out bare.pem {subject}"));
    openssl(&place, &format!("req {new} -keyout leaf.key -out leaf.csr -subj /CN=127.0.0.1"));
    let sign = "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 30";
    openssl(&place, &format!("{sign} -sha1 -extfile names -out sha1.pem"));
    openssl(&place, &format!("{sign} -out v1.pem"));
    let der = |name: &str| CertificateDer::from_pem_file(place.folder.path().join(name)).unwrap();
    let key = |name: &str| PrivateKeyDer::from_pem_file(place.folder.path().join(name)).unwrap();
    for (certificate, with, ca, end) in [
        ("own.pem", "own.key", "own.pem", Reads),
        // A name in the subject alone, which OpenSSL's commands make without `subjectAltName`.
        ("bare.pem", "bare.key", "bare.pem", Fails(5, "UNAVAILABLE", "has no subjectAltName")),
        (
            "sha1.pem",
            "leaf.key",
            "ca.pem",
            Fails(5, "UNAVAILABLE", "is signed with SHA-1, or that of its CA"),
        ),
        ("v1.pem", "leaf.key", "ca.pem", Fails(5, "UNAVAILABLE", "has X.509 version 1")),
    ] {
        let server = shows(vec![der(certificate)], key(with));
        let lines = format!("address = \"{}\"\nca_cert = \"{{folder}}/{ca}\"", server.url());
        place.judge(&[(&lines, end)]);
        let message = place.by_profile(&lines).stdout;
        assert!(message.len() < 500, "{message}");
    }
}

/// The server's own words are shown only by commands for a person.
#[test]
fn doctor_shows_the_names_of_a_certificate_and_the_way_of_a_redirect() {
    let place = Place::make();
    let other = Issued::by_itself(Flaw::OtherName("vault.corp.test"), true);
    let (chain, key) = other.der();
    place.file("other.pem", 0o644, other.pem());
    let server = shows(chain, key);
    let away = Canned::http(
        "307 Temporary Redirect",
        "location: https://jo:pw-x@sso.corp.test/login?t=pw-x\r\n",
        "",
    );
    let nobody = "address = \"http://127.0.0.1:1\"";
    for (lines, shown) in [
        (format!("address = \"{}\"\nca_cert = \"other.pem\"", server.url()), "is for vault.corp.test"),
        (format!("address = \"{}\"", away.http), "redirects to https://sso.corp.test/login\n"),
        (nobody.to_owned(), "http://127.0.0.1:1 (connection refused) (UNAVAILABLE)"),
    ] {
        let text = format!("token_file = \"token\"\n{lines}");
        let profile = place.file("doctor.toml", 0o600, text);
        let doctor = |words: &[&str]| {
            let run = vault().args(["--profile".as_ref(), profile.as_os_str()]);
            run.args(["doctor"]).args(words).args(["a#k"]).end().stdout
        };
        let (named, masked) = (doctor(&["--names"]), doctor(&[]));
        assert!(named.contains(shown), "{named}");
        assert!(!named.contains("pw-x") && !masked.contains("corp.test"), "{named}\n{masked}");
        assert!(!masked.contains("pw-x"), "{masked}");
    }
}
