//! What the page of AWS tells a reader to type, typed against an emulator with the AWS CLI, and its blocks of settings.
//!
//! Blocks of `resolvers/aws/README.md`: "Set up" sh 1, "Set up" sh 2, "Set up" sh 3, "Ids" toml 1
//! Blocks of `resolvers/aws/README.md`: "Role to assume" toml 1, "List and change secrets" sh 1
//! Blocks of `resolvers/aws/README.md`: "EC2" toml 1, "ECS and EKS Pod Identity" toml 1
//! Blocks of `resolvers/aws/README.md`: "EKS with IAM roles for service accounts" toml 1
//! Blocks of `resolvers/aws/README.md`: "Laptop with IAM Identity Center" toml 1, "Program" toml 1

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use secretref_tests::page::Page;
use secretref_tests::stores::aws::desk::{ACCOUNT, Desk, PAGE, REGION};
use secretref_tests::stores::aws::emulators::with_external_id;

/// A desk with secrets in two regions.
fn desk() -> Desk {
    // The emulator believes that the number of an account is the key of its first user.
    let desk = Desk::new("220000000000");
    for (name, text) in [
        ("providers/openai", "value-openai"),
        ("providers/slack", "{\"token\":\"value-slack\",\"note\":\"kept\"}"),
        ("providers/old", "value-old"),
        ("team@example", "{\"token\":\"value-team\"}"),
        ("billing/key", "value-billing"),
    ] {
        for region in [REGION, "us-east-1"] {
            desk.put(region, name, text);
        }
    }
    desk
}

/// Adds another profile next to that of the page, with these additional lines.
fn profile(desk: &Desk, name: &str, lines: &str, leave_out: &[&str]) {
    let folder = desk.folder();
    let text = fs::read_to_string(folder.join("aws.toml")).expect("a profile");
    let is_left = |line: &&str| !leave_out.iter().any(|key| line.starts_with(key));
    let kept: Vec<_> = text.lines().filter(is_left).collect();
    let path = folder.join(name);
    fs::write(&path, format!("{}\n{lines}\n", kept.join("\n"))).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("a mode");
}

/// One test, because an emulator takes seconds to start.
#[test]
#[ignore = "needs ministack and the AWS CLI: tests/run installs them"]
fn what_the_page_says_is_typed() {
    let desk = desk();
    assert_eq!(desk.set_up(), "value-openai");
    ids(&desk);
    each_way_to_sign_in_says_what_it_lacks_here(&desk);
    a_role_is_assumed(&desk);
    secrets_are_listed_and_changed(&desk);
}

/// The user of the page may not read what `[ids]` names, and each id says so in its own words.
fn ids(desk: &Desk) {
    profile(desk, "ids.toml", &Page::read(PAGE).block("Ids", "toml"), &["allow"]);
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
        profile(desk, "way.toml", &lines, &["auth", "aws_credentials_file"]);
        let said = desk.type_in("~/.config/secretref/way.toml get providers/openai 2>&1 || true");
        assert!(said.contains(lacks), "{title}: {said}");
    }
}

fn a_role_is_assumed(desk: &Desk) {
    let _ = desk.server.role(&desk.admin.id, "gateway", &with_external_id("gateway-7"));
    let lines = Page::read(PAGE).block("Role to assume", "toml");
    profile(desk, "role.toml", &lines.replace(ACCOUNT, &desk.admin.id), &["auth", "aws_credentials_file"]);
    let allow = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"*\"}]}";
    desk.type_in(&format!(
        "aws iam put-user-policy --user-name gateway --policy-name role --policy-document '{allow}'"
    ));
    assert_eq!(desk.type_in("~/.config/secretref/role.toml get providers/openai"), "value-openai");
}

fn secrets_are_listed_and_changed(desk: &Desk) {
    fs::write(desk.home.path().join("token.txt"), "new-token").expect("a file");
    let lines = "auth = \"environment\"\nenv = [\"AWS_ACCESS_KEY_ID\", \"AWS_SECRET_ACCESS_KEY\"]";
    profile(desk, "editor.toml", lines, &["auth", "aws_credentials_file", "allow"]);
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
