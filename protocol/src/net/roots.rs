//! Trust anchors: the CA certificates of a file, a folder, a text or the system.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fmt, io};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::settings::{CA_CERT, CA_CERT_BYTES, CA_PATH, SSL_CERT_FILE, TLS_SKIP_VERIFY};
use crate::failure::Failure;
use crate::file;
use crate::private_files::Access;
use crate::settings::Settings;
use crate::store::Setting;
use crate::system_error::words;

/// The files in which distributions keep all trusted certificates: Debian, Fedora and RHEL, Alpine, older RHEL, SUSE,
/// FreeBSD. One file is read three times as fast as a folder.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// The authorities whose certificates a server may have.
#[derive(Debug)]
pub struct TrustAnchors {
    /// What messages call the setting that names them; `ca_cert` if none does.
    pub(super) key: &'static str,
    /// The place of their certificates.
    pub(super) roots: Roots,
    /// The certificates, once they are read.
    loaded: OnceLock<Option<Arc<Anchors>>>,
}

/// The place of the certificates of trusted authorities.
#[derive(Debug)]
pub enum Roots {
    /// The system's list.
    System,
    /// A PEM file.
    File(PathBuf),
    /// A PEM file that other programs use too.
    Bundle(PathBuf),
    /// A folder of PEM files.
    Folder(PathBuf),
    /// A PEM text.
    Text(String),
    /// None: certificates are not verified.
    Unchecked,
}

/// The setting and its path, if its value is one.
impl fmt::Display for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.roots {
            Roots::File(path) | Roots::Bundle(path) | Roots::Folder(path) => {
                write!(f, "{} {}", self.key, path.display())
            }
            Roots::System | Roots::Text(_) | Roots::Unchecked => f.write_str(self.key),
        }
    }
}

/// The certificates to verify servers with.
#[derive(Debug)]
pub(super) struct Anchors {
    pub(super) store: Arc<RootCertStore>,
    /// The certificates that a setting of the store names, as they were read.
    pub(super) named: Vec<CertificateDer<'static>>,
}

impl TrustAnchors {
    /// Returns the system's trust anchors.
    pub(super) fn system() -> Self {
        Self::new("ca_cert", Roots::System)
    }

    /// Takes the most explicit of the settings; of equal ones the first, in the order of Vault's own client.
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        if settings.is_on(&TLS_SKIP_VERIFY) {
            return Ok(Self::new(settings.called(&TLS_SKIP_VERIFY), Roots::Unchecked));
        }
        let path = |setting: &Setting<Path>, roots: fn(PathBuf) -> Roots| {
            let path = settings.path(setting)?;
            Ok(path.map(|path| (settings.source(setting), settings.called(setting), roots(path))))
        };
        let text = settings.text(&CA_CERT_BYTES).map(|text| {
            let (source, called) = (settings.source(&CA_CERT_BYTES), settings.called(&CA_CERT_BYTES));
            (source, called, Roots::Text(text.to_owned()))
        });
        let set = [
            path(&CA_CERT, Roots::File)?,
            text,
            path(&CA_PATH, Roots::Folder)?,
            path(&SSL_CERT_FILE, Roots::Bundle)?,
        ];
        let first = set.into_iter().flatten().min_by_key(|(source, ..)| Reverse(*source));
        Ok(first.map_or_else(Self::system, |(_, called, roots)| Self::new(called, roots)))
    }

    /// Returns a text that tells places of certificates apart. For the key of a cached session.
    #[must_use]
    pub fn mark(&self) -> String {
        match &self.roots {
            Roots::Text(text) => format!("{self} {text}"),
            _ => self.to_string(),
        }
    }

    fn new(key: &'static str, roots: Roots) -> Self {
        Self { key, roots, loaded: OnceLock::new() }
    }

    /// Returns the certificates, which are read once. `None` means that servers are not verified.
    pub(super) fn load(&self) -> Result<Option<Arc<Anchors>>, Failure> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded.clone());
        }
        let read = self.read()?.map(Arc::new);
        Ok(self.loaded.get_or_init(|| read).clone())
    }

    fn read(&self) -> Result<Option<Anchors>, Failure> {
        let key = self.key;
        let mut named = Vec::new();
        let store = match &self.roots {
            Roots::System => from_system(key),
            Roots::File(path) => from_file(path, key, &mut named),
            Roots::Bundle(path) => from_file(path, key, &mut Vec::new()),
            Roots::Folder(path) => from_folder(path, key, &mut named),
            Roots::Text(text) => from_text(text, key, &mut named),
            Roots::Unchecked => return Ok(None),
        }?;
        Ok(Some(Anchors { store: Arc::new(store), named }))
    }
}

/// Reads the certificates that the settings name.
///
/// # Errors
/// `MISCONFIGURED` if they cannot be read.
pub(crate) fn check_certificates(settings: &Settings) -> Result<(), Failure> {
    let anchors = TrustAnchors::from_settings(settings)?;
    if matches!(anchors.roots, Roots::System) { Ok(()) } else { anchors.load().map(drop) }
}

/// Whether a file is the system's own list, which a package updates.
pub(super) fn is_of_system(path: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let path = real(path);
    path.is_some() && BUNDLES.iter().any(|bundle| real(Path::new(bundle)) == path)
}

type Named = Vec<CertificateDer<'static>>;

fn from_file(path: &Path, key: &str, named: &mut Named) -> Result<RootCertStore, Failure> {
    let read = file::read(path, key).map_err(|failure| {
        let place = place(path, key);
        let remedy = "set it to a PEM file in it, or set `ca_path` to the folder";
        if path.is_dir() { Failure::misconfigured(format!("{place} is a folder"), remedy) } else { failure }
    })?;
    let place = place(path, key);
    let roots = added(RootCertStore::empty(), &read, &place, named)?;
    if roots.is_empty() { Err(wrong(&place, "contains no certificate")) } else { Ok(roots) }
}

fn from_text(text: &str, key: &str, named: &mut Named) -> Result<RootCertStore, Failure> {
    let place = format!("`{key}`");
    let roots = added(RootCertStore::empty(), text.as_bytes(), &place, named)?;
    if roots.is_empty() { Err(wrong(&place, "contains no certificate")) } else { Ok(roots) }
}

/// Reads every file of the folder, and follows links. Files without certificates are ignored, and so are folders: Kubernetes
/// keeps one in each mount.
fn from_folder(folder: &Path, key: &str, named: &mut Named) -> Result<RootCertStore, Failure> {
    let failed =
        |why: &str, remedy: &str| Failure::misconfigured(format!("{} {why}", place(folder, key)), remedy);
    let closed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotADirectory => failed("is not a folder", "set `ca_cert` to the file"),
        _ => failed(
            &format!("cannot be read as a folder ({})", words(&error)),
            "set it to a folder of PEM files",
        ),
    };
    let entries = std::fs::read_dir(folder).map_err(closed)?;
    let access = Access::NotWorldWritable.check(&folder.metadata().map_err(closed)?, 0);
    access.map_err(|problem| problem.failure(place(folder, key), folder))?;
    let mut roots = RootCertStore::empty();
    for entry in entries {
        let path = entry.map_err(closed)?.path();
        if !path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            roots = added(roots, &file::read(&path, key)?, &place(&path, key), named)?;
        }
    }
    if roots.is_empty() { Err(failed("contains no certificate", REMEDY)) } else { Ok(roots) }
}

/// The hint for a place without usable certificates.
const REMEDY: &str = "put the certificate of the CA that signed the server's there, as PEM";

fn added(
    mut roots: RootCertStore,
    text: &[u8],
    place: &str,
    named: &mut Named,
) -> Result<RootCertStore, Failure> {
    let text = pem(text).ok_or_else(|| wrong(place, "is UTF-16 and not PEM"))?;
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|_| wrong(place, "is not valid PEM"))?;
        let added = roots.add(CertificateDer::from(&*certificate));
        added.map_err(|_| wrong(place, "contains a certificate that cannot be read"))?;
        named.push(certificate);
    }
    Ok(roots)
}

/// Returns a PEM text without the byte order mark that some editors add, and `None` if it is UTF-16.
pub(super) fn pem(text: &[u8]) -> Option<&[u8]> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return None;
    }
    Some(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text))
}

fn place(path: &Path, key: &str) -> String {
    format!("{}, which `{key}` names,", path.display())
}

fn wrong(place: &str, why: &str) -> Failure {
    Failure::misconfigured(format!("{place} {why}"), REMEDY)
}

fn from_system(key: &str) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    if let Some(bytes) = BUNDLES.iter().find_map(|path| std::fs::read(path).ok()) {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok));
    }
    if roots.is_empty() {
        // The folder is passed here, since this library otherwise reads the environment, which a profile excludes.
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
