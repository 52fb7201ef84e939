//! `serve`: a registry over HTTP/1.1, for any number of clients at once.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::body::RequestBody;
use crate::served::ServedRegistry;

/// Responses that are being sent at the end get this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// A pause after a connection could not be accepted, for example because there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// A port that clients can connect to.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Opens a port. An address such as `127.0.0.1:5000` is reached from this machine alone, and port 0 is a
    /// free one.
    ///
    /// # Errors
    /// When the address is not available.
    pub async fn at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a registry until `end` is ready, such as a signal. After that, no request is accepted, and what is
    /// being sent is sent to its end, unless that takes longer than ten seconds.
    pub async fn serve(self, registry: ServedRegistry, end: impl Future<Output = ()>) {
        let (ending, is_ending) = watch::channel(());
        let mut connections = JoinSet::new();
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(converse(stream, registry.clone(), is_ending.clone()));
                    }
                    Err(_) => tokio::time::sleep(PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.listener);
        drop(ending);
        let rest = async { while connections.join_next().await.is_some() {} };
        // What is left after that is dropped with its connection.
        drop(tokio::time::timeout(PATIENCE, rest).await);
    }
}

/// Serves one connection to its end.
async fn converse(stream: TcpStream, registry: ServedRegistry, mut is_ending: watch::Receiver<()>) {
    // Small responses must not wait for the client's acknowledgements.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request: Request<Incoming>| {
        let registry = registry.clone();
        async move {
            let response = registry.respond(request.map(RequestBody::new)).await;
            // Without a response, the connection closes.
            response.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // Errors are those of clients that disconnect.
    tokio::select! {
        _ = connection.as_mut() => return,
        // The sender is gone: it sends nothing before.
        _ = is_ending.changed() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

#[cfg(test)]
mod tests;
