//! Whom to trust: the certificates of a file, of a folder, of a text, or the system's.

use std::cmp::Reverse;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::failure::Failure;
use crate::file;
use crate::settings::Settings;

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

/// Whom to trust to be the store.
#[derive(Debug)]
pub struct TrustAnchors {
    /// The setting that says so, or that would.
    pub(super) key: &'static str,
    /// The certificates of the authorities.
    pub(super) roots: Roots,
    /// What was read of them.
    loaded: OnceLock<Option<Arc<RootCertStore>>>,
}

/// The certificates of trusted authorities.
#[derive(Debug)]
pub enum Roots {
    /// What the system trusts.
    System,
    /// Those of a PEM file.
    File(PathBuf),
    /// Those of every PEM file in a folder.
    Folder(PathBuf),
    /// Those of a PEM text.
    Text(String),
    /// None: any certificate is taken, whoever shows it.
    Unchecked,
}

/// The setting and what it says, as far as that is short.
impl fmt::Display for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.roots {
            Roots::File(path) | Roots::Folder(path) => write!(f, "{} {}", self.key, path.display()),
            Roots::System | Roots::Text(_) | Roots::Unchecked => f.write_str(self.key),
        }
    }
}

impl TrustAnchors {
    /// What the system trusts.
    pub(super) fn system() -> Self {
        Self::new("ca_cert", Roots::System)
    }

    /// What is said most explicitly, and of equals the first, in the order of Vault's own client.
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        if settings.is_on("tls_skip_verify") {
            return Ok(Self::new("tls_skip_verify", Roots::Unchecked));
        }
        let keys = ["ca_cert", "ca_cert_bytes", "ca_path", "ssl_cert_file"];
        let set = keys.into_iter().filter(|key| settings.source(key).is_some());
        let Some(key) = set.min_by_key(|key| Reverse(settings.source(key))) else {
            return Ok(Self::system());
        };
        let path = || settings.path(key).map(Option::unwrap_or_default);
        let roots = match key {
            "ca_cert_bytes" => Roots::Text(settings.text(key).unwrap_or_default().to_owned()),
            "ca_path" => Roots::Folder(path()?),
            _ => Roots::File(path()?),
        };
        Ok(Self::new(key, roots))
    }

    fn new(key: &'static str, roots: Roots) -> Self {
        Self { key, roots, loaded: OnceLock::new() }
    }

    /// The certificates, read once; `None` where they are not to be checked.
    pub(super) fn load(&self) -> Result<Option<Arc<RootCertStore>>, Failure> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded.clone());
        }
        let read = self.read()?.map(Arc::new);
        Ok(self.loaded.get_or_init(|| read).clone())
    }

    fn read(&self) -> Result<Option<RootCertStore>, Failure> {
        let key = self.key;
        match &self.roots {
            Roots::System => of_system(key),
            Roots::File(path) => of_file(path, key),
            Roots::Folder(path) => of_folder(path, key),
            Roots::Text(text) => of_text(text, key),
            Roots::Unchecked => return Ok(None),
        }
        .map(Some)
    }

    /// What a certificate that nobody here has signed is signed by, and what to do.
    pub(super) fn missed(&self) -> (String, String) {
        let key = self.key;
        let into = |place: &str| format!("put the certificate of its authority into {place} (`{key}`)");
        match &self.roots {
            Roots::System => (
                "is signed by an authority that is not trusted".into(),
                format!("set `{key}` to the certificate of that authority"),
            ),
            Roots::File(path) => {
                (format!("is signed by no certificate of {}", path.display()), into("that file"))
            }
            Roots::Folder(path) => {
                (format!("is signed by no certificate in {}", path.display()), into("that folder"))
            }
            Roots::Text(_) | Roots::Unchecked => {
                (format!("is signed by no certificate of `{key}`"), into("it"))
            }
        }
    }
}

fn of_file(path: &Path, key: &str) -> Result<RootCertStore, Failure> {
    let roots = added(RootCertStore::empty(), &file::read(path, key)?, &named(path, key))?;
    if roots.is_empty() { Err(wrong(&named(path, key), "holds no certificate")) } else { Ok(roots) }
}

fn of_text(text: &str, key: &str) -> Result<RootCertStore, Failure> {
    let place = format!("`{key}`");
    let roots = added(RootCertStore::empty(), text.as_bytes(), &place)?;
    if roots.is_empty() { Err(wrong(&place, "holds no certificate")) } else { Ok(roots) }
}

/// Every file of the folder, links followed; what holds no certificate is passed over, as is what is no file: Kubernetes
/// mounts through a folder in it.
fn of_folder(folder: &Path, key: &str) -> Result<RootCertStore, Failure> {
    let failed = |why: &str, remedy: &str| {
        Failure::misconfigured(format!("{}, which `{key}` names, {why}", folder.display()), remedy)
    };
    let closed =
        |error| failed(&format!("cannot be read as a folder ({error})"), "name a folder of PEM files");
    let entries = std::fs::read_dir(folder).map_err(closed)?;
    if folder.metadata().map_err(closed)?.mode() & 0o002 != 0 {
        return Err(failed("can be written by everybody", "chmod o-w it"));
    }
    let mut roots = RootCertStore::empty();
    for entry in entries {
        let path = entry.map_err(closed)?.path();
        if !path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            roots = added(roots, &file::read(&path, key)?, &named(&path, key))?;
        }
    }
    if roots.is_empty() { Err(failed("holds no certificate", REMEDY)) } else { Ok(roots) }
}

/// What to put where certificates are looked for.
const REMEDY: &str = "put the certificate of the authority that signed the store's there, as PEM";

fn added(mut roots: RootCertStore, pem: &[u8], place: &str) -> Result<RootCertStore, Failure> {
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| wrong(place, "is not PEM throughout"))?;
        roots.add(certificate).map_err(|_| wrong(place, "holds a certificate that cannot be read"))?;
    }
    Ok(roots)
}

fn named(path: &Path, key: &str) -> String {
    format!("{}, which `{key}` names,", path.display())
}

fn wrong(place: &str, why: &str) -> Failure {
    Failure::misconfigured(format!("{place} {why}"), REMEDY)
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
