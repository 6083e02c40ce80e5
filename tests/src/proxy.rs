//! A proxy that passes some connections on, and not the others.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
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
    let listener = port::listen();
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
