//! Ports below 32768 on 127.0.0.1, which systems do not assign automatically.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A listener on a free port. Each process starts at a place of its own, so that two runs at once do not meet, and
/// every second port is left out: an OpenBao takes the one above each of its own for its cluster.
#[must_use]
pub fn listen() -> TcpListener {
    let start = u16::try_from(std::process::id() % 600).expect("small") * 34;
    for _ in 0..20_000 {
        let port = 12_000 + (start + NEXT.fetch_add(2, Ordering::Relaxed)) % 20_000;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    }
    panic!("no free port between 12000 and 32000");
}

/// A port that was free a moment ago, for a server that binds by itself.
#[must_use]
pub fn free() -> u16 {
    listen().local_addr().expect("an address").port()
}
