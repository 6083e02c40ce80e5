//! Addresses of servers: an agent, a socket, an IPv6 address.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use secretref_tests::agent::Agent;
use secretref_tests::fake_vault::Manner;
use secretref_tests::fault::{Listener, Server};
use secretref_tests::forward::Forward;
use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::port;
use secretref_tests::resolver::{self, Run};
use secretref_tests::way::End::{Fails, Value as Reads};
use secretref_tests::way::{FAR, FAR_PLAIN, Place, host, judge, vault};
use serde_json::json;

#[test]
fn an_agent_counts_before_the_server_and_bao_before_vault() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
    let names = ["BAO_AGENT_ADDR", "VAULT_AGENT_ADDR", "BAO_ADDR", "VAULT_ADDR"];
    for at in 0..names.len() {
        let run = vault().env("BAO_TOKEN", ROOT).env("VAULT_TOKEN", "other").env(names[at], &fake.http);
        let run = names[at + 1..].iter().fold(run, |run, later| run.env(later, "http://127.0.0.1:1"));
        judge(names[at], &run.request(&["a#k"]).end(), Reads);
    }
}

#[test]
fn a_socket_is_an_address() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
    let place = place.with("socket", fake.socket.display());
    place.file("file", 0o600, "no socket");
    let folder = place.folder.path().to_owned();
    drop(std::os::unix::net::UnixListener::bind(folder.join("left.sock")).unwrap());
    let at = |path: &str, end| place.judge(&[(&format!("address = \"{path}\""), end)]);
    at("unix://{socket}", Reads);
    at("unix://{folder}/none.sock", Fails(5, "UNAVAILABLE", "there is no socket at /"));
    at("unix://{folder}/left.sock", Fails(5, "UNAVAILABLE", "nothing is listening on /"));
    at("unix://{folder}/file", Fails(5, "UNAVAILABLE", "that `address` names its socket"));
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
    let place = Place::make();
    let fake = place.fake(Manner::default());
    std::fs::set_permissions(place.folder.path(), Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(fake.socket.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    // The folder of the build may be one that another user cannot enter.
    let binary = place.folder.path().join("secretref-vault");
    resolver::copy("secretref-vault", &binary);
    let run = Run::new(binary).env("VAULT_ADDR", format!("unix://{}", fake.socket.display()));
    let ended = run.env("VAULT_TOKEN", ROOT).uid(65534).request(&["a#k"]).end();
    judge("closed", &ended, Fails(5, "UNAVAILABLE", "permission denied at /"));
}

#[test]
#[ignore = "needs a machine with IPv6"]
fn an_address_of_version_6_is_one_everywhere() {
    let place = Place::make();
    let fake = place.fake(Manner::default());
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

/// The server's own socket, and that of a proxy with the kit's token.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn openbao_is_read_over_its_sockets_and_through_proxies() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    let place = Place::make().certificates(&server.certificates);
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
