//! A stream of TLS that keeps what the other side said at its end.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::{AlertDescription, Error as TlsError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::refusal::tls_error;
use super::stream::Io;

/// A stream that keeps the alert which ended it: HTTP/2 makes a text of the error, and a failure is not read from texts.
pub(super) struct Heard {
    pub(super) stream: TlsStream<Box<dyn Io>>,
    pub(super) alert: Arc<OnceLock<AlertDescription>>,
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &read
            && let Some(TlsError::AlertReceived(alert)) = tls_error(error)
        {
            let _ = self.alert.set(*alert);
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.hear(cx, wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.hear(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Heard {
    /// Where a server has closed, writing may fail before its last words are read.
    fn hear<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(wrote, Poll::Ready(Err(_))) {
            let _ = Pin::new(self).poll_read(cx, &mut ReadBuf::new(&mut [0; 1]));
        }
        wrote
    }
}
