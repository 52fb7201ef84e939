//! A connection that a fault can cut at an exact byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The stream that hyper reads from and writes to.
pub(super) struct Connection {
    stream: TokioIo<TcpStream>,
    cutter: Arc<Cutter>,
}

/// Lets a request end its connection.
#[derive(Default)]
pub(super) struct Cutter {
    after_flush: AtomicBool,
    reset: AtomicBool,
}

impl Cutter {
    /// Closes the connection once everything written so far has been sent.
    pub(super) fn close_after_flush(&self) {
        self.after_flush.store(true, Ordering::SeqCst);
    }

    /// The error that ends the connection with a TCP reset, as if the process had been killed.
    pub(super) fn reset(&self) -> io::Error {
        self.reset.store(true, Ordering::SeqCst);
        io::ErrorKind::ConnectionReset.into()
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> (Self, Arc<Cutter>) {
        let cutter = Arc::new(Cutter::default());
        (Self { stream: TokioIo::new(stream), cutter: cutter.clone() }, cutter)
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.cutter.reset.load(Ordering::SeqCst) {
            // Without it the connection closes too, in the ordinary way.
            let _ = self.stream.inner().set_zero_linger();
        }
    }
}

impl Read for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl Write for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    /// hyper flushes when its buffer is empty: the point at which an exact cut is possible.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cutter.after_flush.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}
