//! The session bus: its address, and a connection to it.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;

use secretref_protocol::{Failure, Kind};
use zbus::Connection;
use zbus::connection::Builder;

use super::classify::{FILE, PATIENCE, classify};

/// The variable that has the addresses of the bus.
pub(crate) const VARIABLE: &str = "DBUS_SESSION_BUS_ADDRESS";

/// The addresses of a bus. The first that accepts a connection is used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bus(Vec<Address>);

#[derive(Debug, PartialEq, Eq)]
enum Address {
    Path(PathBuf),
    /// An abstract socket of Linux.
    Abstract(Vec<u8>),
}

impl Bus {
    /// Reads the setting `bus`: a socket, or addresses as the bus itself writes them. Without one it is where systemd
    /// puts the bus of a user, which needs no environment to be found.
    ///
    /// <https://dbus.freedesktop.org/doc/dbus-specification.html#addresses>
    pub(crate) fn new(setting: Option<&str>, is_variable: bool, uid: u32) -> Result<Self, Failure> {
        let own = || Address::Path(format!("/run/user/{uid}/bus").into());
        let Some(text) = setting else { return Ok(Self(vec![own()])) };
        if text.starts_with('/') {
            return Ok(Self(vec![Address::Path(text.into())]));
        }
        let addresses = text.split(';').filter_map(|address| {
            let keys = address.strip_prefix("unix:")?;
            keys.split(',').find_map(|pair| match pair.split_once('=')? {
                ("path", path) if path.starts_with('/') || path.starts_with('%') => {
                    Some(Address::Path(OsString::from_vec(unescaped(path, b'%')?).into()))
                }
                ("abstract", name) => unescaped(name, b'%').map(Address::Abstract),
                ("runtime", "yes") => Some(own()),
                _ => None,
            })
        });
        let addresses: Vec<_> = addresses.collect();
        if addresses.is_empty() {
            let own = format!("/run/user/{uid}/bus, or unix:path=…");
            return Err(if is_variable {
                Failure::misconfigured(
                    format!("${VARIABLE} does not contain an address of a bus on this machine"),
                    format!("unset it, or set `bus`: {own}"),
                )
            } else {
                Failure::misconfigured(
                    "`bus` is not the address of a bus on this machine",
                    format!("set it to a socket, {own}"),
                )
            });
        }
        Ok(Self(addresses))
    }

    /// Connects, and says hello.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        let stream = self.open()?;
        // Given an address, zbus would connect on another thread.
        let hello = tokio::time::timeout(PATIENCE, Builder::unix_stream(stream).build());
        let hello = hello.await.map_err(|_| {
            let what = format!("the bus at {self} does not answer");
            Failure::new(Kind::Unavailable, what, "check that it is the session bus and is not hanging")
        })?;
        hello.map_err(|error| match error {
            // The bus refuses with a message, or closes the connection.
            zbus::Error::Handshake(_) | zbus::Error::InputOutput(_) => Failure::new(
                Kind::Unauthenticated,
                format!("the bus at {self} does not accept this user"),
                "run the resolver as the user of the keychain, or set `bus` to that user's bus",
            ),
            error => classify(&error),
        })
    }

    fn open(&self) -> Result<UnixStream, Failure> {
        let mut failure = Failure::internal("a bus without an address");
        for address in &self.0 {
            let socket = match address {
                Address::Path(path) => SocketAddr::from_pathname(path),
                Address::Abstract(name) => SocketAddr::from_abstract_name(name),
            };
            match socket.and_then(|socket| UnixStream::connect_addr(&socket)) {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = self.unreached(&error),
            }
        }
        Err(failure)
    }

    fn unreached(&self, error: &io::Error) -> Failure {
        if let Some(failure) = Failure::too_many_files(error) {
            return failure;
        }
        match error.kind() {
            ErrorKind::PermissionDenied => Failure::new(
                Kind::Unauthenticated,
                format!("this user may not connect to the bus at {self}"),
                "run the resolver as the user of the keychain, or set `bus` to that user's bus",
            ),
            _ => Failure::new(
                Kind::Unavailable,
                format!("there is no session bus at {self}"),
                format!(
                    "log in, run `loginctl enable-linger USER` for the user of a service, or set `bus` to another one; {FILE}"
                ),
            ),
        }
    }
}

/// Writes the addresses as paths.
impl std::fmt::Display for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, address) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { " or " } else { "" })?;
            match address {
                Address::Path(path) => write!(f, "{}", path.display())?,
                Address::Abstract(name) => write!(f, "@{}", String::from_utf8_lossy(name))?,
            }
        }
        Ok(())
    }
}

/// Decodes escapes such as `%2F`, with `sign` for the `%`. Returns `None` if an escape is not valid.
pub(super) fn unescaped(text: &str, sign: u8) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            byte if byte == sign => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            plain => plain,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_bus_is() {
        for (setting, want) in [
            (None, Some("/run/user/7/bus")),
            (Some("/tmp/b"), Some("/tmp/b")),
            (Some("unix:path=/run/user/7/bus,guid=0f"), Some("/run/user/7/bus")),
            (Some("unix:guid=0f,path=/a%20b%2fc"), Some("/a b/c")),
            (Some("unix:abstract=/tmp/dbus-x,guid=0f"), Some("@/tmp/dbus-x")),
            (Some("unix:runtime=yes"), Some("/run/user/7/bus")),
            (Some("tcp:host=h,port=1;unix:path=/a;unix:path=/b"), Some("/a or /b")),
            (Some("tcp:host=h,port=1"), None),
            (Some("unixexec:path=/bin/sh"), None),
            (Some("unix:path=/a%2"), None),
            (Some("run/user"), None),
            (Some("disabled:"), None),
        ] {
            assert_eq!(
                Bus::new(setting, false, 7).ok().map(|bus| bus.to_string()).as_deref(),
                want,
                "{setting:?}"
            );
        }
    }

    #[test]
    fn what_set_a_wrong_address_is_named() {
        let what = |is_variable| Bus::new(Some("disabled:"), is_variable, 7).unwrap_err().to_string();
        assert!(
            what(true).contains("$DBUS_SESSION_BUS_ADDRESS does not contain an address"),
            "{}",
            what(true)
        );
        assert!(what(false).contains("`bus` is not"), "{}", what(false));
    }
}
