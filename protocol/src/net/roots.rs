//! Whom to trust: the certificates of a file, or the system's.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::{Route, Versions};
use crate::failure::Failure;
use crate::file;

/// Where distributions keep all their trusted certificates in one file, which takes a third of the time that reading
/// a folder of them does: Debian, Fedora and its kin, Alpine, older RHEL, SUSE, FreeBSD.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// The TLS side of a connection, with the roots of the file that the settings name, else of the system.
pub(super) fn config(route: &Route) -> Result<ClientConfig, Failure> {
    let roots = match &route.ca {
        Some(path) => of_file(path, route.ca_key)?,
        None => of_system(route.ca_key)?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::internal("the TLS library has no protocol version"))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // The process ends before it could come back to a session.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = alpn(route.http);
    Ok(config)
}

/// The names of the versions in a TLS handshake (RFC 7301 §6, RFC 9113 §3.2).
pub(super) fn alpn(http: Versions) -> Vec<Vec<u8>> {
    match http {
        Versions::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Versions::H1 => vec![b"http/1.1".to_vec()],
        Versions::H2 => vec![b"h2".to_vec()],
    }
}

fn of_file(path: &Path, key: &str) -> Result<RootCertStore, Failure> {
    let wrong = |why: &str| {
        Failure::misconfigured(
            format!("{}, which `{key}` names, {why}", path.display()),
            "name a PEM file with the certificate of the authority that signed the store's",
        )
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&file::read(path, key)?) {
        let certificate = certificate.map_err(|_| wrong("is not PEM throughout"))?;
        roots.add(certificate).map_err(|_| wrong("holds a certificate that cannot be read"))?;
    }
    if roots.is_empty() { Err(wrong("holds no certificate")) } else { Ok(roots) }
}

fn of_system(key: &str) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    if let Some(bytes) = BUNDLES.iter().find_map(|path| std::fs::read(path).ok()) {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok));
    }
    if roots.is_empty() {
        // Named outright: left to itself this library asks the environment, which a profile shuts out.
        let folder = Path::new("/etc/ssl/certs");
        roots.add_parsable_certificates(rustls_native_certs::load_certs_from_paths(None, Some(folder)).certs);
    }
    if roots.is_empty() {
        return Err(Failure::misconfigured(
            "this system has no trusted certificates",
            format!("install its ca-certificates package, or set `{key}`"),
        ));
    }
    Ok(roots)
}
