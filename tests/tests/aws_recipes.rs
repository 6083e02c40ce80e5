//! The policy and the ways to sign in of the page of AWS, each followed until it reads from ministack: the key of "Set up", a
//! role, a service account of Kubernetes, and a program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use secretref_tests::jwt::Issuer;
use secretref_tests::page::Page;
use secretref_tests::resolver::{self, Run};
use secretref_tests::stores::aws::desk::{ACCOUNT, Desk, PAGE, REGION};
use secretref_tests::stores::aws::emulators::with_external_id;
use serde_json::json;

/// A desk with secrets.
fn desk() -> Desk {
    let desk = Desk::new(ACCOUNT);
    desk.put(REGION, "providers/openai", "value-openai");
    desk.put(REGION, "providers/slack", "{\"token\":\"value-slack\",\"note\":\"kept\"}");
    desk.put(REGION, "providers/old", "value-old");
    desk.put(REGION, "others/openai", "value-of-others");
    desk
}

/// What a profile with these lines reads.
fn get(desk: &Desk, lines: &str, id: &str) -> String {
    let profile = desk.folder().join("recipe.toml");
    fs::write(&profile, format!("{}{lines}\n", desk.here())).expect("a profile");
    let arguments = ["--profile", profile.to_str().expect("UTF-8"), "get", id];
    let ended = Run::new(resolver::path("secretref-aws")).args(arguments).end();
    assert_eq!(ended.code, Some(0), "{lines}: {ended:?}");
    ended.stdout
}

#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn set_up_with_an_access_key() {
    let desk = desk();
    assert_eq!(desk.set_up(), "value-openai");
    let profile = desk.folder().join("aws.toml");
    let run = || Run::new(resolver::path("secretref-aws")).args(["--profile".as_ref(), profile.as_os_str()]);
    // The policy is the least that serves: batches work, and another secret does not.
    let ended = run().request(&["providers/openai", "providers/slack#token", "others/openai"]).end();
    let response: serde_json::Value = serde_json::from_str(&ended.stdout).expect("a response");
    assert_eq!(response["values"]["providers/slack#token"], "value-slack", "{ended:?}");
    assert_eq!(response["errors"]["others/openai"]["code"], "NOT_ALLOWED", "{ended:?}");
    let text = fs::read_to_string(&profile).expect("the profile").replace("allow = [\"providers/**\"]", "");
    fs::write(&profile, text).expect("the profile");
    let ended = run().request(&["providers/openai", "others/openai"]).end();
    assert!(ended.stdout.contains("value-openai") && ended.stdout.contains("ACCESS_DENIED"), "{ended:?}");
    let listed = run().args(["list"]).end();
    assert!(listed.code != Some(0), "{listed:?}");
}

#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn a_service_account_of_kubernetes() {
    let desk = desk();
    fs::create_dir_all(desk.folder()).expect("a folder");
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com");
    let trust = json!({
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
    });
    let role = desk.server.role(ACCOUNT, "gateway", &trust);
    let claims = json!({
        "iss": "https://oidc.example.com", "aud": "sts.amazonaws.com",
        "sub": "system:serviceaccount:agents:gateway",
    });
    let token = desk.folder().join("token");
    fs::write(&token, Issuer::new().sign(&claims, 300)).expect("a token");
    let recipe = Page::read(PAGE).block("EKS with IAM roles for service accounts", "toml");
    assert!(recipe.contains(&role), "{recipe}");
    let here = recipe
        .replace("/var/run/secrets/eks.amazonaws.com/serviceaccount/token", token.to_str().expect("UTF-8"));
    assert_eq!(get(&desk, &here, "providers/openai"), "value-openai");
}

#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn a_role_to_assume() {
    let desk = desk();
    desk.set_up();
    let trust = with_external_id("gateway-7");
    let role = desk.server.role(ACCOUNT, "gateway", &trust);
    let policy = json!({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}],
    });
    let fields = [("UserName", "gateway"), ("PolicyName", "assume"), ("PolicyDocument", &policy.to_string())];
    desk.server.api.must_query(&desk.admin, "iam", "PutUserPolicy", &fields);
    let recipe = Page::read(PAGE).block("Role to assume", "toml");
    // The role may read what the user may not.
    assert_eq!(get(&desk, &recipe, "others/openai"), "value-of-others");
}

#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn a_program_that_prints_credentials() {
    let desk = desk();
    fs::create_dir_all(desk.folder()).expect("a folder");
    let key = desk.server.user(ACCOUNT, "gateway", &[]);
    let printed = json!({"Version": 1, "AccessKeyId": key.id, "SecretAccessKey": key.secret});
    let program = desk.folder().join("print-credentials");
    fs::write(&program, format!("#!/bin/sh\n[ \"$1\" = gateway ] && cat <<'EOF'\n{printed}\nEOF\n"))
        .expect("a program");
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("a mode");
    let recipe = Page::read(PAGE).block("Program", "toml");
    let here = recipe.replace("/usr/local/bin/print-credentials", program.to_str().expect("UTF-8"));
    assert_eq!(get(&desk, &here, "providers/openai"), "value-openai");
}
