//! Facts about a server's certificate, for `doctor`: its names and its end.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConnection, Error as TlsError, RootCertStore};

use crate::run::{Run, Stage};
use crate::text::plural;

/// The time since the epoch after which no certificate is valid: they end in the year 9999 or earlier (RFC 5280 §4.1.2.5).
const AFTER_ANY_END: Duration = Duration::from_hours(70_389_528);

/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// Records what the handshake agreed on, and what the server's certificate says. `roots` are the authorities that it was
/// checked with; without them it was not checked. `trust` is the setting that names them.
pub(super) fn record(run: &Run, tls: &ClientConnection, roots: Option<&Arc<RootCertStore>>, trust: &str) {
    let protocol = match tls.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let http = if tls.alpn_protocol() == Some(b"h2") { "HTTP/2" } else { "HTTP/1.1" };
    run.fact(Stage::Tls, format!("{protocol}, {http}"));
    let chain = tls.peer_certificates().unwrap_or_default();
    let Some(roots) = roots else {
        let warning =
            format!("the certificate is not verified (`{trust}`): a machine in between can read the token");
        return run.warn(Stage::Tls, warning);
    };
    let length = chain.len();
    run.fact(Stage::Tls, format!("a chain of {length} certificate{}, trusted by `{trust}`", plural(length)));
    if let Some(names) = chain.first().and_then(names) {
        record_names(run, &names);
    }
    if let Some(end) = end(roots, chain) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        run.ends("certificate", end.saturating_sub(now));
        run.fact(Stage::Tls, ends(end, now));
    }
}

/// Records the names of a certificate.
pub(super) fn record_names(run: &Run, names: &[String]) {
    for name in names {
        run.redact("host", name);
    }
    run.fact(Stage::Tls, format!("the certificate is for {}", names.join(", ")));
}

/// Returns `expires in 42 days`, or `expired 3 days ago`. `end` and `now` are since the epoch.
pub(super) fn ends(end: Duration, now: Duration) -> String {
    let days = end.abs_diff(now).as_secs() / DAY;
    let several = plural(usize::try_from(days).unwrap_or(usize::MAX));
    if end < now {
        format!("expired {days} day{several} ago")
    } else {
        format!("expires in {days} day{several}")
    }
}

/// Takes the names of a certificate out of the list in the TLS library's error, such as `DnsName("a.example")`.
pub(super) fn presented(names: &[String]) -> Vec<String> {
    let inner = |name: &str| Some(name.split_once('(')?.1.strip_suffix(')')?.trim_matches('"').to_owned());
    names.iter().filter_map(|name| inner(name)).collect()
}

/// Returns the names of a certificate, from the library's error for a name that never matches.
fn names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let unmatched = ServerName::try_from("secretref.invalid").ok()?;
    match verify_server_name(&ParsedCertificate::try_from(certificate).ok()?, &unmatched) {
        Err(TlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented: names,
            ..
        })) => Some(presented(&names)),
        _ => None,
    }
}

/// Returns the end of the first certificate since the epoch, from the library's error for a time after any end.
fn end(roots: &Arc<RootCertStore>, chain: &[CertificateDer<'_>]) -> Option<Duration> {
    let unmatched = ServerName::try_from("secretref.invalid").ok()?;
    let time = UnixTime::since_unix_epoch(AFTER_ANY_END);
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider).build().ok()?;
    let (first, others) = chain.split_first()?;
    match verifier.verify_server_cert(first, others, &unmatched, &[], time) {
        Err(TlsError::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(Duration::from_secs(not_after.as_secs()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_days() {
        let days = |days| Duration::from_secs(days * DAY);
        assert_eq!(ends(days(12), days(10)), "expires in 2 days");
        assert_eq!(ends(days(10), days(11)), "expired 1 day ago");
        assert_eq!(ends(days(10), days(10)), "expires in 0 days");
    }

    #[test]
    fn names_are_taken_out_of_what_the_library_makes_of_them() {
        let names = ["DnsName(\"a.example\")", "IpAddress(127.0.0.1)"].map(str::to_owned);
        assert_eq!(presented(&names), ["a.example", "127.0.0.1"]);
    }
}
