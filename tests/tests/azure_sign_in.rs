//! Each way to sign in to Azure, from a profile alone.

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use secretref_tests::canned::Canned;
use secretref_tests::own_machine;
use secretref_tests::stores::azure::desk::Desk;
use secretref_tests::stores::azure::entra::{ARC_KEY, App, TENANT};
use secretref_tests::stores::azure::rs256;
use secretref_tests::stores::azure::servers::CLIENT;

const OFF: &str = "keep_session = \"off\"\n";

#[test]
fn a_certificate_signs_in() {
    let desk = Desk::new();
    let key = rcgen::KeyPair::from_pem(rs256::CLIENT).expect("a key");
    let certificate = rcgen::CertificateParams::new(vec![]).expect("names").self_signed(&key).expect("one");
    desk.write("certificate.pem", format!("{}{}", certificate.pem(), rs256::CLIENT));
    let lines = "client_certificate = \"certificate.pem\"\nkeep_session = \"off\"";
    desk.by_client(CLIENT, lines);
    desk.reads();
    let without = "55556666-ffff-7777-aaaa-8888bbbb9999";
    desk.server().app(without, App::default());
    desk.by_client(without, lines);
    desk.fails("AADSTS700027");
    desk.write("certificate.pem", rs256::CLIENT);
    desk.fails("has no certificate in PEM");
    desk.write("certificate.pem", certificate.pem());
    desk.fails("has no key in PEM");
}

#[test]
fn a_service_account_signs_in_with_the_token_that_the_file_has_now() {
    let desk = Desk::new();
    desk.write("token", desk.server().entra().cluster_token("another"));
    desk.by_client(CLIENT, &format!("federated_token_file = \"token\"\n{}", desk.kept()));
    desk.fails("AADSTS700213");
    // The token is replaced: it is another credential, which is tried at once.
    desk.write("token", desk.server().entra().cluster_token("gateway"));
    desk.reads();
    desk.write("token", "two words");
    desk.fails("has no token in it, so it was not sent");
}

#[test]
fn a_virtual_machine_signs_in_and_is_told_which_identity_to_name() {
    let desk = Desk::new();
    let metadata = &desk.server().metadata;
    desk.profile(&format!("metadata = \"{metadata}\"\nkeep_session = \"off\""));
    desk.reads();
    desk.profile(&format!("metadata = \"{metadata}\"\nkeep_session = \"off\"\nclient_id = \"{CLIENT}\""));
    desk.reads();
    desk.profile(&format!("metadata = \"{metadata}\"\nkeep_session = \"off\"\nclient_id = \"{TENANT}\""));
    desk.fails("this machine has no managed identity with the `client_id`");
    desk.profile(&format!("metadata = \"{metadata}\"\nkeep_session = \"off\"\nobject_id = \"several\""));
    desk.fails("this machine has no managed identity with the `object_id`");
}

#[test]
fn app_service_and_arc_sign_in() {
    let desk = Desk::new();
    let metadata = &desk.server().metadata;
    desk.profile("auth = \"managed_identity\"\nkeep_session = \"off\"\nenv = [\"IDENTITY_ENDPOINT\", \"IDENTITY_HEADER\"]");
    let run = |header: &str| {
        let run = desk.command(&[]).env("IDENTITY_ENDPOINT", format!("{metadata}/msi/token"));
        run.env("IDENTITY_HEADER", header).request(&["openai"]).end()
    };
    let ended = run("header-of-the-kit");
    assert!(ended.stdout.contains("value-openai"), "{ended:?}");
    let ended = run("another-header");
    assert!(ended.stdout.contains("does not let this process ask for a token (401)"), "{ended:?}");
    assert!(!ended.stdout.contains("another-header"), "{ended:?}");
    // An agent of Arc that names another file than its own sees nothing of it.
    desk.profile(&format!(
        "identity_endpoint = \"{metadata}/arc/false\"\nauth = \"managed_identity\"\nkeep_session = \"off\""
    ));
    desk.fails("the reply at the address of the agent of Azure Arc is not from it");
}

#[test]
fn away_from_azure_the_probe_ends_soon_and_says_what_was_tried() {
    let desk = Desk::new();
    let silent = Canned::start("");
    // Nothing listens, and nothing answers: a connection that is accepted, and silent.
    desk.profile("metadata = \"http://127.0.0.1:1\"\nkeep_session = \"off\"\ntimeout = \"2s\"");
    let ended = desk.fails("no way to sign in: client_secret: `client_secret_file` is not set;");
    assert!(ended.took < Duration::from_millis(900), "{ended:?}");
    desk.profile(&format!("metadata = \"{}\"\nkeep_session = \"off\"\ntimeout = \"3s\"", silent.http));
    let ended = desk.fails("no way to sign in");
    assert!(ended.took < Duration::from_millis(2500), "{ended:?}");
}

/// A tenant means an application, and never the identity of this machine.
#[test]
fn an_application_without_a_credential_is_not_the_identity_of_this_machine() {
    let desk = Desk::new();
    let metadata = format!("metadata = \"{}\"\n{OFF}", desk.server().metadata);
    desk.by_client(CLIENT, &metadata);
    desk.fails("`tenant_id` is set, and nothing to sign in with at that tenant: set `client_secret_file`,");
    desk.profile(&format!("client_id = \"{CLIENT}\"\n{metadata}"));
    desk.reads();
}

#[test]
fn the_address_of_an_identity_service_is_checked_before_anything_is_sent() {
    let desk = Desk::new();
    let trap = Canned::http("200 OK", "", "{}");
    for (endpoint, words) in [
        ("nonsense", "has no https:// before the host"),
        ("http://10.0.0.1/msi/token", "sends credentials in clear text to another machine"),
        ("http://jo:hunter2@127.0.0.1/msi/token", "has a user name or password in it"),
        ("http://127.0.0.1/msi/token?resource=x", "has a query or a fragment"),
        ("unix:///run/identity", "has more than a host and a port"),
    ] {
        desk.profile(&format!("auth = \"managed_identity\"\nidentity_endpoint = \"{endpoint}\"\n{OFF}"));
        let ended = desk.fails(words);
        assert!(ended.stdout.contains("MISCONFIGURED") && !ended.stdout.contains("hunter2"), "{ended:?}");
    }
    assert_eq!(trap.connections(), 0);
}

/// Each service has a hint of its own.
#[test]
fn a_service_that_refuses_this_process_says_what_to_check() {
    let desk = Desk::new();
    let refusing = Canned::http("403 Forbidden", "", "");
    for (lines, words) in [
        (
            format!("metadata = \"{}\"", refusing.http),
            "check the machine's rules on who may ask its metadata service",
        ),
        (
            format!("identity_endpoint = \"{}/msi\"\nidentity_header_file = \"secret\"", refusing.http),
            "check `identity_header`",
        ),
        (format!("identity_endpoint = \"{}/arc\"", refusing.http), "add this user to the group himds"),
    ] {
        desk.profile(&format!("auth = \"managed_identity\"\n{lines}\n{OFF}"));
        desk.fails(&format!("does not let this process ask for a token (403): {words}"));
    }
}

/// The metadata service of a virtual machine, App Service on Linux and the agent of Azure Arc, where they really are.
#[test]
#[ignore = "needs root, for a network of its own"]
fn services_at_their_real_addresses() {
    let script = "ip addr add 169.254.169.254/32 dev lo; ip addr add 169.254.129.3/32 dev lo; mount -t tmpfs none /var/opt";
    if !own_machine::is_this("services_at_their_real_addresses", "secretref-azure", script) {
        return;
    }
    let desk = Desk::new();
    let machine = desk.server().machine_at("169.254.169.254:80");
    desk.profile(OFF);
    desk.reads();
    desk.profile(&format!("auth = \"managed_identity\"\nclient_id = \"{CLIENT}\"\n{OFF}"));
    desk.reads();
    let before = machine.connections();

    let app = desk.server().machine_at("169.254.129.3:8081");
    desk.profile(&format!(
        "auth = \"managed_identity\"\nenv = [\"IDENTITY_ENDPOINT\", \"IDENTITY_HEADER\"]\n{OFF}"
    ));
    let run = desk.command(&[]).env("IDENTITY_ENDPOINT", "http://169.254.129.3:8081/msi/token");
    let ended = run.env("IDENTITY_HEADER", "header-of-the-kit").request(&["openai"]).end();
    assert!(ended.stdout.contains("value-openai") && app.connections() == 1, "{ended:?}");

    let agent = desk.server().machine_at("127.0.0.1:40342");
    desk.profile(&format!(
        "identity_endpoint = \"http://localhost:40342/arc/token\"\nauth = \"managed_identity\"\n{OFF}"
    ));
    desk.fails(&format!("{ARC_KEY}, which `identity_endpoint` names, cannot be opened"));
    fs::create_dir_all(Path::new(ARC_KEY).parent().expect("a folder")).expect("a folder");
    fs::write(ARC_KEY, "x".repeat(4097)).expect("a file");
    desk.fails("has more than 4096 bytes");
    fs::write(ARC_KEY, "key-of-the-agent").expect("a file");
    desk.reads();
    assert_eq!(machine.connections(), before, "App Service and Arc are no virtual machine");
    assert!(agent.connections() > 0);
}

/// Away from Azure, what is sent to the metadata service is dropped on its way.
#[test]
#[ignore = "needs root, for a network of its own"]
fn no_packet_goes_to_the_metadata_service_if_another_method_is_set() {
    let name = "no_packet_goes_to_the_metadata_service_if_another_method_is_set";
    let script = "ip link add x0 type veth peer name x1; ip link set x0 addrgenmode none; ip link set x1 addrgenmode none; \
                  ip link set x0 up; ip link set x1 up; ip addr add 10.9.9.9/32 dev x0; ip route add 169.254.0.0/16 dev x0";
    if !own_machine::is_this(name, "secretref-azure", script) {
        return;
    }
    let desk = Desk::new();
    desk.write("token", desk.server().entra().cluster_token("gateway"));
    desk.by_client(CLIENT, &format!("federated_token_file = \"token\"\n{OFF}"));
    desk.reads();
    desk.by_secret(OFF);
    desk.reads();
    desk.write("token", "a.b.c");
    desk.by_client(CLIENT, &format!("federated_token_file = \"token\"\n{OFF}"));
    desk.fails("AADSTS700027");
    thread::sleep(Duration::from_millis(100));
    assert_eq!(sent(), 0, "packets");
    desk.profile(OFF);
    let ended = desk.fails("the instance metadata service does not answer within 300 ms");
    assert!(ended.took < Duration::from_millis(900), "{ended:?}");
    assert_ne!(sent(), 0, "the count does not work");
}

/// How many packets were sent into the network in which the metadata service would be.
fn sent() -> u64 {
    let ended = Command::new("cat").arg("/proc/net/dev").output().expect("cat");
    let text = String::from_utf8(ended.stdout).expect("UTF-8");
    let line = text.lines().find_map(|line| line.trim().strip_prefix("x0:")).expect("the device");
    line.split_whitespace().nth(9).and_then(|count| count.parse().ok()).expect("a count")
}
