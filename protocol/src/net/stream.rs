//! The streams below HTTP.

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes. All kinds are used as one type, so that the HTTP library is compiled once.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection that is ready for HTTP.
pub(super) struct Stream {
    pub(super) io: Box<dyn Io>,
    /// Whether both sides agreed on HTTP/2.
    pub(super) is_h2: bool,
}
