//! A server that gives every connection the same bytes, right or wrong, and counts the connections.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::port;

/// A running server of canned bytes. Its thread ends with the process.
#[derive(Debug, Clone)]
pub struct Canned {
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    connections: Arc<AtomicUsize>,
}

impl Canned {
    /// Answers the first request of each connection with `reply`, and closes; with nothing at all it stays silent.
    #[must_use]
    pub fn start(reply: impl Into<Vec<u8>>) -> Self {
        let listener = port::listen();
        let http = format!("http://{}", listener.local_addr().expect("an address"));
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, reply) = (Arc::clone(&connections), reply.into());
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                count.fetch_add(1, Ordering::Relaxed);
                if reply.is_empty() {
                    silent.push(stream);
                    continue;
                }
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(&reply);
            }
        });
        Self { http, connections }
    }

    /// A whole answer with this status line, these header lines and this body.
    #[must_use]
    pub fn http(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::start(format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}
