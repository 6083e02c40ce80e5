//! A private authority and a server certificate, made anew for each run.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// The files of an authority and of a server on this machine.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The certificate of the authority.
    pub ca: PathBuf,
    /// The certificate of the server, for `localhost`, `127.0.0.1` and `::1`.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificates {
    /// Writes them into `folder`.
    #[must_use]
    pub fn make(folder: &Path) -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "secretref test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority_certificate = authority.self_signed(&authority_key).expect("a certificate");
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate().expect("a key");
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let server =
            CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("a certificate");

        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        Self {
            ca: write("ca.pem", authority_certificate.pem()),
            certificate: write("server.pem", server.pem()),
            key: write("server.key", key.serialize_pem()),
        }
    }
}
