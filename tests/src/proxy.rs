//! A proxy that passes some connections on, and not the others.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::port;

/// What becomes of the connections beyond those that are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// They are accepted, and nothing comes.
    Hang,
    /// They are closed at once.
    Close,
}

/// Starts a proxy to `target` (`127.0.0.1:PORT`) that passes `count` connections on; gives its own address.
#[must_use]
pub fn start(target: &str, count: usize, beyond: Beyond) -> String {
    start_on(port::listen(), target, count, beyond)
}

/// The same on `[::1]`, at a port that is free on 127.0.0.1.
#[must_use]
pub fn start_v6(target: &str, count: usize, beyond: Beyond) -> String {
    let listener = (0..100).find_map(|_| TcpListener::bind(("::1", port::free())).ok());
    start_on(listener.expect("a free port on ::1"), target, count, beyond)
}

fn start_on(listener: TcpListener, target: &str, count: usize, beyond: Beyond) -> String {
    let address = listener.local_addr().expect("an address").to_string();
    let target: SocketAddr = target.parse().expect("an address");
    thread::spawn(move || {
        let mut hanging = Vec::new();
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { continue };
            if number < count {
                let server = TcpStream::connect(target).expect("the server");
                let _ = (stream.set_nodelay(true), server.set_nodelay(true));
                pass(stream.try_clone().expect("a stream"), server.try_clone().expect("a stream"));
                pass(server, stream);
            } else if beyond == Beyond::Hang {
                hanging.push(stream);
            }
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
