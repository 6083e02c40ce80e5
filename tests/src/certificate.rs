//! A private authority with the certificates of servers and of a client, created for each run.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

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
        let authority = Authority::new("secretref test authority");
        let server = authority.server(Flaw::None);
        let client = authority.issue(&["gateway.test"], ExtendedKeyUsagePurpose::ClientAuth, Flaw::None);
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        Self {
            ca: write("ca.pem", &authority.pem),
            ca_key: write("ca.key", &authority.issuer.key().serialize_pem()),
            certificate: write("server.pem", &server.certificate.pem()),
            key: write("server.key", &server.key.serialize_pem()),
            client: write("client.pem", &client.certificate.pem()),
            client_key: write("client.key", &client.key.serialize_pem()),
        }
    }

    /// The certificates that the server sends, and its key.
    #[must_use]
    pub fn der(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (read(&self.certificate), PrivateKeyDer::from_pem_file(&self.key).expect("a key"))
    }

    /// The certificate of the authority.
    #[must_use]
    pub fn authority(&self) -> Vec<CertificateDer<'static>> {
        read(&self.ca)
    }
}

fn read(path: &Path) -> Vec<CertificateDer<'static>> {
    let certificates = CertificateDer::pem_file_iter(path).expect("a file");
    certificates.map(|one| one.expect("a certificate")).collect()
}

/// An authority that signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub pem: String,
}

/// A flaw of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for this host alone.
    OtherName(&'static str),
}

/// A certificate and its key.
pub struct Issued {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// An authority of this name, with a new key.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let (params, key) = authority(name);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// An intermediate authority that this one has signed.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let (params, key) = authority(name);
        let pem = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The certificate of a server on this machine.
    #[must_use]
    pub fn server(&self, flaw: Flaw) -> Issued {
        self.issue(&names(flaw), ExtendedKeyUsagePurpose::ServerAuth, flaw)
    }

    /// The certificate of a server with these names.
    #[must_use]
    pub fn host(&self, names: &[&str]) -> Issued {
        self.issue(names, ExtendedKeyUsagePurpose::ServerAuth, Flaw::None)
    }

    fn issue(&self, names: &[&str], purpose: ExtendedKeyUsagePurpose, flaw: Flaw) -> Issued {
        let mut params = params(names, flaw);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued { certificate, key }
    }
}

fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    (params, KeyPair::generate().expect("a key"))
}

/// The names of a server on this machine.
fn names(flaw: Flaw) -> Vec<&'static str> {
    match flaw {
        Flaw::OtherName(name) => vec![name],
        _ => vec!["localhost", "127.0.0.1", "::1", NAME],
    }
}

fn params(names: &[&str], flaw: Flaw) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    match flaw {
        Flaw::Expired => params.not_after = date_time_ymd(2020, 1, 1),
        Flaw::NotYetValid => params.not_before = date_time_ymd(2090, 1, 1),
        Flaw::None | Flaw::OtherName(_) => {}
    }
    params
}

impl Issued {
    /// A self-signed certificate of a server on this machine; with `is_ca` as `openssl req -x509` creates it.
    #[must_use]
    pub fn by_itself(flaw: Flaw, is_ca: bool) -> Self {
        let mut params = params(&names(flaw), flaw);
        params.distinguished_name.push(DnType::CommonName, "a server of its own");
        params.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, key }
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The certificates that a server sends, and its key.
    #[must_use]
    pub fn der(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        (vec![self.certificate.der().clone()], key)
    }
}
