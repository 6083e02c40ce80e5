//! The desk of an administrator who follows the page of AWS: a shell with the AWS CLI, an emulator, and the home of the
//! gateway's user.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::clients::{aws_cli, packages};
use super::emulators::{Emulator, root};
use super::signature::Key;
use crate::page::{Page, type_in};
use crate::resolver;

/// The page.
pub const PAGE: &str = "resolvers/aws/README.md";

/// The account of the page.
pub const ACCOUNT: &str = "123456789012";
/// The region of the page.
pub const REGION: &str = "eu-west-1";

/// A desk.
#[derive(Debug)]
pub struct Desk {
    /// What the AWS CLI and the resolver reach.
    pub server: Emulator,
    /// The key of the administrator.
    pub admin: Key,
    /// The home of the gateway's user.
    pub home: TempDir,
}

impl Desk {
    /// Starts an emulator for an administrator of this account.
    #[must_use]
    pub fn new(account: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        Self { server: Emulator::ministack(), admin: root(account), home }
    }

    /// Stores a secret.
    pub fn put(&self, region: &str, name: &str, text: &str) {
        let body = json!({"Name": name, "SecretString": text, "ClientRequestToken": "0123456789abcdef0123456789abcdef"});
        self.server.api.secrets(&self.admin, region, "CreateSecret", &body);
    }

    /// The folder of the profiles.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.home.path().join(".config/secretref")
    }

    /// The lines that lead to this server, and not to AWS.
    #[must_use]
    pub fn here(&self) -> String {
        let (https, ca) = (&self.server.https, self.server.ca.display());
        format!(
            "region = \"{REGION}\"\nendpoint_url = \"{https}\"\nsts_endpoint_url = \"{https}\"\nca_cert = \"{ca}\"\n\
             keep_session = \"off\"\n"
        )
    }

    /// Types commands into bash, in the home, as the administrator; the page's examples are replaced by what is here.
    pub fn type_in(&self, commands: &str) -> String {
        let program = resolver::path("secretref-aws").display().to_string();
        let commands = commands
            .replace("/usr/local/bin/secretref-aws", &program)
            .replace(&format!("region = \"{REGION}\"\n"), &self.here())
            .replace(ACCOUNT, &self.admin.id);
        let (ca, packages) = (self.server.ca.display().to_string(), packages(false).display().to_string());
        let env = [
            ("AWS_ENDPOINT_URL", self.server.https.as_str()),
            ("AWS_CA_BUNDLE", &ca),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &self.admin.id),
            ("AWS_SECRET_ACCESS_KEY", &self.admin.secret),
            ("AWS_PAGER", ""),
            ("PYTHONPATH", &packages),
        ];
        type_in(&commands, self.home.path(), &[aws_cli().parent().expect("a folder")], &env)
    }

    /// Follows "Set up", and returns what its last command prints.
    pub fn set_up(&self) -> String {
        let blocks = Page::read(PAGE).blocks("Set up", "sh");
        blocks[..3].iter().map(|block| self.type_in(block)).collect::<Vec<_>>().pop().expect("three blocks")
    }
}
