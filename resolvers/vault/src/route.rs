//! The settings of the connection, named as Vault and OpenBao name them.

use secretref_protocol::net::{ALLOW_HTTP, Address, Variables, tls_settings};
use secretref_protocol::{Failure, Setting, Settings};

use crate::settings::ADDRESS;

/// The settings of TLS and proxies.
pub(crate) const TLS: &[Setting] = &tls_settings(Variables {
    ca_cert: &["BAO_CACERT", "VAULT_CACERT"],
    ca_cert_bytes: &["BAO_CACERT_BYTES", "VAULT_CACERT_BYTES"],
    ca_path: &["BAO_CAPATH", "VAULT_CAPATH"],
    client_cert: &["BAO_CLIENT_CERT", "VAULT_CLIENT_CERT"],
    client_key: &["BAO_CLIENT_KEY", "VAULT_CLIENT_KEY"],
    proxy: &["BAO_PROXY_ADDR", "VAULT_PROXY_ADDR", "BAO_HTTP_PROXY", "VAULT_HTTP_PROXY"],
    tls_server_name: &["BAO_TLS_SERVER_NAME", "VAULT_TLS_SERVER_NAME"],
    tls_skip_verify: &["BAO_SKIP_VERIFY", "VAULT_SKIP_VERIFY"],
});

/// Parses the address in the settings.
pub(crate) fn address(settings: &Settings) -> Result<Address, Failure> {
    let (called, address) = (settings.called(&ADDRESS), settings.required(&ADDRESS)?);
    let address = Address::parse(called, address, settings.is_on(&ALLOW_HTTP))?;
    if address.base().ends_with("/v1") {
        let what = format!("`{called}` ends in /v1, which the resolver adds by itself");
        return Err(Failure::misconfigured(what, "remove /v1"));
    }
    Ok(address)
}
