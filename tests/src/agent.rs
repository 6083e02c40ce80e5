//! OpenBao's own proxy in front of a server, as it runs with a program as its agent.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::openbao::{self, OpenBao};
use crate::port;

/// A running agent; it ends with this value.
#[derive(Debug)]
pub struct Agent {
    process: Child,
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    /// A socket where it listens too.
    pub socket: PathBuf,
}

impl Agent {
    /// Starts an agent that passes requests on with their own token. Its files are in `folder`.
    #[must_use]
    pub fn passing(server: &OpenBao, folder: &Path) -> Self {
        let agent = Self::start(server, folder, "api_proxy {}\n");
        wait(folder, || UnixStream::connect(&agent.socket).is_ok());
        agent
    }

    /// Starts an agent that signs in with the files `role-id` and `secret-id` of `folder`, and adds its token to every request.
    #[must_use]
    pub fn signing_in(server: &OpenBao, folder: &Path) -> Self {
        let (here, sink) = (folder.display(), folder.join("sink"));
        let lines = format!(
            "auto_auth {{\n  method \"approle\" {{\n    config = {{\n      role_id_file_path = \"{here}/role-id\"\n      \
             secret_id_file_path = \"{here}/secret-id\"\n      remove_secret_id_file_after_reading = false\n    }}\n  }}\n  \
             sink \"file\" {{\n    config = {{ path = \"{}\" }}\n  }}\n}}\n\
             api_proxy {{ use_auto_auth_token = true }}\n",
            sink.display()
        );
        let agent = Self::start(server, folder, &lines);
        wait(folder, || sink.exists());
        agent
    }

    fn start(server: &OpenBao, folder: &Path, lines: &str) -> Self {
        let port = port::free();
        let socket = folder.join("agent.sock");
        let text = format!(
            "vault {{ address = \"{}\" }}\n{lines}\
             listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\n\
             listener \"unix\" {{\n  address = \"{}\"\n  tls_disable = true\n  require_request_header = true\n}}\n",
            server.http,
            socket.display()
        );
        let config = folder.join("agent.hcl");
        std::fs::write(&config, text).expect("a file");
        let log = std::fs::File::create(folder.join("agent.log")).expect("a file");
        let process = Command::new(openbao::binary())
            .args(["proxy".to_owned(), format!("-config={}", config.display())])
            .env_clear()
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        Self { process, http: format!("http://127.0.0.1:{port}"), socket }
    }
}

fn wait(folder: &Path, is_ready: impl Fn() -> bool) {
    for _ in 0..300 {
        if is_ready() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = std::fs::read_to_string(folder.join("agent.log"));
    panic!("the agent is not ready after 15 s: {}", log.unwrap_or_default());
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
