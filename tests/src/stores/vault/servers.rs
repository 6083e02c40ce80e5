//! The servers for Vault's cases: the kit's own server, and OpenBao.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::fake_vault::{FakeVault, Manner, Token};
use crate::openbao::{OpenBao, ROOT};
use crate::store::{Holds, Prepared, Server};
use crate::transcript::{Case, Only};

pub const SERVERS: &[Server] = &[
    Server { name: "fake", kind: Only::Fake, start: || Box::new(Fake::start()) },
    Server { name: "OpenBao", kind: Only::Real, start: || Box::new(Real::start()) },
];

/// A token with that policy, and one that may also not look itself up.
const LIMITED: &str = "limited-token-of-the-kit";
const BARE: &str = "bare-token-of-the-kit";

/// A policy that allows reading every path except those whose first segment is `denied`.
const POLICY: &str =
    r#"path "+/data/*" { capabilities = ["read"] } path "+/data/denied/*" { capabilities = ["deny"] }"#;

/// The kit's own server.
struct Fake {
    server: FakeVault,
    folder: tempfile::TempDir,
}

impl Fake {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = FakeVault::start(folder.path(), Manner::default());
        server.token(ROOT, Token { denied: "\0", may_look: true });
        server.token(LIMITED, Token { denied: "denied/", may_look: true });
        server.token(BARE, Token { denied: "denied/", may_look: false });
        Self { server, folder }
    }
}

impl Holds for Fake {
    fn put(&mut self, case: &Case, mount: &str) -> Prepared {
        match case.kv {
            1 => self.server.mount_v1(mount),
            _ => self.server.mount(mount),
        }
        for (path, versions) in &case.store {
            versions.texts().iter().for_each(|json| self.server.put(mount, path, json));
        }
        for (removed, destroy) in removals(case) {
            let (path, version) = removed.split_once('#').expect("path#version");
            self.server.remove(mount, path, version.parse().expect("a version"), destroy);
        }
        prepared(case, mount, &self.server.https, &self.server.ca, self.folder.path())
    }
}

/// OpenBao.
struct Real {
    server: OpenBao,
    folder: tempfile::TempDir,
}

impl Real {
    fn start() -> Self {
        let server = OpenBao::start();
        server.token(LIMITED, "limited", POLICY, true);
        server.token(BARE, "bare", POLICY, false);
        Self { server, folder: tempfile::tempdir().expect("a folder") }
    }
}

impl Holds for Real {
    fn put(&mut self, case: &Case, mount: &str) -> Prepared {
        match case.kv {
            1 => self.server.mount_v1(mount),
            _ => self.server.mount(mount),
        }
        for (path, versions) in &case.store {
            for text in versions.texts() {
                let data: serde_json::Value = serde_json::from_str(text).expect("JSON in the store");
                match case.kv {
                    1 => self.server.api(&format!("{mount}/{path}"), Some(&data)),
                    _ => self.server.api(&format!("{mount}/data/{path}"), Some(&json!({"data": data}))),
                };
            }
        }
        for (removed, destroy) in removals(case) {
            let (path, version) = removed.split_once('#').expect("path#version");
            let how = if destroy { "destroy" } else { "delete" };
            self.server.api(&format!("{mount}/{how}/{path}"), Some(&json!({"versions": [version]})));
        }
        prepared(case, mount, &self.server.https, &self.server.ca, self.folder.path())
    }
}

fn removals(case: &Case) -> impl Iterator<Item = (&String, bool)> {
    case.deleted
        .iter()
        .map(|removed| (removed, false))
        .chain(case.destroyed.iter().map(|removed| (removed, true)))
}

fn prepared(case: &Case, mount: &str, address: &str, ca: &Path, folder: &Path) -> Prepared {
    let token = match case.token.as_str() {
        "root" => ROOT,
        "limited" => LIMITED,
        "bare" => BARE,
        unknown => unknown,
    };
    let token_file: PathBuf = folder.join(format!("{mount}.token"));
    std::fs::write(&token_file, format!("{token}\n")).expect("a token file");
    Prepared {
        profile: format!(
            "address = \"{address}\"\nca_cert = \"{}\"\nmount = \"{mount}\"\ntoken_file = \"{}\"\n",
            ca.display(),
            token_file.display()
        ),
        words: vec![("mount".to_owned(), mount.to_owned()), ("address".to_owned(), address.to_owned())],
        credentials: vec![token.to_owned()],
    }
}
