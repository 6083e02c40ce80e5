//! A private authority with a server's and a client's certificate, made anew for each run.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The files of an authority, and of a server and a client on this machine.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The certificate of the authority.
    pub ca: PathBuf,
    /// Its key.
    pub ca_key: PathBuf,
    /// The certificate of the server, for `localhost`, `127.0.0.1`, `::1` and [`NAME`].
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The certificate of a client.
    pub client: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
}

/// A name that the server's certificate has, and no name server knows.
pub const NAME: &str = "vault.test";

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
        let authority_key_pem = authority_key.serialize_pem();
        let issuer = Issuer::new(authority, authority_key);
        let issue = |names: &[&str], purpose: ExtendedKeyUsagePurpose| {
            let key = KeyPair::generate().expect("a key");
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).expect("names");
            params.extended_key_usages = vec![purpose];
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            (certificate.pem(), key.serialize_pem())
        };
        let (server, server_key) =
            issue(&["localhost", "127.0.0.1", "::1", NAME], ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = issue(&["gateway.test"], ExtendedKeyUsagePurpose::ClientAuth);
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        Self {
            ca: write("ca.pem", authority_certificate.pem()),
            ca_key: write("ca.key", authority_key_pem),
            certificate: write("server.pem", server),
            key: write("server.key", server_key),
            client: write("client.pem", client),
            client_key: write("client.key", client_key),
        }
    }
}
