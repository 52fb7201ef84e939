//! `EarlyConnections`: opens connections before their requests can be sent, because that takes up to three round
//! trips. The first requests to a registry wait until it is known how it authenticates, and those for blobs follow
//! those for manifests. And opens no more connections than there are requests in flight: the pool of the client asks
//! for one whenever none is free at this moment, although the last response may just have been read.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use reqwest::{Client, Method, Request, Response, Url};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt as _};

use crate::lock::lock;

/// A connection that is not used for this long is not used at all: servers close those without a request.
const LONGEST_UNUSED: Duration = Duration::from_secs(5);
/// How long a request waits for a connection to be free if there are as many as requests in flight.
const SOON_FREE: Duration = Duration::from_millis(20);
/// No request is sent with this user in its address, so the pool of the client has no connection for it and asks
/// the connector.
const NO_REQUEST: &str = "connect-only";

tokio::task_local! {
    /// Why the client asks the connector for a connection. It is set for each request.
    static PURPOSE: Purpose;
}

#[derive(Clone)]
enum Purpose {
    /// To keep it for the next request to this origin, unless there have been this many connections already.
    Keep(String, usize),
    /// To send a request to this origin, one of so many that are in flight.
    Send(String, usize),
}

/// Sends a request, one of so many that are in flight to its origin, through a connection that was opened early if
/// there is one.
pub(crate) async fn execute(
    client: &Client,
    request: Request,
    in_flight: usize,
) -> reqwest::Result<Response> {
    let origin = request.url().origin().ascii_serialization();
    PURPOSE.scope(Purpose::Send(origin, in_flight), client.execute(request)).await
}

/// Opens a connection for the next request to the origin of `url`, unless the client has opened `enough` of them so
/// far. Does not wait for it. The client must have the layer [`EarlyConnections`].
pub(crate) async fn open(client: &Client, url: &Url, enough: usize) {
    let (mut url, origin) = (url.clone(), url.origin().ascii_serialization());
    if url.set_username(NO_REQUEST).is_err() {
        return;
    }
    let request = client.execute(Request::new(Method::GET, url));
    let asked = PURPOSE.scope(Purpose::Keep(origin, enough), async {
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
    origins: Arc<Mutex<HashMap<String, OfOrigin<C>>>>,
}

/// The connections to one origin.
struct OfOrigin<C> {
    /// How many were opened so far, early or not.
    count: usize,
    unused: VecDeque<Opened<C>>,
}

struct Opened<C> {
    at: Instant,
    connection: JoinHandle<Result<C, BoxError>>,
}

impl<T, C> Layer<BoxCloneSyncService<T, C, BoxError>> for EarlyConnections {
    type Service = EarlyConnector<T, C>;

    fn layer(&self, inner: BoxCloneSyncService<T, C, BoxError>) -> Self::Service {
        EarlyConnector { inner, origins: Arc::default() }
    }
}

impl<T, C> Clone for EarlyConnector<T, C> {
    fn clone(&self) -> Self {
        let (inner, origins) = (self.inner.clone(), Arc::clone(&self.origins));
        Self { inner, origins }
    }
}

impl<C> Default for OfOrigin<C> {
    fn default() -> Self {
        Self { count: 0, unused: VecDeque::new() }
    }
}

impl<T: Send + 'static, C: Send + 'static> EarlyConnector<T, C> {
    fn keep(&mut self, origin: String, destination: T, enough: usize) {
        let mut origins = lock(&self.origins);
        let of_origin = origins.entry(origin).or_default();
        if of_origin.count >= enough {
            return;
        }
        of_origin.count += 1;
        // The request that takes the connection limits the time.
        let connection = tokio::spawn(self.inner.call(destination));
        of_origin.unused.push_back(Opened { at: Instant::now(), connection });
    }

    /// Where the connection for a request comes from.
    fn take(&self, origin: &str, in_flight: usize) -> Taken<C> {
        let mut origins = lock(&self.origins);
        let of_origin = origins.entry(origin.to_owned()).or_default();
        of_origin.unused.retain(|kept| kept.at.elapsed() < LONGEST_UNUSED);
        while let Some(Opened { connection, .. }) = of_origin.unused.pop_front() {
            if !connection.is_finished() {
                return Taken::Opening(connection);
            }
            if let Some(Ok(Ok(connection))) = connection.now_or_never() {
                return Taken::Open(connection);
            }
            // Whatever it failed on may be over.
            of_origin.count -= 1;
        }
        if of_origin.count >= in_flight {
            return Taken::SoonFree;
        }
        of_origin.count += 1;
        Taken::New
    }
}

/// Where the connection for a request comes from.
enum Taken<C> {
    /// It was opened early.
    Open(C),
    /// It is being opened.
    Opening(JoinHandle<Result<C, BoxError>>),
    New,
    /// One of the others is probably free soon.
    SoonFree,
}

/// Opens a connection if the request that needs it still waits after a moment.
async fn open_if_needed<T, C>(
    connector: EarlyConnector<T, C>,
    origin: String,
    destination: T,
) -> Result<C, BoxError> {
    tokio::time::sleep(SOON_FREE).await;
    // When a request has got another connection, its client goes on in the background, without the purpose.
    if PURPOSE.try_with(|_| ()).is_err() {
        return Err("another connection was free first".into());
    }
    lock(&connector.origins).entry(origin).or_default().count += 1;
    connector.inner.oneshot(destination).await
}

impl<T: Send + 'static, C: Send + 'static> Service<T> for EarlyConnector<T, C> {
    type Response = C;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, destination: T) -> Self::Future {
        match PURPOSE.try_with(Clone::clone) {
            Ok(Purpose::Keep(origin, enough)) => {
                self.keep(origin, destination, enough);
                Box::pin(pending())
            }
            Ok(Purpose::Send(origin, in_flight)) => match self.take(&origin, in_flight) {
                Taken::Open(connection) => Box::pin(ready(Ok(connection))),
                Taken::Opening(connection) => Box::pin(async { connection.await? }),
                Taken::New => Box::pin(self.inner.call(destination)),
                Taken::SoonFree => Box::pin(open_if_needed(self.clone(), origin, destination)),
            },
            Err(_) => Box::pin(self.inner.call(destination)),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
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
        let (response, received) = tokio::join!(execute(client, request, 1), answer);
        assert_eq!(response.unwrap().status(), 200);
        received
    }

    #[tokio::test]
    async fn a_request_takes_a_connection_that_was_opened_early() {
        let ((listener, url), client) = (server().await, client());
        open(&client, &url, 1).await;
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
        open(&client, &url, 1).await;
        let (_opened, _) = listener.accept().await.unwrap();
        let sent = execute(&client, Request::new(Method::GET, other_url), 1);
        tokio::select! {
            accepted = other.accept() => drop(accepted.unwrap()),
            response = sent => panic!("{response:?}"),
        }
    }

    #[tokio::test]
    async fn no_more_connections_are_opened_early_than_are_enough() {
        let ((listener, url), client) = (server().await, client());
        open(&client, &url, 1).await;
        let (mut opened, _) = listener.accept().await.unwrap();
        request_arrives_on(&mut opened, &client, &url).await;
        // A connection that was used counts, too.
        open(&client, &url, 1).await;
        open(&client, &url, 2).await;
        open(&client, &url, 2).await;
        listener.accept().await.unwrap();
        let third = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(third.is_err(), "{third:?}");
    }

    #[tokio::test]
    async fn a_request_waits_for_a_connection_that_is_soon_free() {
        let ((listener, url), client) = (server().await, client());
        let send = || execute(&client, Request::new(Method::GET, url.clone()), 1);
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            for _ in 0..2 {
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
        };
        let (first, second, ()) = tokio::join!(send(), send(), answer);
        assert_eq!(
            (first.unwrap().status(), second.unwrap().status()),
            (StatusCode::OK, StatusCode::OK)
        );
        let other = tokio::time::timeout(10 * SOON_FREE, listener.accept()).await;
        assert!(other.is_err(), "{other:?}");
    }

    #[tokio::test]
    async fn a_request_gets_another_connection_if_none_is_free_soon() {
        let ((listener, url), client) = (server().await, client());
        let send = || execute(&client, Request::new(Method::GET, url.clone()), 1);
        let answer = async {
            let (_silent, _) = listener.accept().await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        };
        let silent = async {
            tokio::select! {
                response = send() => drop(response),
                () = tokio::time::sleep(10 * SOON_FREE) => {}
            }
        };
        let ((), second, ()) = tokio::join!(silent, send(), answer);
        assert_eq!(second.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn a_connection_that_failed_early_fails_no_request() {
        let ((listener, url), client) = (server().await, client());
        let address = listener.local_addr().unwrap();
        drop(listener);
        open(&client, &url, 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let sent = execute(&client, Request::new(Method::GET, url), 1);
        tokio::select! {
            accepted = listener.accept() => drop(accepted.unwrap()),
            response = sent => panic!("{response:?}"),
        }
    }

    #[tokio::test]
    async fn a_connection_is_not_used_after_a_while() {
        let ((listener, url), client) = (server().await, client());
        open(&client, &url, 1).await;
        let (_opened, _) = listener.accept().await.unwrap();
        tokio::time::pause();
        tokio::time::advance(LONGEST_UNUSED).await;
        tokio::time::resume();
        let sent = execute(&client, Request::new(Method::GET, url), 1);
        tokio::select! {
            accepted = listener.accept() => drop(accepted.unwrap()),
            response = sent => panic!("{response:?}"),
        }
    }
}
