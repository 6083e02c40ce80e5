//! The real server: OpenBao in development mode, on this machine alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::certificate::Certificates;
use crate::{port, resolver};

/// The root token of every server of the kit.
pub const ROOT: &str = "root-token-of-the-kit";

/// The version that `tests/install.py` fetches.
const VERSION: &str = "2.7.2";

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct OpenBao {
    process: Child,
    folder: tempfile::TempDir,
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    /// `https://127.0.0.1:PORT`, signed by [`OpenBao::ca`].
    pub https: String,
    /// The same, only for clients with a certificate of that authority.
    pub mutual: String,
    /// A socket on which it speaks HTTP.
    pub socket: PathBuf,
    /// The certificate of the authority.
    pub ca: PathBuf,
    /// The certificates that the authority has signed.
    pub certificates: Certificates,
    agent: ureq::Agent,
}

/// Where `tests/install.py openbao` puts the binary.
#[must_use]
pub fn binary() -> PathBuf {
    let path = resolver::repository().join(format!("target/servers/openbao-{VERSION}/bao"));
    assert!(path.exists(), "missing: {} (tests/install.py openbao installs it)", path.display());
    path
}

impl OpenBao {
    /// Starts a server and waits until it answers.
    #[must_use]
    pub fn start() -> Self {
        let server = Self::launch(true);
        server.wait();
        server
    }

    /// Starts a server that is not initialised.
    #[must_use]
    pub fn uninitialised() -> Self {
        let server = Self::launch(false);
        for _ in 0..300 {
            let health = server.agent.get(format!("{}/v1/sys/health", server.http)).call();
            if health.is_ok_and(|reply| reply.status() == 501) {
                return server;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("OpenBao did not start within 15 s: {}", server.log());
    }

    fn launch(dev: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let certificates = Certificates::make(folder.path());
        let (plain, secure, mutual) = (port::free(), port::free(), port::free());
        let socket = folder.path().join("bao.sock");
        let audit = folder.path().join("audit.log");
        let config = folder.path().join("extra.hcl");
        let tcp = |port: u16, more: &str| {
            let (certificate, key) = (certificates.certificate.display(), certificates.key.display());
            format!(
                "listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_cert_file = \"{certificate}\"\n  tls_key_file = \"{key}\"\n{more}}}\n"
            )
        };
        let mutual_lines = format!(
            "  tls_require_and_verify_client_cert = true\n  tls_client_ca_file = \"{}\"\n",
            certificates.ca.display()
        );
        let mut text = format!(
            "{}{}listener \"unix\" {{\n  address = \"{}\"\n}}\naudit \"file\" \"kit\" {{\n  options {{\n    file_path = \"{}\"\n  }}\n}}\n",
            tcp(secure, ""),
            tcp(mutual, &mutual_lines),
            socket.display(),
            audit.display()
        );
        let mut command = Command::new(binary());
        if dev {
            command.args(["server", "-dev", &format!("-dev-root-token-id={ROOT}"), "-dev-no-store-token"]);
            command.arg(format!("-dev-listen-address=127.0.0.1:{plain}"));
        } else {
            command.arg("server");
            let _ = write!(
                text,
                "listener \"tcp\" {{\n  address = \"127.0.0.1:{plain}\"\n  tls_disable = true\n}}\nstorage \"inmem\" {{}}\n"
            );
        }
        std::fs::write(&config, text).expect("a file");
        let log = std::fs::File::create(folder.path().join("server.log")).expect("a file");
        let process = command
            .arg(format!("-config={}", config.display()))
            .env_clear()
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("OpenBao starts");
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let https = |port: u16| format!("https://127.0.0.1:{port}");
        Self {
            process,
            folder,
            http: format!("http://127.0.0.1:{plain}"),
            https: https(secure),
            mutual: https(mutual),
            socket,
            ca: certificates.ca.clone(),
            certificates,
            agent,
        }
    }

    /// Mounts a sign-in method under its own name.
    pub fn enable(&self, method: &str) {
        self.api(&format!("sys/auth/{method}"), Some(&json!({"type": method})));
    }

    /// A response wrapped in a token that can be unwrapped once (`X-Vault-Wrap-TTL`), for a `POST` with nothing.
    #[must_use]
    pub fn wrapped(&self, path: &str) -> String {
        let url = format!("{}/v1/{path}", self.http);
        let request = self.agent.post(url).header("x-vault-token", ROOT).header("x-vault-wrap-ttl", "60s");
        let reply: Value = request.send_empty().expect("an answer").body_mut().read_json().expect("JSON");
        reply["wrap_info"]["token"].as_str().expect("a token").to_owned()
    }

    fn wait(&self) {
        for _ in 0..300 {
            if let Ok(mut reply) = self.agent.get(format!("{}/v1/sys/health", self.http)).call()
                && reply.body_mut().read_json::<Value>().is_ok_and(|health| health["sealed"] == false)
                && self
                    .agent
                    .get(format!("{}/v1/secret/config", self.http))
                    .header("x-vault-token", ROOT)
                    .call()
                    .is_ok_and(|reply| reply.status() == 200)
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("OpenBao did not start within 15 s: {}", self.log());
    }

    /// The log of the server.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// The number of requests for `path` in the audit log.
    #[must_use]
    pub fn audited(&self, path: &str) -> usize {
        self.audit().iter().filter(|entry| entry["request"]["path"] == path).count()
    }

    /// The requests in the audit log, in their order.
    #[must_use]
    pub fn audit(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.folder.path().join("audit.log")).unwrap_or_default();
        let entries = log.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null));
        entries.filter(|entry| entry["type"] == "request").collect()
    }

    /// A folder for files of this server.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A request of the administrator to `/v1/PATH`; `POST` with a body, else `GET`. Panics unless it succeeds.
    pub fn api(&self, path: &str, body: Option<&Value>) -> Value {
        self.api_in("", path, body)
    }

    /// The status of an administrator's `GET`.
    #[must_use]
    pub fn get_status(&self, path: &str) -> u16 {
        let url = format!("{}/v1/{}", self.http, encode(path));
        self.agent.get(url).header("x-vault-token", ROOT).call().expect("an answer").status().as_u16()
    }

    /// The same in a namespace.
    pub fn api_in(&self, namespace: &str, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}/v1/{}", self.http, encode(path));
        let reply = match body {
            Some(body) => {
                let request =
                    self.agent.post(url).header("x-vault-token", ROOT).header("x-vault-namespace", namespace);
                request.send_json(body)
            }
            None => self
                .agent
                .get(url)
                .header("x-vault-token", ROOT)
                .header("x-vault-namespace", namespace)
                .call(),
        };
        let mut reply = reply.expect("an answer");
        let status = reply.status();
        let text = reply.body_mut().read_to_string().unwrap_or_default();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Mounts KV version 1.
    pub fn mount_v1(&self, mount: &str) {
        self.api(&format!("sys/mounts/{mount}"), Some(&json!({"type": "kv", "options": {"version": "1"}})));
    }

    /// Mounts KV version 2.
    pub fn mount(&self, mount: &str) {
        self.api(&format!("sys/mounts/{mount}"), Some(&json!({"type": "kv", "options": {"version": "2"}})));
        // The mount answers 400 for a moment while it is being upgraded.
        for _ in 0..100 {
            let url = format!("{}/v1/{mount}/config", self.http);
            if self
                .agent
                .get(url)
                .header("x-vault-token", ROOT)
                .call()
                .is_ok_and(|reply| reply.status() == 200)
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the mount {mount} is not ready");
    }

    /// Writes the policy `name`, and the token `id` that has it.
    pub fn token(&self, id: &str, name: &str, policy: &str, with_default: bool) {
        self.api(&format!("sys/policies/acl/{name}"), Some(&json!({"policy": policy})));
        self.api(
            "auth/token/create",
            Some(&json!({"id": id, "policies": [name], "no_default_policy": !with_default, "ttl": "1h"})),
        );
    }
}

/// Percent-encodes all but the unreserved characters and the slashes.
fn encode(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
