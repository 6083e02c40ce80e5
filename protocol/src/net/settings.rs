//! The settings of every store that is reached over HTTP.

use crate::store::{Kind, Setting, security_sensitive};

/// The environment's names for a setting.
type Names = &'static [&'static str];

/// What the tools of a store call these settings in the environment; each has a name of its own there, or none.
#[derive(Debug, Clone, Copy)]
pub struct Variables {
    /// For `ca_cert`.
    pub ca_cert: Names,
    /// For `ca_cert_bytes`.
    pub ca_cert_bytes: Names,
    /// For `ca_path`.
    pub ca_path: Names,
    /// For `client_cert`.
    pub client_cert: Names,
    /// For `client_key`.
    pub client_key: Names,
    /// For `proxy`.
    pub proxy: Names,
    /// For `tls_server_name`.
    pub tls_server_name: Names,
    /// For `tls_skip_verify`.
    pub tls_skip_verify: Names,
}

/// The environment has no names for them.
pub const NO_VARIABLES: Variables = Variables {
    ca_cert: &[],
    ca_cert_bytes: &[],
    ca_path: &[],
    client_cert: &[],
    client_key: &[],
    proxy: &[],
    tls_server_name: &[],
    tls_skip_verify: &[],
};

/// The settings of TLS and of the store's own proxy. Their keys are the same for every store, their variables are not.
#[must_use]
pub const fn tls_settings(names: Variables) -> [Setting; 8] {
    [
        security_sensitive(
            "ca_cert",
            Kind::Path,
            names.ca_cert,
            None,
            "the certificates to trust, as a PEM file; unset, the system's",
        ),
        security_sensitive(
            "ca_cert_bytes",
            Kind::Text,
            names.ca_cert_bytes,
            None,
            "the certificates to trust, as PEM text",
        ),
        security_sensitive(
            "ca_path",
            Kind::Path,
            names.ca_path,
            None,
            "the certificates to trust, as a folder of PEM files",
        ),
        security_sensitive(
            "client_cert",
            Kind::Path,
            names.client_cert,
            None,
            "the certificate to show to the server, as a PEM file",
        ),
        security_sensitive(
            "client_key",
            Kind::Path,
            names.client_key,
            None,
            "the key of `client_cert`, as a PEM file without a passphrase",
        ),
        security_sensitive(
            "proxy",
            Kind::Text,
            names.proxy,
            None,
            "the proxy to the server, http://proxy.example.com:3128",
        ),
        security_sensitive(
            "tls_server_name",
            Kind::Text,
            names.tls_server_name,
            None,
            "the name to ask for and to find in the server's certificate; unset, the host of its address",
        ),
        security_sensitive(
            "tls_skip_verify",
            Kind::Switch,
            names.tls_skip_verify,
            Some("false"),
            "take any certificate for the server's: for a trial, never for a secret",
        ),
    ]
}

/// The settings whose variables are the same for every store. What the environment says for all programs has the names here
/// that it has there.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "allow_http",
        kind: Kind::Switch,
        env: &[],
        default: Some("false"),
        security_sensitive: true,
        help: "let an http:// address lead beyond this machine, in clear text",
    },
    Setting {
        key: "http",
        kind: Kind::Choice(&["auto", "h1", "h2"]),
        env: &[],
        default: Some("auto"),
        security_sensitive: false,
        help: "the version of HTTP over TLS: what the server prefers, or this one",
    },
    Setting {
        key: "http_proxy",
        kind: Kind::Text,
        env: &["HTTP_PROXY", "http_proxy"],
        default: None,
        security_sensitive: true,
        help: "the proxy for an http:// address that is not this machine, if `proxy` is not set",
    },
    Setting {
        key: "https_proxy",
        kind: Kind::Text,
        env: &["HTTPS_PROXY", "https_proxy"],
        default: None,
        security_sensitive: true,
        help: "the proxy for an https:// address that is not this machine, if `proxy` is not set",
    },
    Setting {
        key: "keep_session",
        kind: Kind::Text,
        env: &[],
        default: Some("auto"),
        security_sensitive: true,
        help: "where sessions are kept between starts: auto (the user's runtime folder), off, or a folder",
    },
    Setting {
        key: "no_proxy",
        kind: Kind::Text,
        env: &["NO_PROXY", "no_proxy"],
        default: None,
        security_sensitive: true,
        help: "what is reached without a proxy: hosts, .domains, addresses, networks, with commas; or *",
    },
    Setting {
        key: "proxy_auth_file",
        kind: Kind::Path,
        env: &[],
        default: None,
        security_sensitive: true,
        help: "a file with user:password for the proxy",
    },
    Setting {
        key: "ssl_cert_file",
        kind: Kind::Path,
        env: &["SSL_CERT_FILE"],
        default: None,
        security_sensitive: true,
        help: "the file of the system's trusted certificates, if not the usual one",
    },
];
