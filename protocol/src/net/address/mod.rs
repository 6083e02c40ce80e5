//! The address of a server: `https://vault.example.com:8200/base`, or `unix:///run/vault/agent.sock`.

mod parse;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use http::uri::PathAndQuery;
use url::{Position, Url};

pub(super) use parse::{derived, split};
use parse::{host, is_as_written, is_plain, login};

/// An origin (RFC 6454), and the path below which the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    key: &'static str,
    secure: bool,
    host: String,
    port: u16,
    base: String,
    socket: Option<PathBuf>,
    /// Whether the host is derived from the setting's value, as from a region.
    derived: bool,
}

impl Address {
    /// Returns what messages call the setting that the address is from.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Whether the scheme is https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the path of the Unix socket, if the address is one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Whether the host is on the local link, which no router forwards (RFC 3927, RFC 4291 §2.5.6), or is the metadata
    /// service of AWS over IPv6.
    fn is_link_local(&self) -> bool {
        match self.host.parse() {
            Ok(IpAddr::V4(ip)) => ip.is_link_local(),
            Ok(IpAddr::V6(ip)) => ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0xec2],
            Err(_) => false,
        }
    }

    /// Whether both are the same origin. Base paths are not compared.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.secure, self.port, &self.socket) == (other.secure, other.port, &other.socket)
            && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// Returns the hint to correct the address: `own`, or for a derived host, to check the setting it is derived from.
    pub(super) fn check(&self, own: String) -> String {
        if self.derived { parse::check_origin(self.key) } else { own }
    }

    /// Returns the host: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the base path, without a `/` at its end. It is usually empty.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns `host` or `host:port`, as in the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host_in_url(),
            _ => self.host_and_port(),
        }
    }

    /// Returns `host:port`, as in a `CONNECT` request to a proxy.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.host_in_url(), self.port)
    }

    fn host_in_url(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// Returns the scheme, `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Returns the host and the URL of a redirect's `Location`, for a person: without credentials, query and fragment.
    pub(super) fn led_to(&self, location: &str) -> Option<(String, String)> {
        let origin = Url::parse(&format!("{}://{}", self.scheme(), self.authority())).ok()?;
        let location = Some(location).filter(|location| is_plain(location))?;
        let mut url = origin.join(location).ok().filter(Url::has_host)?;
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        Some((host(&url).to_owned(), url.to_string()))
    }

    /// Returns the path of a redirect's `Location` (RFC 9110 §10.2.2), if it stays within this origin.
    #[must_use]
    pub fn path_within(&self, location: &str) -> Option<String> {
        if !location.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        if location.starts_with('/') && !location.starts_with("//") {
            return location.parse().ok().map(|path: PathAndQuery| path.to_string());
        }
        let location = Some(location).filter(|location| is_plain(location))?;
        let url = Url::parse(location).ok().filter(|url| is_as_written(url, location))?;
        let is_same = url.scheme() == self.scheme()
            && host(&url) == self.host
            && url.port_or_known_default() == Some(self.port)
            && login(&url).is_none();
        let path: PathAndQuery = url[Position::BeforePath..Position::AfterQuery].parse().ok()?;
        is_same.then(|| path.to_string())
    }
}

/// The origin, for a message.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "unix://{}", path.display()),
            None => write!(f, "{}://{}", self.scheme(), self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_within_the_origin() {
        let here = Address::parse("address", "https://v:8200", false).unwrap();
        assert_eq!(here.path_within("/v1/x?y=1").as_deref(), Some("/v1/x?y=1"));
        assert_eq!(here.path_within("/v1/x#here").as_deref(), Some("/v1/x"));
        assert_eq!(here.path_within("https://V:8200/v1/x").as_deref(), Some("/v1/x"));
        for away in [
            "//evil/x",
            "https://evil:8200/x",
            "http://v:8200/x",
            "https://v/x",
            "https://a@v:8200/",
            "/a b",
            "/a<b",
            "x",
            "",
        ] {
            assert_eq!(here.path_within(away), None, "{away}");
        }
        let led = |location| here.led_to(location).map(|(host, whole)| format!("{host} {whole}"));
        let to = "https://jo:hunter2@sso.example.com/login?token=hunter2#hunter2";
        assert_eq!(led(to).as_deref(), Some("sso.example.com https://sso.example.com/login"));
        assert_eq!(led("//evil/x").as_deref(), Some("evil https://evil/x"));
        assert_eq!(led("http://[::1]:8200").as_deref(), Some("::1 http://[::1]:8200/"));
        assert_eq!(led("data:hunter2"), None);
    }
}
