//! A TLS stream that keeps the alert with which the server ended it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::{AlertDescription, Error as TlsError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::refusal::tls_error;
use super::stream::Io;

/// A TLS stream that keeps the alert. The HTTP/2 library turns the error into text, and text decides no failure.
pub(super) struct AlertStream {
    pub(super) stream: TlsStream<Box<dyn Io>>,
    pub(super) alert: Arc<OnceLock<AlertDescription>>,
}

impl AsyncRead for AlertStream {
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

impl AsyncWrite for AlertStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.keep_alert(cx, wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.keep_alert(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AlertStream {
    /// Reads the alert when a write fails: a server that has closed may have sent one before.
    fn keep_alert<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(wrote, Poll::Ready(Err(_))) {
            let _ = Pin::new(self).poll_read(cx, &mut ReadBuf::new(&mut [0; 1]));
        }
        wrote
    }
}
