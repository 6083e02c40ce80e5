//! Proxies: which one is used, what it is sent, and its faults.

use secretref_tests::canned::Canned;
use secretref_tests::certificate::Certificates;
use secretref_tests::fake_vault::{FakeVault, Manner};
use secretref_tests::forward::Forward;
use secretref_tests::openbao::ROOT;
use secretref_tests::way::End::{Fails, Value as Reads};
use secretref_tests::way::{FAR, FAR_PLAIN, Place, host, judge, vault};

#[test]
fn https_goes_through_a_tunnel_and_http_by_its_whole_url() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
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
        // A proxy that is set for this address only is used for this machine, too.
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
    // And not through a proxy that does not exist.
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
    let place = Place::make();
    let fake = place.fake(Manner::default());
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
fn only_the_proxy_gets_its_login() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
    // user:hunt er2@
    let login = "Basic dXNlcjpodW50IGVyMkA=";
    let secure = Forward::start(host(&fake.https), Some(login), None);
    let plain = Forward::start(host(&fake.http), Some(login), None);
    place.file("login", 0o600, "user:hunt er2@\n");
    place.file("bad", 0o600, "user:hunter3");
    let place =
        place.certificates(&fake.certificates).with("secure", &secure.address).with("plain", &plain.address);
    let asks =
        Fails(5, "UNAVAILABLE", "requires a user name and password (407): write user:password to a file");
    let wrong = Fails(5, "UNAVAILABLE", "rejected the user name and password (407)");
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
fn a_failing_proxy_is_not_reported_as_the_store() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
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
        ("127.0.0.1:1".into(), down("check that the proxy is running, and that `proxy` has its port")),
        (nameless.clone(), down("cannot be looked up: check the spelling of `proxy`")),
        (
            at(&Canned::http("403 Forbidden", "", "no")),
            down("refuses a connection to vault.test:8200 (403): allow it in"),
        ),
        (at(&Canned::http("502 Bad Gateway", "", "<h1>")), down("cannot connect to vault.test:8200 (502)")),
        (at(&Canned::http("407 x", "", "")), down("requires a user name and password (407)")),
        (
            at(&Canned::http("302 Found", "location: http://portal/\r\n", "")),
            down("refuses a connection to vault.test:8200 (302)"),
        ),
        (at(&Canned::start("SSH-2.0-x\r\n")), down("is not from an HTTP proxy")),
        (at(&Canned::start("HTTP/1.1 200")), down("is not from an HTTP proxy")),
        (at(&Canned::start("HTTP/1.1 200 OK\r\n\r\nearly")), down("is not from an HTTP proxy")),
        (at(&Canned::start("x".repeat(100_000))), down("is not from an HTTP proxy")),
        (at(&none), down("is not from an HTTP proxy")),
        (to_nobody.address.clone(), down("closed the connection without a response")),
        (to_plain.address, down("https://vault.test:8200 (through the proxy http://127.0.0.1:")),
        (to_stranger.address, down("(`ca_cert`)")),
        (format!("https://{}", stranger.address), down("the certificate of the proxy https://127.0.0.1:")),
        (
            format!("https://{}", host(&none.http)),
            down("does not complete a TLS handshake: try http:// in `proxy`"),
        ),
        ("socks5://127.0.0.1:1080".into(), wrong("`proxy` is neither http:// nor https://")),
        ("http://".into(), wrong("`proxy` has an invalid host: write it as http://proxy.example.com:3128")),
        ("http://p:99999".into(), wrong("`proxy` has an invalid port")),
        ("http://p:1/x".into(), wrong("`proxy` has a path")),
    ] {
        place.judge(&[(&format!("{FAR}proxy = \"{proxy}\""), end)]);
    }
    for (proxy, end) in [
        ("127.0.0.1:1".into(), down("no connection to the proxy http://127.0.0.1:1 (")),
        (at(&Canned::http("403 Forbidden", "", "no")), down("refuses a connection to vault.test:8200 (403)")),
        (at(&Canned::http("503 x", "", "<h1>")), down("cannot connect to vault.test:8200 (503)")),
        (at(&Canned::http("503 x", "", r#"{"errors":["Vault is sealed"]}"#)), down("is in maintenance")),
        (at(&Canned::http("407 x", "", "")), down("requires a user name and password (407)")),
        (at(&Canned::start("SSH-2.0-x\r\n")), down("(through the proxy http://127.0.0.1:")),
    ] {
        place.judge(&[(&format!("{FAR_PLAIN}proxy = \"{proxy}\""), end)]);
    }
    let lines = "address = \"http://127.0.0.1:1\"\nproxy = \"http://proxy.example.com:3128\"";
    place.judge(&[(lines, wrong("`proxy` carries credentials in clear text to another machine"))]);
    // One that never answers ends at the deadline.
    let silent =
        place.by_profile(&format!("{FAR}timeout = \"300ms\"\nproxy = \"{}\"", at(&Canned::start(""))));
    judge("silent", &silent, Fails(6, "TIMEOUT", "no answer"));
    assert!(silent.took < std::time::Duration::from_secs(1), "{silent:?}");
}

#[test]
fn many_requests_share_a_tunnel() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
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
