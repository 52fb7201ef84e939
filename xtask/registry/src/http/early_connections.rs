//! `EarlyConnections`: opens connections before their requests can be sent. The first requests to a registry
//! wait until it is known how it authenticates; meanwhile their connections are set up, which takes up to
//! three round trips.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::{Client, Method, Request, Response, Url};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service};

use crate::lock::lock;

/// A connection that is not used for this long is not used at all: servers close those without a request.
const LONGEST_UNUSED: Duration = Duration::from_secs(5);
/// No request is sent with this user in its address, so the pool of the client has no connection for it and asks
/// the connector.
const NO_REQUEST: &str = "connect-only";

tokio::task_local! {
    /// Why the client asks the connector for a connection. It is set for each request.
    static PURPOSE: Purpose;
}

#[derive(Clone)]
enum Purpose {
    /// To keep it for the next request to this origin.
    Keep(String),
    /// To send a request to this origin.
    Send(String),
}

/// Sends a request, through a connection that was opened early if there is one.
pub(crate) async fn execute(client: &Client, request: Request) -> reqwest::Result<Response> {
    let origin = request.url().origin().ascii_serialization();
    PURPOSE.scope(Purpose::Send(origin), client.execute(request)).await
}

/// Opens a connection for the next request to the origin of `url`, and does not wait for it. The client must
/// have the layer [`EarlyConnections`].
pub(crate) async fn open(client: &Client, url: &Url) {
    let (mut url, origin) = (url.clone(), url.origin().ascii_serialization());
    if url.set_username(NO_REQUEST).is_err() {
        return;
    }
    let request = client.execute(Request::new(Method::GET, url));
    let asked = PURPOSE.scope(Purpose::Keep(origin), async {
        let mut request = pin!(request);
        // This gets as far as the connector, which keeps the connection and never answers.
        std::future::poll_fn(|context| {
            let _ = request.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
    });
    asked.await;
}

/// A layer for the connector of a client.
#[derive(Clone)]
pub(crate) struct EarlyConnections;

/// A connector for destinations `T` and connections `C`.
pub(crate) struct EarlyConnector<T, C> {
    inner: BoxCloneSyncService<T, C, BoxError>,
    opened: Arc<Mutex<HashMap<String, VecDeque<Opened<C>>>>>,
}

struct Opened<C> {
    at: Instant,
    connection: JoinHandle<Result<C, BoxError>>,
}

impl<T, C> Layer<BoxCloneSyncService<T, C, BoxError>> for EarlyConnections {
    type Service = EarlyConnector<T, C>;

    fn layer(&self, inner: BoxCloneSyncService<T, C, BoxError>) -> Self::Service {
        EarlyConnector { inner, opened: Arc::default() }
    }
}

impl<T, C> Clone for EarlyConnector<T, C> {
    fn clone(&self) -> Self {
        let (inner, opened) = (self.inner.clone(), Arc::clone(&self.opened));
        Self { inner, opened }
    }
}

impl<T: Send + 'static, C: Send + 'static> EarlyConnector<T, C> {
    fn keep(&mut self, origin: String, destination: T) {
        // The request that takes the connection limits the time.
        let connection = tokio::spawn(self.inner.call(destination));
        let opened = Opened { at: Instant::now(), connection };
        lock(&self.opened).entry(origin).or_default().push_back(opened);
    }

    /// A connection that was opened early, or is being opened.
    fn take(&self, origin: &str) -> Option<JoinHandle<Result<C, BoxError>>> {
        let mut opened = lock(&self.opened);
        let of_origin = opened.get_mut(origin)?;
        of_origin.retain(|kept| kept.at.elapsed() < LONGEST_UNUSED);
        of_origin.pop_front().map(|kept| kept.connection)
    }
}

impl<T: Send + 'static, C: Send + 'static> Service<T> for EarlyConnector<T, C> {
    type Response = C;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, destination: T) -> Self::Future {
        let opened = match PURPOSE.try_with(Clone::clone) {
            Ok(Purpose::Keep(origin)) => {
                self.keep(origin, destination);
                return Box::pin(pending());
            }
            Ok(Purpose::Send(origin)) => self.take(&origin),
            Err(_) => None,
        };
        match opened {
            Some(connection) => Box::pin(async { connection.await? }),
            None => Box::pin(self.inner.call(destination)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn server() -> (TcpListener, Url) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v2/", listener.local_addr().unwrap());
        (listener, url.parse().unwrap())
    }

    fn client() -> Client {
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = Client::builder().tls_certs_only([]).http1_only().no_proxy();
        builder.connector_layer(EarlyConnections).build().unwrap()
    }

    /// Sends a request, and reads it from this connection.
    async fn request_arrives_on(stream: &mut TcpStream, client: &Client, url: &Url) -> String {
        let request = Request::new(Method::GET, url.clone());
        let answer = async {
            let mut received = vec![0; 4096];
            let length = stream.read(&mut received).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&received[..length]).into_owned()
        };
        let (response, received) = tokio::join!(execute(client, request), answer);
        assert_eq!(response.unwrap().status(), 200);
        received
    }

    #[tokio::test]
    async fn a_request_takes_a_connection_that_was_opened_early() {
        let ((listener, url), client) = (server().await, client());
        open(&client, &url).await;
        let (mut opened, _) = listener.accept().await.unwrap();
        // Opening sends nothing.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let early = opened.try_read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(early, Err(std::io::ErrorKind::WouldBlock));

        let received = request_arrives_on(&mut opened, &client, &url).await;
        assert!(received.starts_with("GET /v2/ HTTP/1.1\r\n"), "{received}");
    }

    #[tokio::test]
    async fn a_connection_serves_only_the_server_it_was_opened_to() {
        let ((listener, url), (other, other_url), client) =
            (server().await, server().await, client());
        open(&client, &url).await;
        let (_opened, _) = listener.accept().await.unwrap();
        let sent = execute(&client, Request::new(Method::GET, other_url));
        tokio::select! {
            accepted = other.accept() => drop(accepted.unwrap()),
            response = sent => panic!("{response:?}"),
        }
    }

    #[tokio::test]
    async fn a_connection_is_not_used_after_a_while() {
        let ((listener, url), client) = (server().await, client());
        open(&client, &url).await;
        let (_opened, _) = listener.accept().await.unwrap();
        tokio::time::pause();
        tokio::time::advance(LONGEST_UNUSED).await;
        tokio::time::resume();
        let sent = execute(&client, Request::new(Method::GET, url));
        tokio::select! {
            accepted = listener.accept() => drop(accepted.unwrap()),
            response = sent => panic!("{response:?}"),
        }
    }
}
