//! Each way to sign in to Azure, from a profile alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use ring::digest::{SHA256, digest};
use secretref_tests::canned::Canned;
use secretref_tests::own_machine;
use secretref_tests::stores::azure::desk::{Desk, VAULT};
use secretref_tests::stores::azure::entra::{ARC_KEY, App, TENANT};
use secretref_tests::stores::azure::judge;
use secretref_tests::stores::azure::rs256;
use secretref_tests::stores::azure::servers::CLIENT;
use secretref_tests::stores::azure::vaults::Version;
use serde_json::json;

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
    // The authority's certificate may come first: the one of the key is named (Azure/secrets-store-csi-driver-provider-azure#136).
    let authority = rcgen::KeyPair::generate().expect("a key");
    let authority =
        rcgen::CertificateParams::new(vec![]).expect("names").self_signed(&authority).expect("one");
    desk.write("certificate.pem", format!("{}{}{}", authority.pem(), certificate.pem(), rs256::CLIENT));
    let mark = digest(&SHA256, certificate.der());
    let mark = mark.as_ref().iter().fold(String::new(), |mark, byte| mark + &format!("{byte:02x}"));
    desk.fails(&mark);
    desk.write("certificate.pem", format!("{}{}", authority.pem(), rs256::CLIENT));
    desk.fails("has a key that belongs to none of its certificates");
    desk.write("certificate.pem", rs256::CLIENT);
    desk.fails("has no certificate in PEM");
    desk.write("certificate.pem", certificate.pem());
    desk.fails("has no key in PEM");
}

/// As `openssl pkcs12` of these words exports the certificate and key of the kit.
fn export(desk: &Desk, words: &[&str]) {
    let ended = Command::new("openssl")
        .args(["pkcs12", "-export", "-in"])
        .arg(desk.path("certificate.pem"))
        .arg("-out")
        .arg(desk.path("client.pfx"))
        .args(words)
        .output()
        .expect("openssl");
    assert!(ended.status.success(), "{words:?}: {ended:?}");
}

/// As Windows and the portal export it: with today's encryption, with that of old exports, and without any.
#[test]
fn a_certificate_in_pkcs12_signs_in() {
    let desk = Desk::new();
    let key = rcgen::KeyPair::from_pem(rs256::CLIENT).expect("a key");
    let certificate = rcgen::CertificateParams::new(vec![]).expect("names").self_signed(&key).expect("one");
    desk.write("certificate.pem", format!("{}{}", certificate.pem(), rs256::CLIENT));
    let locked = format!(
        "client_certificate = \"client.pfx\"\nclient_certificate_password_file = \"password\"\n{OFF}"
    );
    desk.write("password", "pass word\n");
    let old = ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
    for words in [&[][..], &["-keypbe", "AES-128-CBC", "-certpbe", "AES-256-CBC"], &old, &["-legacy"]] {
        export(&desk, &[words, &["-passout", "pass:pass word"]].concat());
        desk.by_client(CLIENT, &locked);
        desk.reads();
    }
    // With a chain, as Key Vault has it for a certificate of an authority.
    let authority = rcgen::KeyPair::generate().expect("a key");
    let authority =
        rcgen::CertificateParams::new(vec![]).expect("names").self_signed(&authority).expect("one");
    desk.write("chain.pem", authority.pem());
    let chain = desk.path("chain.pem").display().to_string();
    export(&desk, &["-certfile", &chain, "-passout", "pass:pass word"]);
    desk.reads();
    desk.write("password", "hunter2");
    desk.fails("the password does not open");
    desk.by_client(CLIENT, &format!("client_certificate = \"client.pfx\"\n{OFF}"));
    desk.fails(
        "client.pfx needs a password: write it to a file, and set `client_certificate_password_file` to that",
    );
    export(&desk, &["-passout", "pass:"]);
    desk.reads();
    // As Key Vault gives it: without encryption and without a MAC.
    export(&desk, &["-passout", "pass:", "-keypbe", "NONE", "-certpbe", "NONE", "-nomac"]);
    desk.reads();
    export(&desk, &["-passout", "pass:", "-nokeys"]);
    desk.fails("has no certificate with its key");
    desk.write("client.pfx", [0x30, 0x82, 1, 2, 3]);
    desk.fails(
        "is not PKCS#12, or is encrypted in a way that is not known here: convert it to PEM: openssl pkcs12",
    );
}

/// A program that plays `az`.
fn az(desk: &Desk, script: &str) {
    desk.write("az", format!("#!/bin/sh\necho \"$@\" >> \"${{0%/*}}/az.log\"\n{script}\n"));
    fs::set_permissions(desk.path("az"), fs::Permissions::from_mode(0o700)).expect("a mode");
}

#[test]
fn the_azure_cli_gives_the_token_of_a_person_only_if_it_is_asked_for() {
    let desk = Desk::new();
    let token = desk.server().entra().issue(CLIENT, TENANT, "https://vault.azure.net", 3600);
    let printed = json!({"accessToken": token, "expires_on": rs256::now() + 3600, "tokenType": "Bearer"});
    // What it says about itself is on stderr (Azure/azure-sdk-for-python#26857, Azure/azure-sdk-for-js#21075).
    az(&desk, &format!("echo 'Argument --tenant is in preview' >&2; cat <<'EOF'\n{printed}\nEOF"));
    let lines = format!("cli_path = \"az\"\n{}", desk.kept());
    desk.profile(&format!("{lines}metadata = \"{}\"", Canned::http("404 Not Found", "", "").http));
    assert!(desk.resolve("openai").code != Some(0) && !desk.path("az.log").exists(), "it ran");
    desk.profile(&format!("auth = \"cli\"\ntenant_id = \"{TENANT}\"\n{lines}"));
    desk.reads();
    desk.reads();
    let told = fs::read_to_string(desk.path("az.log")).expect("what az was told");
    let once = format!(
        "account get-access-token --output json --scope https://vault.azure.net/.default --tenant {TENANT}\n"
    );
    assert_eq!(told, once, "the second start has the first one's token");
    let lines = format!("auth = \"cli\"\ncli_path = \"az\"\ntimeout = \"1s\"\n{OFF}");
    desk.profile(&lines);
    for (script, words) in [
        (
            "echo \"Please run 'az login' hunter2\" >&2; exit 1",
            "failed with exit code 1: sign in with az login,",
        ),
        ("echo hunter2", "prints no token"),
        ("sleep 30 & sleep 30", "did not end in time and was ended"),
    ] {
        az(&desk, script);
        let ended = desk.fails(words);
        assert!(!format!("{ended:?}").contains("hunter2"), "{ended:?}");
    }
    desk.profile(&format!("auth = \"cli\"\n{OFF}"));
    desk.fails("`cli_path` is not set");
}

/// Microsoft's own library takes the same tokens from the same program and the same service.
#[test]
#[ignore = "needs Microsoft's Python clients: tests/run installs them"]
fn microsofts_own_library_takes_the_same_tokens() {
    let desk = Desk::new();
    let token = desk.server().entra().issue(CLIENT, TENANT, "https://vault.azure.net", 3600);
    let printed = json!({
        "accessToken": token, "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": rs256::now() + 3600,
        "subscription": TENANT, "tenant": TENANT, "tokenType": "Bearer",
    });
    az(&desk, &format!("cat <<'EOF'\n{printed}\nEOF"));
    let path = format!("{}:{}", desk.path("").display(), std::env::var("PATH").expect("a path"));
    let ended = judge::run("judge_token.py").arg("cli").env("PATH", path).output().expect("python3");
    assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), token, "{ended:?}");
    // The service of App Service names no time but the end (Azure/azure-sdk-for-js#6643).
    let mut python = judge::run("judge_token.py");
    python.arg("machine").env("IDENTITY_HEADER", "header-of-the-kit");
    python.env("IDENTITY_ENDPOINT", format!("{}/msi/token", desk.server().metadata));
    let ended = python.output().expect("python3");
    let token = String::from_utf8_lossy(&ended.stdout);
    assert!(desk.server().entra().verify(token.trim(), "https://vault.azure.net").is_some(), "{ended:?}");
    desk.profile(&format!("auth = \"cli\"\ncli_path = \"az\"\n{OFF}"));
    desk.reads();
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
    // What is connected may be slow, up to the deadline (Azure/azure-sdk-for-go#19389).
    let ended = desk.fails("TIMEOUT");
    assert!(ended.stdout.contains("metadata service") || ended.stdout.contains(&silent.http), "{ended:?}");
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

/// A metadata service that is busy answers after more than a second (Azure/azure-sdk-for-go#19389).
#[test]
fn a_slow_metadata_service_is_waited_for() {
    let desk = Desk::new();
    let machine = desk.server().slow_machine(Duration::from_millis(1500));
    desk.profile(&format!("metadata = \"{}\"\n{OFF}", machine.url()));
    desk.reads();
}

/// A token for one cloud is none for another (external-secrets/external-secrets#2397).
#[test]
fn each_cloud_has_its_own_audience_and_sign_in() {
    let desk = Desk::new();
    for (cloud, suffix) in [("us_government", "vault.usgovcloudapi.net"), ("china", "vault.azure.cn")] {
        desk.server().put(&format!("{VAULT}.{suffix}"), "openai", Version::new("value-openai"));
        desk.by_secret(&format!("cloud = \"{cloud}\"\n{OFF}"));
        desk.reads();
        desk.by_secret(OFF);
        let ended = desk.resolve(&format!("https://{VAULT}.{suffix}/secrets/openai"));
        assert!(ended.stdout.contains(&format!("use a profile with `cloud` = {cloud} for it")), "{ended:?}");
    }
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
#[ignore = "needs root, for a network of its own, and Microsoft's Python clients: tests/run installs them"]
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
    let before = agent.connections();
    assert!(before > 0);
    // Microsoft's own library takes the same way to the same agent.
    let mut python = judge::run("judge_token.py");
    python.arg("machine").envs([
        ("IDENTITY_ENDPOINT", "http://localhost:40342/arc/token"),
        ("IMDS_ENDPOINT", "http://localhost:40342"),
    ]);
    let ended = python.output().expect("python3");
    let token = String::from_utf8_lossy(&ended.stdout);
    let claims = desk.server().entra().verify(token.trim(), "https://vault.azure.net");
    assert!(claims.is_some() && agent.connections() > before, "{ended:?}");
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
