//! The settings of stores that are reached over HTTP.

use crate::store::{Kind, Setting, security_sensitive};

/// The environment variables of a setting.
type Names = &'static [&'static str];

/// The environment variables that a store's own tools read for these settings.
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

/// No variables, for a store whose tools read none.
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

/// Returns the settings of TLS and of the store's own proxy. Their keys are the same for every store; `names` are its
/// variables.
#[must_use]
pub const fn tls_settings(names: Variables) -> [Setting; 8] {
    [
        security_sensitive(
            "ca_cert",
            Kind::Path,
            names.ca_cert,
            None,
            "the CA certificates to trust, as a PEM file; default: those of the system",
        ),
        security_sensitive(
            "ca_cert_bytes",
            Kind::Text,
            names.ca_cert_bytes,
            None,
            "the CA certificates to trust, as PEM text",
        ),
        security_sensitive(
            "ca_path",
            Kind::Path,
            names.ca_path,
            None,
            "the CA certificates to trust, as a folder of PEM files",
        ),
        security_sensitive(
            "client_cert",
            Kind::Path,
            names.client_cert,
            None,
            "the client certificate, as a PEM file",
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
            "the proxy for the server, such as http://proxy.example.com:3128",
        ),
        security_sensitive(
            "tls_server_name",
            Kind::Text,
            names.tls_server_name,
            None,
            "the name that the server's certificate must have (also sent as SNI); default: the host of its address",
        ),
        security_sensitive(
            "tls_skip_verify",
            Kind::Switch,
            names.tls_skip_verify,
            Some("false"),
            "do not verify the server's certificate; for testing only",
        ),
    ]
}

/// The settings whose variables are the same for every store. Keys of settings that all programs share, such as
/// `HTTPS_PROXY`, are the names of their variables.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "allow_http",
        kind: Kind::Switch,
        env: &[],
        default: Some("false"),
        security_sensitive: true,
        help: "allow unencrypted http:// to other machines",
    },
    Setting {
        key: "http",
        kind: Kind::Choice(&["auto", "h1", "h2"]),
        env: &[],
        default: Some("auto"),
        security_sensitive: false,
        help: "the version of HTTP over TLS: auto lets the server choose",
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
        help: "where sessions are cached between starts: auto (the user's runtime folder), off, or a folder",
    },
    Setting {
        key: "no_proxy",
        kind: Kind::Text,
        env: &["NO_PROXY", "no_proxy"],
        default: None,
        security_sensitive: true,
        help: "hosts to reach without a proxy: hosts, .domains, IP addresses and networks, separated by commas; or *",
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
        help: "the file with the system's trusted certificates, if not the usual one",
    },
];
