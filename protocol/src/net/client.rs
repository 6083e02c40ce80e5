//! The client of a run: its origins, each with its own connections.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::uri::PathAndQuery;

use super::proxy::Proxies;
use super::settings::{ALLOW_HTTP, TLS_SERVER_NAME};
use super::{Address, ClientIdentity, Request, Response, Route, Transport, TrustAnchors, Versions, address};
use crate::failure::Failure;
use crate::run::Run;
use crate::settings::Settings;

/// The time limit of the metadata service. It is near if it exists; on other machines nothing answers at its address.
const METADATA_LIMIT: Duration = Duration::from_secs(1);

/// All origins of a run. The settings are read once, and the trust anchors once, for the first origin that needs TLS.
///
/// An SDK can use it as its HTTP client, see [`Client::send`]: the futures are `Send`, and it is `Debug`.
pub struct Client {
    trust: Arc<TrustAnchors>,
    identity: Option<Arc<ClientIdentity>>,
    server_name: Option<String>,
    proxies: Proxies,
    http: Versions,
    allow_http: bool,
    run: Run,
    origins: Mutex<Vec<Arc<Transport>>>,
}

/// The role of an origin. It decides which settings apply, and the words of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The store: all settings of this module apply.
    Store,
    /// A separate service that issues credentials: without the client certificate and `tls_server_name`, which are for
    /// the store.
    SignIn,
    /// The metadata service of an instance: without a proxy, with http on the machine's own network, within one second.
    Metadata,
}

/// The target of a request from an SDK.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The role of the origin.
    pub role: Role,
    /// The setting that the SDK derives the host from, such as `region`. Failures name it.
    pub key: &'static str,
}

impl Client {
    /// Creates a client without connections. Reads no file.
    ///
    /// # Errors
    /// `MISCONFIGURED` if settings do not fit together.
    pub fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self {
            trust: Arc::new(TrustAnchors::from_settings(settings)?),
            identity: ClientIdentity::from_settings(settings)?.map(Arc::new),
            server_name: settings.text(&TLS_SERVER_NAME).map(str::to_owned),
            proxies: Proxies::from_settings(settings)?,
            http: Versions::from_settings(settings),
            allow_http: settings.is_on(&ALLOW_HTTP),
            run: settings.run().clone(),
            origins: Mutex::default(),
        })
    }

    /// Returns a text that tells apart whom a client believes: the trusted certificates and the proxies. For the key of a cached
    /// session.
    #[must_use]
    pub fn trust_mark(&self) -> String {
        format!("{}\n{}", self.trust.mark(), self.proxies.mark())
    }

    /// Returns the origin at an address, always the same one for the same role and address.
    ///
    /// # Errors
    /// `MISCONFIGURED` if the proxy is invalid, or if a file with certificates or keys cannot be used; these files are read
    /// for origins that need TLS.
    pub fn origin(&self, role: Role, address: Address) -> Result<Arc<Transport>, Failure> {
        let mut origins = self.origins();
        let is_it = |known: &&Arc<Transport>| {
            known.route().role == role && known.route().address.is_same_origin(&address)
        };
        if let Some(known) = origins.iter().find(is_it) {
            return Ok(Arc::clone(known));
        }
        let transport = Arc::new(Transport::new(self.route(role, address)?)?);
        origins.push(Arc::clone(&transport));
        Ok(transport)
    }

    /// Sends a request of an SDK. The path of `request` is the whole URL. Redirects are returned, not followed.
    ///
    /// # Errors
    /// As [`Transport::send`] and [`Client::origin`]. The SDK wraps the [`Failure`] in its own error, and
    /// [`Failure::within`] finds it there.
    pub async fn send(&self, target: Target, request: Request) -> Result<Response, Failure> {
        let (address, path) = self.split(target, &request.path)?;
        let origin = self.origin(target.role, address)?;
        origin.send(Request { path, ..request.without_redirects() }).await
    }

    /// Returns the origin of an SDK's URL, to announce requests to it and to name it in a message.
    ///
    /// # Errors
    /// As [`Client::origin`], and if it is not a URL.
    pub fn at(&self, target: Target, url: &str) -> Result<Arc<Transport>, Failure> {
        let (address, _) = self.split(target, url)?;
        self.origin(target.role, address)
    }

    /// Splits the URL of an SDK into its origin, and its path and query. These stay as they are, byte by byte: an SDK may
    /// have signed them.
    fn split(&self, target: Target, url: &str) -> Result<(Address, String), Failure> {
        let (origin, rest) =
            address::split(url).ok_or_else(|| Failure::internal("an SDK's URL has no host"))?;
        let parsed = match target.role {
            Role::Metadata => Address::parse_metadata(target.key, origin, self.allow_http),
            Role::Store | Role::SignIn => Address::parse(target.key, origin, self.allow_http),
        };
        let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        match path.parse::<PathAndQuery>() {
            Ok(read) if read.as_str() == path => Ok((address::derived(target.key, parsed)?, path)),
            _ => Err(Failure::internal("an SDK's URL has an invalid path")),
        }
    }

    fn route(&self, role: Role, address: Address) -> Result<Route, Failure> {
        let is_store = role == Role::Store;
        let is_metadata = role == Role::Metadata;
        Ok(Route {
            role,
            trust: Arc::clone(&self.trust),
            server_name: self.server_name.clone().filter(|_| is_store),
            identity: self.identity.clone().filter(|_| is_store),
            proxy: if is_metadata { None } else { self.proxies.before(&address)? },
            http: self.http,
            time_limit: is_metadata.then_some(METADATA_LIMIT),
            run: self.run.at(&address),
            address,
        })
    }

    fn origins(&self) -> MutexGuard<'_, Vec<Arc<Transport>>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the origins, and nothing that was sent or received.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.origins().iter()).finish()
    }
}

impl Role {
    /// Returns what failures call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::SignIn => "sign-in service",
            Self::Metadata => "metadata service",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::environment::Environment;
    use crate::profile::Profile;
    use crate::store::{NameKeys, Store};

    fn client(flags: &[(&'static str, &str)]) -> Client {
        const TLS: &[crate::Setting] = &crate::net::tls_settings(crate::net::NO_VARIABLES);
        let store = &Store {
            binary: "secretref-x",
            version: "0",
            about: "",
            settings: &[TLS, crate::net::SETTINGS],
            name_keys: NameKeys::Only(&[]),
            form: "name",
            examples: "",
            profile: "",
        };
        let flags = flags.iter().map(|(key, text)| (*key, vec![(*text).to_owned()])).collect();
        let environment = Environment::new(0, |_| None);
        let run = Run::new(Instant::now());
        let settings = Settings::load(store, &flags, Some(Profile::none(store)), &environment, &run);
        Client::from_settings(&settings.unwrap()).unwrap()
    }

    const STS: Target = Target { role: Role::SignIn, key: "region" };
    const METADATA: Target = Target { role: Role::Metadata, key: "metadata" };

    fn failed(client: &Client, target: Target, url: &str) -> String {
        let sent = client.send(target, Request::get(url));
        crate::runtime::run(sent).unwrap().err().map(|failure| failure.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_origin_is_made_once_and_its_route_is_by_its_role() {
        let client = client(&[("proxy", "http://localhost:3128"), ("tls_server_name", "store.test")]);
        let origin =
            |role, url: &str| client.origin(role, Address::parse("address", url, true).unwrap()).unwrap();
        let store = origin(Role::Store, "http://store.test/base");
        assert!(Arc::ptr_eq(&store, &origin(Role::Store, "http://store.test:80")));
        assert!(store.route().proxy.is_some() && store.route().server_name.is_some());
        let sign_in = origin(Role::SignIn, "http://sts.test");
        assert!(sign_in.route().proxy.is_some() && sign_in.route().server_name.is_none());
        assert!(origin(Role::Metadata, "http://169.254.169.254").route().proxy.is_none());
        assert_eq!(
            format!("{client:?}"),
            "[Transport(http://store.test (through the proxy http://localhost:3128)), \
             Transport(http://sts.test (through the proxy http://localhost:3128)), Transport(http://169.254.169.254)]"
        );
    }

    #[test]
    fn whom_a_client_believes_is_told_apart() {
        let of = |flags: &[(&'static str, &str)]| client(flags).trust_mark();
        let marks = [
            of(&[]),
            of(&[("tls_skip_verify", "true")]),
            of(&[("ca_cert", "/a.pem")]),
            of(&[("ca_cert", "/b.pem")]),
            of(&[("ca_path", "/a.pem")]),
            of(&[("ca_cert_bytes", "one")]),
            of(&[("ca_cert_bytes", "two")]),
            of(&[("proxy", "http://localhost:3128")]),
            of(&[("proxy", "http://localhost:3129")]),
        ];
        for (at, mark) in marks.iter().enumerate() {
            assert!(!marks[..at].contains(mark), "{mark}");
        }
        assert_eq!(of(&[("proxy", "http://jo:hunter2@localhost:3128")]), marks[7], "a password is not in it");
    }

    #[test]
    fn certificates_are_read_once_and_only_for_tls() {
        let folder = std::env::temp_dir().join(format!("secretref-client-{}", std::process::id()));
        let path = folder.to_str().unwrap().to_owned();
        let client = client(&[("ca_cert", &path)]);
        let origin = |url: &str| client.origin(Role::Store, Address::parse("address", url, true).unwrap());
        assert!(origin("http://a.test").is_ok() && origin("https://a.test").is_err());
        std::fs::copy("/etc/ssl/certs/ca-certificates.crt", &folder).unwrap();
        let (one, _) = (origin("https://a.test").unwrap(), std::fs::remove_file(&folder));
        assert!(Arc::ptr_eq(&one.route().trust, &origin("https://b.test").unwrap().route().trust));
    }

    #[test]
    fn credential_files_that_other_users_can_read_are_warned_about() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = |name: &str, mode| {
            let path = std::env::temp_dir().join(format!("secretref-{name}-{}", std::process::id()));
            std::fs::write(&path, "user:password").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path.display().to_string()
        };
        for (mode, warnings) in [(0o600, 0), (0o644, 2)] {
            let (login, key) = (file("login", mode), file("key", mode));
            let client = client(&[
                ("proxy", "http://localhost:3128"),
                ("proxy_auth_file", &login),
                ("client_cert", "/etc/ssl/certs/ca-certificates.crt"),
                ("client_key", &key),
            ]);
            let address = Address::parse("address", "https://a.test", false).unwrap();
            assert!(client.origin(Role::Store, address).is_err(), "the key is not one");
            std::fs::remove_file(&login).and(std::fs::remove_file(&key)).unwrap();
            let shown: String =
                client.run.warnings().into_iter().map(|(_, warning)| warning + "\n").collect();
            assert_eq!(
                shown.matches("lets others read it (0644): run `chmod go-rwx").count(),
                warnings,
                "{shown}"
            );
        }
    }

    #[test]
    fn a_host_that_is_derived_blames_the_setting_it_comes_from() {
        let client = client(&[("allow_http", "true")]);
        let said = failed(&client, STS, "http://127.0.0.1:1/x?y=1");
        assert!(said.contains("to the sign-in service http://127.0.0.1:1"), "{said}");
        assert!(said.contains("check `region`, which this host is derived from"), "{said}");
    }

    #[test]
    fn a_url_of_an_sdk_is_checked_as_an_address_is() {
        let client = client(&[]);
        for (url, why) in [
            ("https://sts.test:443[1]/x", "has an invalid port"),
            ("https://sts.test\\@evil.test/x", "can be read in two ways"),
            ("https://jo:hunter2@sts.test/x", "has a user name or password in it"),
            ("http://sts.test/x", "sends credentials in clear text to another machine"),
        ] {
            let said = failed(&client, STS, url);
            assert!(said.contains(&format!("the URL derived from `region` {why}")), "{url}: {said}");
            assert!(said.ends_with("check `region`, which this host is derived from"), "{url}: {said}");
            assert!(!said.contains("hunter2"), "{url}: {said}");
        }
        for (url, path) in [
            ("https://sts.test", "/"),
            ("https://sts.test?a=%2f", "/?a=%2f"),
            ("https://sts.test/a//b?", "/a//b?"),
        ] {
            assert_eq!(client.split(STS, url).unwrap().1, path);
        }
        assert!(client.split(STS, "https://sts.test/a#b").is_err());
    }

    #[test]
    fn metadata_is_asked_for_in_clear_text_on_the_machines_own_network_alone() {
        let client = client(&[]);
        for near in ["http://127.0.0.1:1/x", "http://[::1]:1/"] {
            let said = failed(&client, METADATA, near);
            assert!(said.contains("no connection to the metadata service"), "{said}");
        }
        assert!(failed(&client, METADATA, "http://10.0.0.1/x").contains("clear text"));
        assert!(failed(&client, STS, "http://169.254.169.254/x").contains("clear text"));
    }

    #[test]
    fn an_sdk_can_hold_it() {
        fn is_shared<T: Send + Sync + fmt::Debug + 'static>(_: &T) {}
        fn is_sent<T: Send>(_: &T) {}
        let client = client(&[]);
        is_shared(&client);
        is_sent(&client.send(STS, Request::get("https://sts.test/")));
    }
}
