//! What the page of AWS tells a reader to type, typed against an emulator with the AWS CLI, and its blocks of settings.
//!
//! Blocks of `resolvers/aws/README.md`: "Set up" sh 1, "Set up" sh 2, "Set up" sh 3, "Ids" toml 1
//! Blocks of `resolvers/aws/README.md`: "Role to assume" toml 1, "List and change secrets" sh 1
//! Blocks of `resolvers/aws/README.md`: "EC2" toml 1, "ECS and EKS Pod Identity" toml 1
//! Blocks of `resolvers/aws/README.md`: "EKS with IAM roles for service accounts" toml 1
//! Blocks of `resolvers/aws/README.md`: "Laptop with IAM Identity Center" toml 1, "Program" toml 1

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use secretref_tests::page::{Page, type_in};
use secretref_tests::resolver;
use secretref_tests::stores::aws::clients::{aws_cli, packages};
use secretref_tests::stores::aws::emulators::{Emulator, with_external_id};
use secretref_tests::stores::aws::signature::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

const PAGE: &str = "resolvers/aws/README.md";

/// The account and the region of the page.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

/// An administrator's shell, an emulator of AWS, and the home of the gateway's user.
struct Desk {
    aws: Emulator,
    account: String,
    home: TempDir,
}

impl Desk {
    fn new() -> Self {
        let aws = Emulator::ministack();
        // The emulator believes that the number of an account is the key of its first user.
        let account = "220000000000".to_owned();
        let key = Key { id: account.clone(), secret: "test".to_owned(), token: None };
        let desk = Self { aws, account, home: tempfile::tempdir().expect("a folder") };
        for (name, text) in [
            ("providers/openai", "value-openai"),
            ("providers/slack", "{\"token\":\"value-slack\",\"note\":\"kept\"}"),
            ("providers/old", "value-old"),
            ("team@example", "{\"token\":\"value-team\"}"),
            ("billing/key", "value-billing"),
        ] {
            let body = json!({"Name": name, "SecretString": text, "ClientRequestToken": "0123456789abcdef0123456789abcdef"});
            for region in [REGION, "us-east-1"] {
                let _: Value = desk.aws.api.secrets(&key, region, "CreateSecret", &body);
            }
        }
        desk
    }

    /// Types commands into bash, in the home, with the AWS CLI of an administrator; the page's examples are replaced by what
    /// is here.
    fn type_in(&self, commands: &str) -> String {
        let program = resolver::path("secretref-aws");
        let here = format!(
            "region = \"{REGION}\"\nendpoint_url = \"{}\"\nsts_endpoint_url = \"{0}\"\nca_cert = \"{}\"\nkeep_session = \"off\"",
            self.aws.https,
            self.aws.ca.display()
        );
        let commands = commands
            .replace("/usr/local/bin/secretref-aws", &program.display().to_string())
            .replace("region = \"eu-west-1\"\n", &format!("{here}\n"))
            .replace(ACCOUNT, &self.account);
        let (ca, packages) = (self.aws.ca.display().to_string(), packages(false).display().to_string());
        let env = [
            ("AWS_ENDPOINT_URL", self.aws.https.as_str()),
            ("AWS_CA_BUNDLE", &ca),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &self.account),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_PAGER", ""),
            ("PYTHONPATH", &packages),
        ];
        type_in(&commands, self.home.path(), &[aws_cli().parent().expect("a folder")], &env)
    }

    /// Follows "Set up", and returns what its last command prints.
    fn set_up(&self) -> String {
        let blocks = Page::read(PAGE).blocks("Set up", "sh");
        blocks[..3].iter().map(|block| self.type_in(block)).collect::<Vec<_>>().pop().expect("three blocks")
    }

    /// Adds another profile next to that of the page, with these additional lines.
    fn profile(&self, name: &str, lines: &str, leave_out: &[&str]) {
        let folder = self.home.path().join(".config/secretref");
        let text = fs::read_to_string(folder.join("aws.toml")).expect("a profile");
        let is_left = |line: &&str| !leave_out.iter().any(|key| line.starts_with(key));
        let kept: Vec<_> = text.lines().filter(is_left).collect();
        let path = folder.join(name);
        fs::write(&path, format!("{}\n{lines}\n", kept.join("\n"))).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("a mode");
    }
}

/// One test, because an emulator takes seconds to start.
#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn what_the_page_says_is_typed() {
    let desk = Desk::new();
    assert_eq!(desk.set_up(), "value-openai");
    ids(&desk);
    each_way_to_sign_in_says_what_it_lacks_here(&desk);
    a_role_is_assumed(&desk);
    secrets_are_listed_and_changed(&desk);
}

/// The user of the page may not read what `[ids]` names, and each id says so in its own words.
fn ids(desk: &Desk) {
    desk.profile("ids.toml", &Page::read(PAGE).block("Ids", "toml"), &["allow"]);
    let said = desk.type_in("~/.config/secretref/ids.toml check slack billing 2>&1 || true");
    assert!(said.contains("secretsmanager:GetSecretValue on team@example in us-east-1"), "{said}");
    assert!(said.contains("assume arn:aws:iam::210987654321:role/reader"), "{said}");
}

/// This machine has none of what these blocks sign in with.
fn each_way_to_sign_in_says_what_it_lacks_here(desk: &Desk) {
    for (title, lacks) in [
        ("EC2", "metadata service"),
        ("ECS and EKS Pod Identity", "`container_credentials_uri` is not set"),
        (
            "EKS with IAM roles for service accounts",
            "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
        ),
        ("Laptop with IAM Identity Center", "dev"),
        ("Program", "/usr/local/bin/print-credentials"),
    ] {
        let lines = Page::read(PAGE).block(title, "toml");
        desk.profile("way.toml", &lines, &["auth", "aws_credentials_file"]);
        let said = desk.type_in("~/.config/secretref/way.toml get providers/openai 2>&1 || true");
        assert!(said.contains(lacks), "{title}: {said}");
    }
}

fn a_role_is_assumed(desk: &Desk) {
    let _ = desk.aws.role(&desk.account, "gateway", &with_external_id("gateway-7"));
    let lines = Page::read(PAGE).block("Role to assume", "toml");
    desk.profile("role.toml", &lines.replace(ACCOUNT, &desk.account), &["auth", "aws_credentials_file"]);
    let allow = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"*\"}]}";
    desk.type_in(&format!(
        "aws iam put-user-policy --user-name gateway --policy-name role --policy-document '{allow}'"
    ));
    assert_eq!(desk.type_in("~/.config/secretref/role.toml get providers/openai"), "value-openai");
}

fn secrets_are_listed_and_changed(desk: &Desk) {
    fs::write(desk.home.path().join("token.txt"), "new-token").expect("a file");
    let lines = "auth = \"environment\"\nenv = [\"AWS_ACCESS_KEY_ID\", \"AWS_SECRET_ACCESS_KEY\"]";
    desk.profile("editor.toml", lines, &["auth", "aws_credentials_file", "allow"]);
    let said = desk.type_in(&Page::read(PAGE).block("List and change secrets", "sh"));
    assert_eq!(
        said,
        "providers/old\nproviders/openai\nproviders/slack\nproviders/slack#note\nproviders/slack#token\n"
    );
    let editor = "~/.config/secretref/editor.toml";
    assert_eq!(desk.type_in(&format!("{editor} get 'providers/slack#token'")), "new-token");
    assert_eq!(desk.type_in(&format!("{editor} get 'providers/slack#note'")), "kept");
    // The hint of a deletion works.
    let said = desk.type_in(&format!("{editor} delete providers/openai --yes 2>&1"));
    desk.type_in(said.rsplit_once("to restore it before: ").expect("a command").1);
    assert_eq!(desk.type_in(&format!("{editor} get providers/openai")), "value-openai");
}
