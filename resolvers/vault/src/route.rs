//! The way to the server: its settings, named as Vault and OpenBao name them, and the route they make.

use std::cmp::Reverse;

use secretref_protocol::net::{Address, Identity, Proxy, Roots, Route, Trust, Versions};
use secretref_protocol::{Failure, Setting, SettingKind as Kind, Settings};

/// What leads to the server. Of each variable `bao`'s own name counts before Vault's, and an agent before the server.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "address",
        kind: Kind::Text,
        env: &["BAO_AGENT_ADDR", "VAULT_AGENT_ADDR", "BAO_ADDR", "VAULT_ADDR"],
        default: None,
        steers: true,
        help: "the server or agent: https://vault.example.com:8200, with a base path if it has one, or unix:///run/vault/agent.sock",
    },
    Setting {
        key: "ca_cert",
        kind: Kind::Path,
        env: &["BAO_CACERT", "VAULT_CACERT"],
        default: None,
        steers: true,
        help: "the certificates to trust, as a PEM file; unset, the system's",
    },
    Setting {
        key: "ca_cert_bytes",
        kind: Kind::Text,
        env: &["BAO_CACERT_BYTES", "VAULT_CACERT_BYTES"],
        default: None,
        steers: true,
        help: "the certificates to trust, as PEM text",
    },
    Setting {
        key: "ca_path",
        kind: Kind::Path,
        env: &["BAO_CAPATH", "VAULT_CAPATH"],
        default: None,
        steers: true,
        help: "the certificates to trust, as a folder of PEM files",
    },
    Setting {
        key: "client_cert",
        kind: Kind::Path,
        env: &["BAO_CLIENT_CERT", "VAULT_CLIENT_CERT"],
        default: None,
        steers: true,
        help: "the certificate to show to the server, as a PEM file",
    },
    Setting {
        key: "client_key",
        kind: Kind::Path,
        env: &["BAO_CLIENT_KEY", "VAULT_CLIENT_KEY"],
        default: None,
        steers: true,
        help: "the key of `client_cert`, as a PEM file without a passphrase",
    },
    Setting {
        key: "proxy",
        kind: Kind::Text,
        env: &["BAO_PROXY_ADDR", "VAULT_PROXY_ADDR", "BAO_HTTP_PROXY", "VAULT_HTTP_PROXY"],
        default: None,
        steers: true,
        help: "the proxy to the server, http://proxy.example.com:3128",
    },
    Setting {
        key: "tls_server_name",
        kind: Kind::Text,
        env: &["BAO_TLS_SERVER_NAME", "VAULT_TLS_SERVER_NAME"],
        default: None,
        steers: true,
        help: "the name to ask for and to find in the server's certificate; unset, the host of `address`",
    },
    Setting {
        key: "tls_skip_verify",
        kind: Kind::Switch,
        env: &["BAO_SKIP_VERIFY", "VAULT_SKIP_VERIFY"],
        default: Some("false"),
        steers: true,
        help: "take any certificate for the server's: for a trial, never for a secret",
    },
];

/// The route that the settings make.
pub(crate) fn route(settings: &Settings) -> Result<Route, Failure> {
    let address = settings.required("address")?;
    let address = Address::parse("address", address, settings.is_on("allow_http"))?;
    if address.base().ends_with("/v1") {
        return Err(Failure::misconfigured("`address` ends in /v1, which is added to it", "leave /v1 out"));
    }
    Ok(Route {
        trust: trust(settings)?,
        server_name: settings.text("tls_server_name").map(str::to_owned),
        identity: Identity::of(settings)?,
        proxy: Proxy::of(settings, &address)?,
        http: Versions::of(settings.text("http")),
        run: settings.run().clone(),
        address,
    })
}

/// Whom to trust: what is said most explicitly, and of equals the first, in the order of Vault's own client.
fn trust(settings: &Settings) -> Result<Trust, Failure> {
    if settings.is_on("tls_skip_verify") {
        return Ok(Trust { key: "tls_skip_verify", roots: Roots::Unchecked });
    }
    let keys = ["ca_cert", "ca_cert_bytes", "ca_path", "ssl_cert_file"];
    let set = keys.into_iter().filter(|key| settings.source(key).is_some());
    let Some(key) = set.min_by_key(|key| Reverse(settings.source(key))) else {
        return Ok(Trust { key: "ca_cert", roots: Roots::System });
    };
    let path = || settings.path(key).map(Option::unwrap_or_default);
    let roots = match key {
        "ca_cert_bytes" => Roots::Text(settings.text(key).unwrap_or_default().to_owned()),
        "ca_path" => Roots::Folder(path()?),
        _ => Roots::File(path()?),
    };
    Ok(Trust { key, roots })
}
