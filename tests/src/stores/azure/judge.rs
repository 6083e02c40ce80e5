//! Microsoft's own clients of Azure, which judge the stand-in.

use std::process::Command;

use crate::resolver;

/// Runs a script of this folder with Microsoft's Python packages, and nothing else in its environment.
#[must_use]
pub fn run(script: &str) -> Command {
    let folder = resolver::repository().join("target/servers/azure-keyvault-secrets-4.12.0");
    assert!(folder.exists(), "missing: {} (tests/install.py azure installs it)", folder.display());
    let mut command = Command::new("python3");
    command
        .arg(resolver::repository().join("tests/src/stores/azure").join(script))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("PYTHONPATH", folder);
    command
}
