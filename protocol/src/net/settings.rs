//! The settings of stores that are reached over HTTP.

use std::path::Path;

use crate::store::Setting;

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
        CA_CERT.env(names.ca_cert).row(),
        CA_CERT_BYTES.env(names.ca_cert_bytes).row(),
        CA_PATH.env(names.ca_path).row(),
        CLIENT_CERT.env(names.client_cert).row(),
        CLIENT_KEY.env(names.client_key).row(),
        PROXY.env(names.proxy).row(),
        TLS_SERVER_NAME.env(names.tls_server_name).row(),
        TLS_SKIP_VERIFY.env(names.tls_skip_verify).row(),
    ]
}

pub(super) const CA_CERT: Setting<Path> =
    Setting::path("ca_cert", "the CA certificates to trust, as a PEM file; default: those of the system");

pub(super) const CA_CERT_BYTES: Setting<str> =
    Setting::text("ca_cert_bytes", "the CA certificates to trust, as PEM text");

pub(super) const CA_PATH: Setting<Path> =
    Setting::path("ca_path", "the CA certificates to trust, as a folder of PEM files");

/// The certificate of the client.
pub const CLIENT_CERT: Setting<Path> = Setting::path("client_cert", "the client certificate, as a PEM file");

pub(super) const CLIENT_KEY: Setting<Path> =
    Setting::path("client_key", "the key of `client_cert`, as a PEM file without a passphrase");

pub(super) const PROXY: Setting<str> =
    Setting::text("proxy", "the proxy for the server, such as http://proxy.example.com:3128");

pub(super) const TLS_SERVER_NAME: Setting<str> = Setting::text(
    "tls_server_name",
    "the name that the server's certificate must have (also sent as SNI); default: the host of its address",
);

pub(super) const TLS_SKIP_VERIFY: Setting<bool> =
    Setting::switch("tls_skip_verify", "do not verify the server's certificate; for testing only")
        .default("false");

/// The settings whose variables are the same for every store. Keys of settings that all programs share, such as
/// `HTTPS_PROXY`, are the names of their variables.
pub const SETTINGS: &[Setting] = &[
    ALLOW_HTTP.row(),
    HTTP.row(),
    HTTP_PROXY.row(),
    HTTPS_PROXY.row(),
    KEEP_SESSION.row(),
    NO_PROXY.row(),
    PROXY_AUTH_FILE.row(),
    SSL_CERT_FILE.row(),
];

/// Whether an `http://` address may lead to another machine.
pub const ALLOW_HTTP: Setting<bool> =
    Setting::switch("allow_http", "allow unencrypted http:// to other machines").default("false");

pub(super) const HTTP: Setting<str> = Setting::choice(
    "http",
    &["auto", "h1", "h2"],
    "the version of HTTP over TLS: auto lets the server choose",
)
.default("auto")
.not_sensitive();

pub(super) const HTTP_PROXY: Setting<str> = Setting::text(
    "http_proxy",
    "the proxy for an http:// address that is not this machine, if `proxy` is not set",
)
.env(&["HTTP_PROXY", "http_proxy"]);

pub(super) const HTTPS_PROXY: Setting<str> = Setting::text(
    "https_proxy",
    "the proxy for an https:// address that is not this machine, if `proxy` is not set",
)
.env(&["HTTPS_PROXY", "https_proxy"]);

pub(crate) const KEEP_SESSION: Setting<str> = Setting::text(
    "keep_session",
    "where sessions are cached between starts: auto (the user's runtime folder), off, or a folder",
)
.default("auto");

pub(super) const NO_PROXY: Setting<str> = Setting::text(
    "no_proxy",
    "hosts to reach without a proxy: hosts, .domains, IP addresses and networks, separated by commas; or *",
)
.env(&["NO_PROXY", "no_proxy"]);

pub(super) const PROXY_AUTH_FILE: Setting<Path> =
    Setting::path("proxy_auth_file", "a file with user:password for the proxy");

pub(super) const SSL_CERT_FILE: Setting<Path> =
    Setting::path("ssl_cert_file", "the file with the system's trusted certificates, if not the usual one")
        .env(&["SSL_CERT_FILE"]);
