//! Reading an address, and refusing a text that a person and a URL library could read differently.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::{ParseError, Position, Url};

use super::Address;
use crate::failure::Failure;

/// The longest path of a socket, as the system's own structure limits it.
const SOCKET_PATH_LIMIT: usize = 107;

const NO_SCHEME: &str = "has no https:// before the host";
const INVALID_PORT: &str = "has an invalid port";
const INVALID_HOST: &str = "has an invalid host";

/// How to write a URL that can be read in one way only.
const PLAINLY: &str =
    "an IP address in full, letters beyond ASCII as xn-- or %-codes, no \\, no . or .. segment";

impl Address {
    /// Parses the value of the setting `key`.
    ///
    /// # Errors
    /// `MISCONFIGURED` if it is not the URL of an http or https server or of a Unix socket, if it contains credentials, a
    /// query or a fragment, or if it is clear text to another machine without `allow_http`. The message never quotes it.
    pub fn parse(key: &'static str, text: &str, allow_http: bool) -> Result<Self, Failure> {
        if text.starts_with(['"', '\'']) {
            return Err(Failure::misconfigured(format!("`{key}` has quotes around it"), "remove the quotes"));
        }
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::parse_socket(key, path);
        }
        let address = Self::parse_url(key, text, "https://vault.example.com:8200")?;
        if address.secure || allow_http || address.is_loopback() { Ok(address) } else { Err(in_clear(key)) }
    }

    /// Parses the URL of a metadata service, which may use clear text on the machine's own network.
    ///
    /// # Errors
    /// As [`Address::parse`], and if it has a path or is a socket.
    pub fn parse_metadata(key: &'static str, url: &str, allow_http: bool) -> Result<Self, Failure> {
        let address = Self::parse(key, url, true)?;
        if address.socket.is_some() || !address.base.is_empty() {
            return Err(Failure::misconfigured(
                format!("`{key}` has more than a host and a port"),
                "write it as http://169.254.169.254",
            ));
        }
        let is_near = address.is_loopback() || address.is_link_local();
        if address.secure || allow_http || is_near { Ok(address) } else { Err(in_clear(key)) }
    }

    /// Parses the path of a socket. Requests over it have the host `localhost`, as those of Vault's own client do.
    fn parse_socket(key: &'static str, path: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::misconfigured(
                format!("`{key}` {why}"),
                "write it as unix:///run/vault/agent.sock; a socket has no base path",
            )
        };
        if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
            return Err(wrong("has no absolute path of a socket after unix://"));
        }
        if path.len() > SOCKET_PATH_LIMIT {
            return Err(wrong(&format!(
                "has a path of more than {SOCKET_PATH_LIMIT} bytes, the limit for a socket"
            )));
        }
        Ok(Self {
            key,
            secure: false,
            host: "localhost".into(),
            port: 80,
            base: String::new(),
            socket: Some(PathBuf::from(path)),
            derived: false,
        })
    }

    /// Parses an http or https URL such as `example`.
    fn parse_url(key: &'static str, text: &str, example: &str) -> Result<Self, Failure> {
        let (address, login) = Self::parse_with_login(key, text, example)?;
        match login {
            None => Ok(address),
            Some(_) => Err(Failure::misconfigured(
                format!("`{key}` has a user name or password in it"),
                "remove them; a credential has its own setting",
            )),
        }
    }

    /// Parses an http or https URL, and the `user:password` before its host.
    pub(in crate::net) fn parse_with_login(
        key: &'static str,
        text: &str,
        example: &str,
    ) -> Result<(Self, Option<Vec<u8>>), Failure> {
        let wrong =
            |why: &str, remedy: &str| Failure::misconfigured(format!("`{key}` {why}"), remedy.to_owned());
        let write = format!("write it as {example}");
        let two_ways = || wrong("can be read in two ways", &format!("{write}: {PLAINLY}"));
        if !is_plain(text) {
            return Err(two_ways());
        }
        let url = Url::parse(text).map_err(|error| wrong(reason(error), &write))?;
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
        if !is_host(host(&url)) {
            return Err(wrong(INVALID_HOST, &write));
        }
        let port = url.port_or_known_default().filter(|port| *port != 0);
        let port = port.ok_or_else(|| wrong(INVALID_PORT, &write))?;
        let (host, base) = (host(&url).to_owned(), url.path().trim_end_matches('/').to_owned());
        Ok((Self { key, secure, host, port, base, socket: None, derived: false }, login(&url)))
    }
}

/// Marks an address as derived from the setting `key`, such as a region. The failure then says so, and to check `key`.
pub(in crate::net) fn derived(
    key: &'static str,
    parsed: Result<Address, Failure>,
) -> Result<Address, Failure> {
    match parsed {
        Ok(address) => Ok(Address { derived: true, ..address }),
        Err(failure) => {
            let what = format!("the URL derived from {}", failure.what());
            Err(Failure::misconfigured(what, check_origin(key)))
        }
    }
}

/// Returns the hint for a derived host.
pub(super) fn check_origin(key: &str) -> String {
    format!("check `{key}`, which this host is derived from")
}

fn in_clear(key: &str) -> Failure {
    Failure::misconfigured(
        format!("`{key}` sends credentials in clear text to another machine"),
        "use https://, or set allow_http = true on a trusted network",
    )
}

/// Returns why a text is not a URL.
fn reason(error: ParseError) -> &'static str {
    match error {
        ParseError::RelativeUrlWithoutBase => NO_SCHEME,
        ParseError::InvalidPort => INVALID_PORT,
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => INVALID_HOST,
        _ => "is not a URL",
    }
}

/// Splits a URL after its host and port, without checking it: `https://v:8200` and `/x?y`.
pub(in crate::net) fn split(url: &str) -> Option<(&str, &str)> {
    let start = url.find("://")? + 3;
    Some(url.split_at(url[start..].find(['/', '?', '#']).map_or(url.len(), |end| start + end)))
}

/// Whether the text is ASCII in one line without a `\`, and has %-codes only in a login or a path.
pub(super) fn is_plain(text: &str) -> bool {
    let is_one_line = text.is_ascii() && !text.contains(|c: char| c.is_control() || c == '\\');
    is_one_line && !without_codes(text).contains('%')
}

/// Returns the part of a text that must not have %-codes: the host and port of an http URL, nothing of a path, and all of
/// any other text. The library would decode those of a host, and read the result as a URL.
fn without_codes(text: &str) -> &str {
    if text.starts_with('/') && !text.starts_with("//") {
        return "";
    }
    let is_http = |scheme: &str| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let authority = match text.split_once("://") {
        Some((scheme, rest)) if is_http(scheme) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
        _ => "",
    };
    match authority.rsplit('@').next() {
        Some(place) if !authority.is_empty() => place,
        _ => text,
    }
}

/// Whether the URL says the same as its text. The library repairs what it reads: with a `\`, a tab, `%2e` or `127.1` it
/// would find another server than a person does. These count as the same: scheme and host in upper or lower case, another
/// form of an IPv6 address, the default port, and an empty path.
pub(super) fn is_as_written(url: &Url, text: &str) -> bool {
    let Some((origin, path)) = split(text) else { return false };
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let place = match login(url) {
        Some(_) => authority.rsplit_once('@').map_or(authority, |(_, place)| place),
        None => authority,
    };
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    let written = place.strip_suffix(&port).unwrap_or(place);
    let v6 = |host: &str| unbracketed(host)?.parse::<Ipv6Addr>().ok();
    let read = url.host_str().unwrap_or_default();
    scheme.eq_ignore_ascii_case(url.scheme())
        && (written.eq_ignore_ascii_case(read) || v6(written).is_some_and(|ip| v6(read) == Some(ip)))
        && (path == &url[Position::BeforePath..] || path.is_empty() && url.path() == "/")
}

/// Returns the host, an IPv6 address without its brackets.
pub(super) fn host(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    unbracketed(host).unwrap_or(host)
}

/// Whether a host has only characters that a name or an IP address can have. A URL can have others, such as quotes.
fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte))
}

fn unbracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

/// Returns the `user:password` in a URL, decoded.
pub(super) fn login(url: &Url) -> Option<Vec<u8>> {
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
            ("\"https://v\"", "quotes around it"),
            ("'unix:///run/v.sock'", "quotes around it"),
            ("https://", "invalid host"),
            ("ftp://v", "neither"),
            ("https://user:hunter2@v", "user name"),
            ("https://v?x=1", "query"),
            ("https://v/#x", "fragment"),
            ("https://v:99999", "port"),
            ("https://v[::1]:8200", "invalid host"),
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
            ("https://999.0.0.1", "invalid host"),
            ("https://v w", "invalid host"),
            ("https://[v]", "invalid host"),
            ("https://v\"w", "invalid host"),
            ("https://{v}", "invalid host"),
            ("https://v$(w)", "invalid host"),
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

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(https?://)?(xn--)?[A-Za-z:/@\\[\\]?#.0-9-]{0,20}|\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
