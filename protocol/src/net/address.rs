//! Where a store is: `https://vault.example.com:8200/base`, or `unix:///run/vault/agent.sock`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;
use url::{ParseError, Position, Url};

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
    /// Whether it was derived from what the setting says.
    derived: bool,
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
        if address.secure || allow_http || address.is_loopback() { Ok(address) } else { Err(in_clear(key)) }
    }

    /// Parses a URL that was derived from the setting `key`, such as that of a region.
    ///
    /// Fails as [`Address::parse`] does.
    pub fn derived(key: &'static str, url: &str, allow_http: bool) -> Result<Self, Failure> {
        Ok(Self { derived: true, ..Self::parse(key, url, allow_http)? })
    }

    /// Parses the URL of a metadata service, which may be asked in clear text on the machine's own network.
    ///
    /// Fails as [`Address::parse`] does, and where there is a path or a socket.
    pub fn of_metadata(key: &'static str, url: &str, allow_http: bool) -> Result<Self, Failure> {
        let address = Self::parse(key, url, true)?;
        if address.socket.is_some() || !address.base.is_empty() {
            return Err(Failure::misconfigured(
                format!("`{key}` is more than a host"),
                "write it as http://169.254.169.254",
            ));
        }
        let is_near = address.is_loopback() || address.is_link_local();
        if address.secure || allow_http || is_near { Ok(address) } else { Err(in_clear(key)) }
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
        Ok(Self {
            key,
            secure: false,
            host: "localhost".into(),
            port: 80,
            base: String::new(),
            socket,
            derived: false,
        })
    }

    /// Parses a URL of http or https, such as `example`.
    pub(super) fn of_url(key: &'static str, text: &str, example: &str) -> Result<Self, Failure> {
        let (address, login) = Self::with_login(key, text, example)?;
        match login {
            None => Ok(address),
            Some(_) => Err(Failure::misconfigured(
                format!("`{key}` has a user name or password in it"),
                "leave them out; a credential has its own setting",
            )),
        }
    }

    /// The same, and the `user:password` before its host.
    pub(super) fn with_login(
        key: &'static str,
        text: &str,
        example: &str,
    ) -> Result<(Self, Option<Vec<u8>>), Failure> {
        let wrong =
            |why: &str, remedy: &str| Failure::misconfigured(format!("`{key}` {why}"), remedy.to_owned());
        let write = format!("write it as {example}");
        let two_ways = || wrong("can be read in two ways", &format!("{write}: {PLAINLY}"));
        if !text.is_ascii() {
            return Err(two_ways());
        }
        let url = Url::parse(text).map_err(|error| wrong(unread(error), &write))?;
        let secure = match url.scheme() {
            _ if !url.has_host() => return Err(wrong(NO_SCHEME, &write)),
            "https" => true,
            "http" => false,
            _ => return Err(wrong("is neither https:// nor http://", &write)),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a query or a fragment", "end it after the path"));
        }
        if !is_as_written(&url, text) {
            return Err(two_ways());
        }
        let port = url.port_or_known_default().filter(|port| *port != 0);
        let port = port.ok_or_else(|| wrong(NO_PORT, &write))?;
        let (host, base) = (host(&url).to_owned(), url.path().trim_end_matches('/').to_owned());
        Ok((Self { key, secure, host, port, base, socket: None, derived: false }, login(&url)))
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
        self.host == "localhost"
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Whether it is on the network that no router leads to (RFC 3927, RFC 4291 §2.5.6), or where AWS has its metadata
    /// service over IPv6.
    fn is_link_local(&self) -> bool {
        match self.host.parse() {
            Ok(IpAddr::V4(ip)) => ip.is_link_local(),
            Ok(IpAddr::V6(ip)) => ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0xec2],
            Err(_) => false,
        }
    }

    /// Whether both are one origin, whatever path is below it.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.secure, self.port, &self.socket) == (other.secure, other.port, &other.socket)
            && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// What to check of the setting that has the address in it; where it was derived, that is the setting it comes from.
    pub(super) fn check(&self, own: String) -> String {
        if self.derived { format!("check `{}`, which this host is derived from", self.key) } else { own }
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

    /// Where a redirect's `Location` leads, without credentials and query, for a person: host, and the whole.
    pub(super) fn led_to(&self, location: &str) -> Option<(String, String)> {
        let origin = Url::parse(&format!("{}://{}", self.scheme(), self.authority())).ok()?;
        let mut url = origin.join(location).ok().filter(Url::has_host)?;
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        Some((host(&url).to_owned(), url.to_string()))
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
        let url = Url::parse(location).ok().filter(|url| is_as_written(url, location))?;
        let is_same = url.scheme() == self.scheme()
            && host(&url) == self.host
            && url.port_or_known_default() == Some(self.port)
            && login(&url).is_none();
        let path: PathAndQuery = url[Position::BeforePath..Position::AfterQuery].parse().ok()?;
        is_same.then(|| path.to_string())
    }
}

fn in_clear(key: &str) -> Failure {
    Failure::misconfigured(
        format!("`{key}` sends credentials in clear text to another machine"),
        "use https://, or set allow_http = true if the way there is safe",
    )
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

const NO_SCHEME: &str = "has no https:// before the host";
const NO_PORT: &str = "has a port that is no port";

/// How to write a URL that is read in one way alone.
const PLAINLY: &str =
    "an IP address in full, letters beyond ASCII as xn-- or %-codes, no \\, no . or .. segment";

/// Why a text is no URL.
fn unread(error: ParseError) -> &'static str {
    match error {
        ParseError::RelativeUrlWithoutBase => NO_SCHEME,
        ParseError::InvalidPort => NO_PORT,
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => "has a host that is no host",
        _ => "is not a URL",
    }
}

/// Whether the URL is what its text says. The library repairs what it reads: a `\`, a tab, `%2e` or `127.1` would lead
/// elsewhere than a person sees. Equal are: letters of scheme and host in either case, an IPv6 address written in another
/// way, a port that is the scheme's own, no path at all.
fn is_as_written(url: &Url, text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let place = match login(url) {
        Some(_) => authority.rsplit_once('@').map_or(authority, |(_, place)| place),
        None => authority,
    };
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    let written = place.strip_suffix(&port).unwrap_or(place);
    let v6 = |host: &str| unbracketed(host)?.parse::<Ipv6Addr>().ok();
    let read = url.host_str().unwrap_or_default();
    !text.contains(|c: char| c.is_control())
        && scheme.eq_ignore_ascii_case(url.scheme())
        && (written.eq_ignore_ascii_case(read) || v6(written).is_some_and(|ip| v6(read) == Some(ip)))
        && (path == &url[Position::BeforePath..] || path.is_empty() && url.path() == "/")
}

/// The host without the brackets that are around an IPv6 address.
fn host(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    unbracketed(host).unwrap_or(host)
}

fn unbracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

/// The `user:password` in a URL, decoded.
fn login(url: &Url) -> Option<Vec<u8>> {
    let password = url.password();
    if url.username().is_empty() && password.is_none() {
        return None;
    }
    let mut login: Vec<u8> = percent_decode_str(url.username()).collect();
    login.push(b':');
    login.extend(percent_decode_str(password.unwrap_or_default()));
    Some(login)
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
        for (same, as_read) in [
            ("HTTPS://V.Example.com:443", "https://v.example.com v.example.com 443 "),
            ("https://[0:0::1]:8200/", "https://[::1]:8200 ::1 8200 "),
            ("http://[::ffff:127.0.0.1]:8200", "http://[::ffff:7f00:1]:8200 ::ffff:7f00:1 8200 "),
            ("https://my_vault/a%20b//c", "https://my_vault my_vault 443 /a%20b//c"),
        ] {
            assert_eq!(parse(same).as_deref(), Ok(as_read), "{same}");
        }
        assert_eq!(parse("unix:///run/v.sock"), Ok("unix:///run/v.sock localhost 80 ".into()));
        assert!(Address::parse("address", "http://v.example.com", true).is_ok());
        let long = format!("unix:///{}", "x".repeat(107));
        for (bad, why) in [
            ("v.example.com:8200", "no https://"),
            ("", "no https://"),
            ("https://", "no host"),
            ("ftp://v", "neither"),
            ("https://user:hunter2@v", "user name"),
            ("https://v?x=1", "query"),
            ("https://v/#x", "fragment"),
            ("https://v:99999", "port"),
            ("https://v[::1]:8200", "no host"),
            ("http://127.0.0.1:8200[1]", "port"),
            ("https://v:8200[1]", "port"),
            ("http://127.1:8200", "two ways"),
            ("http://2130706433:8200", "two ways"),
            ("http://0x7f.0.0.1:8200", "two ways"),
            ("http://0177.0.0.1:8200", "two ways"),
            ("http://127.0.0.1.:8200", "two ways"),
            ("https://%76ault:8200", "two ways"),
            ("https://m\u{fc}nchen.example", "two ways"),
            ("https://v\u{ad}ault:8200", "two ways"),
            ("https://\u{ff11}27.0.0.1:8200", "two ways"),
            ("https://v:08200", "two ways"),
            ("https://v:", "two ways"),
            ("https://@v", "two ways"),
            ("https://:@v", "two ways"),
            ("https:v", "two ways"),
            ("https:///v", "two ways"),
            ("https:\\\\v", "two ways"),
            ("https://v\\@evil.example", "two ways"),
            ("https://v/\\evil.example", "two ways"),
            ("https://v/a/../b", "two ways"),
            ("https://v/a/./b", "two ways"),
            ("https://v/%2e%2E/b", "two ways"),
            ("https://v/\u{e4}", "two ways"),
            ("https://v/a b", "two ways"),
            (" https://v", "two ways"),
            ("https://v ", "two ways"),
            ("https://v\nx", "two ways"),
            ("https://v\t", "two ways"),
            ("https://v:0", "port"),
            ("https://v:-1", "port"),
            ("https://999.0.0.1", "no host"),
            ("https://v w", "no host"),
            ("https://[v]", "no host"),
            ("http://v.example.com", "clear text"),
            ("http://127.0.0.1.example.com", "clear text"),
            ("unix://", "no absolute path"),
            ("unix://run/v.sock", "no absolute path"),
            ("unix:///run/v.sock/", "a socket has no base path"),
            ("unix:/run/v.sock", "no https://"),
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
        let led = |location| here.led_to(location).map(|(host, whole)| format!("{host} {whole}"));
        let to = "https://jo:hunter2@sso.example.com/login?token=hunter2#hunter2";
        assert_eq!(led(to).as_deref(), Some("sso.example.com https://sso.example.com/login"));
        assert_eq!(led("//evil/x").as_deref(), Some("evil https://evil/x"));
        assert_eq!(led("http://[::1]:8200").as_deref(), Some("::1 http://[::1]:8200/"));
        assert_eq!(led("data:hunter2"), None);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(https?://)?(xn--)?[A-Za-z:/@\\[\\]?#.0-9-]{0,20}|\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
