//! The policy and the ways to sign in of the page of AWS, each followed until it reads from ministack: the key of "Set up", a
//! role, a service account of Kubernetes, and a program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secretref_tests::jwt::Issuer;
use secretref_tests::page::{Page, type_in};
use secretref_tests::resolver::{self, Run};
use secretref_tests::stores::aws::api::Api;
use secretref_tests::stores::aws::clients;
use secretref_tests::stores::aws::emulators::{Emulator, root, with_external_id};
use secretref_tests::stores::aws::signature::Key;
use serde_json::json;
use tempfile::TempDir;

const PAGE: &str = "resolvers/aws/README.md";

/// The account and the region of the page.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

/// The shell of an administrator, a server, and the home of the gateway's user.
struct Desk {
    server: Emulator,
    admin: Key,
    home: TempDir,
}

impl Desk {
    fn new() -> Self {
        let server = Emulator::ministack();
        let admin = root(ACCOUNT);
        let put = |name: &str, text: &str| {
            let body = json!({"Name": name, "SecretString": text});
            server.api.secrets(&admin, REGION, "CreateSecret", &body);
        };
        put("providers/openai", "value-openai");
        put("providers/slack", "{\"token\":\"value-slack\",\"note\":\"kept\"}");
        put("providers/old", "value-old");
        put("others/openai", "value-of-others");
        Self { server, admin, home: tempfile::tempdir().expect("a folder") }
    }

    fn api(&self) -> &Api {
        &self.server.api
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join(".config/secretref")
    }

    /// The lines that lead to this server, and not to AWS.
    fn here(&self) -> String {
        let (https, ca) = (&self.server.https, self.server.ca.display());
        format!(
            "region = \"{REGION}\"\nendpoint_url = \"{https}\"\nsts_endpoint_url = \"{https}\"\nca_cert = \"{ca}\"\n\
             keep_session = \"off\"\n"
        )
    }

    /// Types commands into bash, in the home, as the administrator.
    fn type_in(&self, commands: &str) -> String {
        let binary = resolver::path("secretref-aws");
        let program = binary.display().to_string();
        let commands = commands.replace("/usr/local/bin/secretref-aws", &program);
        let commands = commands.replace(&format!("region = \"{REGION}\"\n"), &self.here());
        let (ca, packages) = (self.server.ca.display().to_string(), clients::packages(false));
        let env = [
            ("AWS_ENDPOINT_URL", self.server.https.as_str()),
            ("AWS_CA_BUNDLE", &ca),
            ("AWS_ACCESS_KEY_ID", &self.admin.id),
            ("AWS_SECRET_ACCESS_KEY", &self.admin.secret),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_PAGER", ""),
            ("PYTHONPATH", packages.to_str().expect("UTF-8")),
        ];
        let aws = clients::aws_cli();
        let folders = [aws.parent().expect("a folder"), binary.parent().expect("a folder")];
        type_in(&commands, self.home.path(), &folders, &env)
    }

    /// Follows "Set up", and returns what its last command prints.
    fn set_up(&self) -> String {
        Page::read(PAGE).blocks("Set up", "sh").iter().take(3).map(|block| self.type_in(block)).collect()
    }

    /// What a profile with these lines reads.
    fn get(&self, lines: &str, id: &str) -> String {
        let profile = self.folder().join("recipe.toml");
        fs::write(&profile, format!("{}{lines}\n", self.here())).expect("a profile");
        let arguments = ["--profile", profile.to_str().expect("UTF-8"), "get", id];
        let ended = Run::new(resolver::path("secretref-aws")).args(arguments).end();
        assert_eq!(ended.code, Some(0), "{lines}: {ended:?}");
        ended.stdout
    }
}

#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn set_up_with_an_access_key() {
    let desk = Desk::new();
    assert!(desk.set_up().ends_with("value-openai"));
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
    let desk = Desk::new();
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
    assert_eq!(desk.get(&here, "providers/openai"), "value-openai");
}

#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn a_role_to_assume() {
    let desk = Desk::new();
    desk.set_up();
    let trust = with_external_id("gateway-7");
    let role = desk.server.role(ACCOUNT, "gateway", &trust);
    let policy = json!({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}],
    });
    let fields = [("UserName", "gateway"), ("PolicyName", "assume"), ("PolicyDocument", &policy.to_string())];
    desk.api().must_query(&desk.admin, "iam", "PutUserPolicy", &fields);
    let recipe = Page::read(PAGE).block("Role to assume", "toml");
    // The role may read what the user may not.
    assert_eq!(desk.get(&recipe, "others/openai"), "value-of-others");
}

#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn a_program_that_prints_credentials() {
    let desk = Desk::new();
    fs::create_dir_all(desk.folder()).expect("a folder");
    let key = desk.server.user(ACCOUNT, "gateway", &[]);
    let printed = json!({"Version": 1, "AccessKeyId": key.id, "SecretAccessKey": key.secret});
    let program = desk.folder().join("print-credentials");
    fs::write(&program, format!("#!/bin/sh\n[ \"$1\" = gateway ] && cat <<'EOF'\n{printed}\nEOF\n"))
        .expect("a program");
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("a mode");
    let recipe = Page::read(PAGE).block("Program", "toml");
    let here = recipe.replace("/usr/local/bin/print-credentials", program.to_str().expect("UTF-8"));
    assert_eq!(desk.get(&here, "providers/openai"), "value-openai");
}
