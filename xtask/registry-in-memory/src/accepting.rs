//! Accepting connections on a port until what listens there is dropped.

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// A port whose connections are served. Dropping it closes the port and every connection.
pub(super) struct Accepting(AbortHandle);

impl Accepting {
    /// Serves each connection, which has a number, by a task.
    pub(super) fn start<F>(
        listener: TcpListener,
        serve: impl Fn(TcpStream, u64) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(tokio::spawn(accept(listener, serve)).abort_handle())
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        // The accepting task owns the connections, so they end with it.
        self.0.abort();
    }
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream, u64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    for number in 0.. {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of file descriptors, for example: the next attempt may succeed.
                let Ok((stream, _)) = accepted else { continue };
                // Small messages must not wait for the acknowledgements of the other side.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, number));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
