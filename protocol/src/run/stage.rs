//! The kinds of steps of a run.

use std::fmt::{self, Display};

/// The kinds of steps of a run, in the order in which a report shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The settings, and the files that they name.
    Configuration,
    /// The lookup of a host's name.
    LookUp,
    /// A connection to the store, or to a server in front of it.
    Connection,
    /// The connection through a proxy.
    Proxy,
    /// A TLS handshake.
    Tls,
    /// Signing in.
    SignIn,
    /// Reading.
    Read,
    /// Listing ids.
    List,
    /// Writing and deleting.
    Write,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 9] = [
        Self::Configuration,
        Self::LookUp,
        Self::Connection,
        Self::Proxy,
        Self::Tls,
        Self::SignIn,
        Self::Read,
        Self::List,
        Self::Write,
    ];
}

impl Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::LookUp => "name look-up",
            Self::Connection => "connection",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::SignIn => "sign-in",
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
        })
    }
}
