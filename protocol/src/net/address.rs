//! Where a store is: `https://vault.example.com:8200/base`, or `unix:///run/vault/agent.sock`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use http::uri::{Authority, PathAndQuery, Uri};

use crate::failure::Failure;

/// An origin (RFC 6454) and the path below which the store answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    key: &'static str,
    secure: bool,
    host: String,
    port: u16,
    base: String,
    socket: Option<PathBuf>,
}

/// The longest path of a socket, by the system's own structure for it.
const SOCKET_PATH: usize = 107;

impl Address {
    /// Parses the value of the setting `key`.
    ///
    /// Fails with `MISCONFIGURED` where it is no URL of http, https or a socket, has credentials, a query or a fragment
    /// in it, or sends them in clear text beyond this machine without `allow_http`. The message never quotes it.
    pub fn parse(key: &'static str, text: &str, allow_http: bool) -> Result<Self, Failure> {
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::of_socket(key, path);
        }
        let address = Self::of_url(key, text, "https://vault.example.com:8200")?;
        if address.secure || allow_http || address.is_loopback() {
            return Ok(address);
        }
        Err(Failure::misconfigured(
            format!("`{key}` sends credentials in clear text to another machine"),
            "use https://, or set allow_http = true if the way there is safe",
        ))
    }

    /// Whoever speaks over a socket is asked by the name `localhost`, as Vault's own client does.
    fn of_socket(key: &'static str, path: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::misconfigured(
                format!("`{key}` {why}"),
                "write it as unix:///run/vault/agent.sock; a socket has no base path",
            )
        };
        if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
            return Err(wrong("has no absolute path of a socket after unix://"));
        }
        if path.len() > SOCKET_PATH {
            return Err(wrong(&format!(
                "has a path of more than {SOCKET_PATH} bytes, which no socket can have"
            )));
        }
        let socket = Some(PathBuf::from(path));
        Ok(Self { key, secure: false, host: "localhost".into(), port: 80, base: String::new(), socket })
    }

    /// Parses a URL of http or https, such as `example`.
    pub(super) fn of_url(key: &'static str, text: &str, example: &str) -> Result<Self, Failure> {
        let wrong =
            |why: &str, remedy: &str| Failure::misconfigured(format!("`{key}` {why}"), remedy.to_owned());
        let example = &format!("write it as {example}");
        let uri: Uri = text.parse().map_err(|_| wrong("is not a URL", example))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("has no https:// before the host", example));
        };
        if authority.as_str().contains('@') {
            return Err(wrong(
                "has a user name or password in it",
                "leave them out; a credential has its own setting",
            ));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("has a query or a fragment", "end it after the path"));
        }
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("is neither https:// nor http://", example)),
        };
        let host = host(authority).ok_or_else(|| wrong("has a host that is no host", example))?.to_owned();
        let port = match authority.as_str().rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some(_) => authority
                .port_u16()
                .filter(|port| *port != 0)
                .ok_or_else(|| wrong("has a port that is no port", example))?,
            None if secure => 443,
            None => 80,
        };
        Ok(Self { key, secure, host, port, base: uri.path().trim_end_matches('/').to_owned(), socket: None })
    }

    /// The setting that it came from.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The socket, where that is what it leads to.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The host: a name or an IP address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path before every request's own, without a `/` at its end; mostly empty.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `host` or `host:port`, as the `Host` header has it.
    #[must_use]
    pub fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host_in_url(),
            _ => self.host_and_port(),
        }
    }

    /// `host:port`, as a proxy is asked for it.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.host_in_url(), self.port)
    }

    fn host_in_url(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// The path of a redirect's `Location` (RFC 9110 §10.2.2), if it stays within this origin.
    #[must_use]
    pub fn path_within(&self, location: &str) -> Option<String> {
        if !location.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        if location.starts_with('/') && !location.starts_with("//") {
            return location.parse().ok().map(|path: PathAndQuery| path.to_string());
        }
        let uri: Uri = location.parse().ok()?;
        let authority = uri.authority()?;
        let port = authority.port_u16().unwrap_or(if self.secure { 443 } else { 80 });
        let same = uri.scheme_str() == Some(self.scheme())
            && host(authority).is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
            && port == self.port
            && !authority.as_str().contains('@');
        same.then(|| uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string))
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

/// The host without its brackets, which belong around an IPv6 address (RFC 3986 §3.2.2) and nowhere else.
fn host(authority: &Authority) -> Option<&str> {
    let host = authority.host();
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok().then_some(inner),
        None => (!host.is_empty() && !host.contains(['[', ']'])).then_some(host),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        let address = Address::parse("address", text, false).map_err(|failure| failure.to_string())?;
        Ok(format!("{address} {} {} {}", address.host(), address.port(), address.base()))
    }

    #[test]
    fn addresses() {
        assert_eq!(parse("https://v.example.com"), Ok("https://v.example.com v.example.com 443 ".into()));
        assert_eq!(parse("https://v:8200/base/"), Ok("https://v:8200 v 8200 /base".into()));
        assert_eq!(parse("http://127.0.0.1:8200"), Ok("http://127.0.0.1:8200 127.0.0.1 8200 ".into()));
        assert_eq!(parse("https://[::1]:8200"), Ok("https://[::1]:8200 ::1 8200 ".into()));
        assert_eq!(parse("http://[::1]"), Ok("http://[::1] ::1 80 ".into()));
        assert_eq!(parse("unix:///run/v.sock"), Ok("unix:///run/v.sock localhost 80 ".into()));
        assert!(Address::parse("address", "http://v.example.com", true).is_ok());
        let long = format!("unix:///{}", "x".repeat(107));
        for (bad, why) in [
            ("v.example.com:8200", "no https://"),
            ("", "not a URL"),
            ("https://", "not a URL"),
            ("ftp://v", "neither"),
            ("https://user:hunter2@v", "user name"),
            ("https://v?x=1", "query"),
            ("https://v/#x", "fragment"),
            ("https://v:99999", "port"),
            ("https://v:", "port"),
            ("https://v[::1]:8200", "no host"),
            ("https://[v]", "no host"),
            ("http://v.example.com", "clear text"),
            ("http://127.0.0.1.example.com", "clear text"),
            ("https://v\nx", "not a URL"),
            ("unix://", "no absolute path"),
            ("unix://run/v.sock", "no absolute path"),
            ("unix:///run/v.sock/", "a socket has no base path"),
            ("unix:/run/v.sock", "not a URL"),
            (&long, "more than 107 bytes"),
        ] {
            let message = parse(bad).unwrap_err();
            assert!(message.contains(why) && !message.contains("hunter2"), "{bad}: {message}");
        }
    }

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
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(https?://)?[a-z:/@\\[\\]?#.0-9]{0,20}|\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
