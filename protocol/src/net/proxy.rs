//! The proxy for an address, if there is one.

use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;

use super::Address;
use super::settings::{ALLOW_HTTP, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, PROXY, PROXY_AUTH_FILE};
use crate::failure::Failure;
use crate::file;
use crate::run::Run;
use crate::settings::{Settings, Source, warn_if_exposed};

/// An HTTP proxy, and the credentials for it.
#[derive(Debug)]
pub struct Proxy {
    pub(super) address: Address,
    /// The value of `Proxy-Authorization` (RFC 9110 §11.7.2).
    pub(super) authorization: Option<HeaderValue>,
}

/// The settings of proxies. Which of them counts depends on the address.
#[derive(Debug)]
pub(super) struct Proxies {
    /// The settings that have a value.
    set: Vec<(&'static str, String, Source)>,
    /// What messages call each setting.
    called: Vec<(&'static str, &'static str)>,
    /// The file with `user:password`.
    login: Option<PathBuf>,
    allow_http: bool,
    uid: u32,
    run: Run,
}

impl Proxies {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        let all = [&PROXY, &HTTPS_PROXY, &HTTP_PROXY, &NO_PROXY];
        let set = all
            .into_iter()
            .filter_map(|one| Some((one.key, settings.text(one)?.to_owned(), settings.source(one)?)));
        Ok(Self {
            set: set.collect(),
            called: all.map(|one| (one.key, settings.called(one))).to_vec(),
            login: settings.path(&PROXY_AUTH_FILE)?,
            allow_http: settings.is_on(&ALLOW_HTTP),
            uid: settings.uid(),
            run: settings.run().clone(),
        })
    }

    /// Returns a text that tells sets of proxies apart. It has no password.
    pub(super) fn mark(&self) -> String {
        let of = |(key, text, _): &(&'static str, String, Source)| match *key {
            "no_proxy" => format!("no_proxy {text}\n"),
            key => parse(key, text).map(|(address, _)| format!("{key} {address}\n")).unwrap_or_default(),
        };
        self.set.iter().map(of).collect()
    }

    /// Returns the proxy for `address`, and warns if other users may read the file with its login.
    ///
    /// # Errors
    /// `MISCONFIGURED` if its URL is invalid, or if it would carry clear text to another machine without `allow_http`. No
    /// message quotes the URL.
    pub(super) fn before(&self, address: &Address) -> Result<Option<Proxy>, Failure> {
        let set = |key| {
            let (_, text, source) = self.set.iter().find(|(set, ..)| *set == key)?;
            Some((text.as_str(), *source))
        };
        let Some(key) = chosen(address, set) else { return Ok(None) };
        let (text, source) = set(key).unwrap_or(("", Source::Default));
        let key = self.called.iter().find(|(set, _)| *set == key).map_or(key, |(_, called)| called);
        let (url, login) = parse(key, text)?;
        if login.is_some() && source == Source::Written {
            return Err(Failure::misconfigured(
                format!(
                    "`{key}` has a user name or password in it, which other users can read in a command line or profile"
                ),
                "write user:password to a file, and set `proxy_auth_file` to it",
            ));
        }
        let login = match (login, &self.login) {
            (Some(login), _) => Some(login),
            (None, Some(path)) => {
                let (login, metadata) = file::read_secret_with_metadata(path, "proxy_auth_file")?;
                warn_if_exposed(&self.run, self.uid, path, &metadata);
                Some(login.expose().as_bytes().to_vec())
            }
            (None, None) => None,
        };
        if !address.is_secure() && !url.is_loopback() && !self.allow_http {
            return Err(Failure::misconfigured(
                format!("`{key}` carries credentials in clear text to another machine"),
                format!(
                    "{}, or set allow_http = true on a trusted network",
                    address.check(format!("use https:// in `{}`", address.key()))
                ),
            ));
        }
        Ok(Some(Proxy { address: url, authorization: login.as_deref().map(basic) }))
    }
}

/// Returns the key of the setting with the proxy for `address`. The rules are those of Go programs, such as Vault's own
/// client: `proxy` applies unless a flag or the profile sets `no_proxy` for the host; the proxy of the scheme applies unless
/// `no_proxy` lists the host or the host is this machine.
fn chosen<'s>(
    address: &Address,
    set: impl Fn(&'static str) -> Option<(&'s str, Source)>,
) -> Option<&'static str> {
    if address.socket().is_some() {
        return None;
    }
    let spared = |key| set(key).is_some_and(|(list, _)| is_spared(list, address));
    if set("proxy").is_some() {
        let written = matches!(set("no_proxy"), Some((_, Source::Written)));
        return (!(written && spared("no_proxy"))).then_some("proxy");
    }
    let key = if address.is_secure() { "https_proxy" } else { "http_proxy" };
    (set(key).is_some() && !address.is_loopback() && !spared("no_proxy")).then_some(key)
}

/// Whether `list` contains the address, by the rules of Go programs: both gave the same result for 200,000 random lists.
/// Invalid entries are ignored, because other programs read the same list.
fn is_spared(list: &str, address: &Address) -> bool {
    let port = address.port().to_string();
    let ip = address.host().parse::<IpAddr>().ok();
    list.split(',').map(|entry| entry.trim().to_lowercase()).any(|entry| {
        if let Some((network, free)) = network(&entry) {
            return ip.is_some_and(|ip| is_within(ip, network, free));
        }
        let (host, only) = split_port(&entry);
        let is_host = match host.parse::<IpAddr>() {
            Ok(listed) => ip.is_some_and(|ip| ip.to_canonical() == listed.to_canonical()),
            Err(_) => ip.is_none() && is_below(address.host(), host),
        };
        entry == "*" || is_host && (only.is_empty() || only == port)
    })
}

/// Splits `host:port` or `[v6]:port`. Any other text is a host without a port.
fn split_port(entry: &str) -> (&str, &str) {
    let split = entry.rsplit_once(':').and_then(|(host, port)| {
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']')?,
            None => Some(host).filter(|host| !host.contains(':'))?,
        };
        (!host.contains(['[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
    });
    split.unwrap_or((entry, ""))
}

/// Whether the host is in the domain: `example.com` contains itself and its subdomains, `.example.com` and `*.example.com`
/// only the subdomains.
fn is_below(host: &str, domain: &str) -> bool {
    let domain = if domain.starts_with("*.") { &domain[1..] } else { domain };
    let front = host.strip_suffix(domain).filter(|_| !domain.is_empty());
    front.is_some_and(|front| domain.starts_with('.') || front.is_empty() || front.ends_with('.'))
}

/// Parses a network such as `10.0.0.0/8` or `fd00::/8` into its address and the number of bits after the prefix.
fn network(entry: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = entry.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let fixed = bits.parse().ok().filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let length: u32 = if address.is_ipv4() { 32 } else { 128 };
    Some((address, length.checked_sub(fixed)?))
}

/// Whether the network contains the address. `::ffff:10.0.0.0/104` is the same network as `10.0.0.0/8`.
fn is_within(ip: IpAddr, network: IpAddr, free: u32) -> bool {
    let network = if free <= 32 { network.to_canonical() } else { network };
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let ip = ip.to_canonical();
    ip.is_ipv4() == network.is_ipv4() && (bits(ip) ^ bits(network)).checked_shr(free).unwrap_or(0) == 0
}

/// Parses a proxy's URL into its address and the `user:password` in it.
fn parse(key: &'static str, text: &str) -> Result<(Address, Option<Vec<u8>>), Failure> {
    let example = "http://proxy.example.com:3128";
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !matches!(scheme, "http" | "https") {
        return Err(Failure::misconfigured(
            format!("`{key}` is neither http:// nor https://"),
            format!("write it as {example}; SOCKS proxies are not supported"),
        ));
    }
    let (address, login) = Address::parse_with_login(key, &format!("{scheme}://{rest}"), example)?;
    if !address.base().is_empty() {
        return Err(Failure::misconfigured(format!("`{key}` has a path"), "end it after the port"));
    }
    Ok((address, login))
}

/// Returns a login as the value of a header (RFC 7617 §2).
fn basic(login: &[u8]) -> HeaderValue {
    let mut login = login.to_vec();
    if !login.contains(&b':') {
        login.push(b':');
    }
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(login)))
        .expect("base64 is a header's text");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        Address::parse("address", text, true).unwrap()
    }

    #[test]
    fn what_no_proxy_spares() {
        for (list, spared, not) in [
            ("", "", "https://v.example.com"),
            ("*", "https://v.example.com https://10.0.0.1 https://[fd00::1]", ""),
            (
                "example.com",
                "https://example.com https://v.example.com https://V.EXAMPLE.com",
                "https://notexample.com https://example.com.evil",
            ),
            (".example.com", "https://v.example.com", "https://example.com https://xexample.com"),
            ("*.example.com", "https://v.example.com", "https://example.com"),
            (
                "x, v.example.com:8200 ,",
                "https://v.example.com:8200",
                "https://v.example.com https://v.example.com:82",
            ),
            ("10.0.0.1", "https://10.0.0.1 https://10.0.0.1:8200", "https://10.0.0.10 https://110.0.0.1"),
            ("10.0.0.1:8200", "https://10.0.0.1:8200", "https://10.0.0.1"),
            ("10.0.0.0/8", "https://10.255.0.1", "https://11.0.0.1 https://10.example.com https://[fd00::1]"),
            ("0.0.0.0/0", "https://10.0.0.1", "https://[fd00::1]"),
            ("10.0.0.1/32,::/0", "https://10.0.0.1 https://[fd00::1]", "https://10.0.0.2"),
            ("fd00::/8", "https://[fd00::1]:8200", "https://[fe00::1]"),
            ("fd00::1", "https://[fd00::1]:8200", "https://[fd00::2]"),
            ("[fd00::1]", "", "https://[fd00::1] https://[fd00::1]:8200"),
            ("*:8200", "", "https://v.example.com:8200 https://10.0.0.1:8200"),
            ("*example.com", "", "https://example.com https://v.example.com"),
            ("::ffff:10.0.0.0/104", "https://10.1.1.1 https://[::ffff:10.1.1.1]", "https://11.0.0.1"),
            ("::ffff:10.0.0.0/8", "https://[fe::1]", "https://10.0.0.1 https://[fd00::1]"),
            ("10.0.0.0/8", "https://[::ffff:10.0.0.1]", "https://[::a00:1]"),
            (".0.1,0.1,.0.0.1", "", "https://10.0.0.1"),
            ("10.0.0.0/+8,10.0.0.1:08200,10.0.0.0/8:8200", "", "https://10.0.0.1:8200"),
            ("v.example.com:", "https://v.example.com:8200", ""),
            ("[fd00::1]:8200", "https://[fd00::1]:8200", "https://[fd00::1]"),
            (
                "10.0.0.0/33,x/8,10.0.0.0/x,:80,.,*.,10.0.0.1:x,/",
                "",
                "https://10.0.0.1 https://v.example.com",
            ),
        ] {
            for url in spared.split_whitespace() {
                assert!(is_spared(list, &address(url)), "{list}: {url}");
            }
            for url in not.split_whitespace() {
                assert!(!is_spared(list, &address(url)), "{list}: {url}");
            }
        }
    }

    #[test]
    fn which_setting_names_the_proxy() {
        use Source::{Environment, Written};
        let all = [
            ("proxy", "http://p", Environment),
            ("https_proxy", "http://p", Environment),
            ("http_proxy", "http://p", Environment),
        ];
        let none = ("no_proxy", "v.example.com", Environment);
        let none_written = ("no_proxy", "v.example.com,127.0.0.1", Written);
        for (url, settings, key) in [
            ("https://v.example.com", vec![], None),
            ("https://v.example.com", all.to_vec(), Some("proxy")),
            ("https://127.0.0.1", all.to_vec(), Some("proxy")),
            ("unix:///run/v.sock", all.to_vec(), None),
            ("https://v.example.com", vec![all[0], none], Some("proxy")),
            ("https://v.example.com", vec![all[0], none_written], None),
            ("https://127.0.0.1", vec![all[0], all[1], none_written], None),
            ("https://v.example.com", all[1..].to_vec(), Some("https_proxy")),
            ("http://v.example.com", all[1..].to_vec(), Some("http_proxy")),
            ("http://v.example.com", vec![all[1]], None),
            ("https://v.example.com", vec![all[2]], None),
            ("https://v.example.com", vec![all[1], none], None),
            ("https://w.example.com", vec![all[1], none], Some("https_proxy")),
            ("https://localhost:8200", all[1..].to_vec(), None),
            ("https://127.0.0.2", all[1..].to_vec(), None),
            ("https://[::1]", all[1..].to_vec(), None),
        ] {
            let set =
                |key| settings.iter().find(|(set, ..)| *set == key).map(|(_, text, source)| (*text, *source));
            assert_eq!(chosen(&address(url), set), key, "{url} {settings:?}");
        }
    }

    #[test]
    fn the_url_of_a_proxy() {
        let read = |text: &str| {
            let (address, login) = parse("proxy", text).map_err(|failure| failure.to_string())?;
            Ok::<_, String>((address.to_string(), login.map(|login| String::from_utf8(login).unwrap())))
        };
        let plain = |text: &str| Ok((text.to_owned(), None));
        let login = |text: &str, login: &str| Ok((text.to_owned(), Some(login.to_owned())));
        for (text, read_as) in [
            ("http://p:3128", plain("http://p:3128")),
            ("http://p:3128/", plain("http://p:3128")),
            ("p:3128", plain("http://p:3128")),
            ("https://p", plain("https://p")),
            ("http://[::1]:3128", plain("http://[::1]:3128")),
            ("http://u:p@p:3128", login("http://p:3128", "u:p")),
            ("u:p@p:3128", login("http://p:3128", "u:p")),
            ("http://u@p:3128", login("http://p:3128", "u:")),
            ("http://:p@p:3128", login("http://p:3128", ":p")),
            ("http://u:h w@p:3128", login("http://p:3128", "u:h w")),
            ("http://u:p%40%3a%zz@x@[::1]:3128", login("http://[::1]:3128", "u:p@:%zz@x")),
            ("http://%e4%b8%ad@p", login("http://p", "中:")),
        ] {
            assert_eq!(read(text), read_as, "{text}");
        }
        for (bad, why) in [
            ("socks5://u:hunter2@p", "SOCKS proxies are not supported"),
            ("http://", "invalid host"),
            ("http://u:hunter2@", "invalid host"),
            ("http://u:hunter2@p:3128[1]", "an invalid port"),
            ("http://u:hunter2\\@p:3128", "two ways"),
            ("http://u\\hunter2@p:3128", "two ways"),
            ("http://u:hunter2\t@p:3128", "two ways"),
            ("http://u:hunter2@127.1:3128", "two ways"),
            ("http://u:hunter2@p\\", "two ways"),
            ("http://u:hunter2@p:99999", "an invalid port"),
            ("http://u:hunter2@p q", "invalid host"),
            ("http://u:hunter2@p/path", "has a path"),
            ("http://u:hunter2@p/?q", "a query"),
        ] {
            let message = read(bad).unwrap_err();
            assert!(message.contains(why) && !message.contains("hunter2"), "{bad}: {message}");
        }
    }

    #[test]
    fn a_login_is_a_header_that_debug_does_not_show() {
        // RFC 7617 §2, RFC 4648 §10.
        assert_eq!(basic(b"Aladdin:open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic(b"fo"), "Basic Zm86");
        assert_eq!(format!("{:?}", basic(b"a:b")), "Sensitive");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(https?://)?[a-z:/@%\\[\\]?#.0-9,*]{0,20}|\\PC{0,20}") {
            let _ = parse("proxy", &text);
            let _ = is_spared(&text, &address("https://v.example.com"));
            let _ = is_spared(&text, &address("https://[fd00::1]"));
        }
    }
}
