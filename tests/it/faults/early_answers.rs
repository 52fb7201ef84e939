//! Destinations that answer an upload before they have read it, and close the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::requests::fetches;
use crate::support::stage::{Stage, words};

/// How a connection ends whose request has been answered.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// The system resets it if it has received bytes that nothing has read.
    Close,
    Reset,
}

/// What an upload gets, and when.
#[derive(Debug, Clone, Copy)]
struct Answer {
    status: u16,
    /// This many bytes of the body are read first.
    after: usize,
    ending: Ending,
}

/// Stands in front of a registry, passes on all requests but uploads, and answers those itself. It runs in a thread,
/// as a server that does not wait for its client.
struct HastyFront {
    address: String,
    uploads: Arc<AtomicUsize>,
}

impl HastyFront {
    /// Counts the uploads of a blob of this size.
    fn of(registry: &InMemoryRegistry, answer: Answer, size: usize) -> Self {
        let (behind, uploads) = (registry.address().to_owned(), Arc::new(AtomicUsize::new(0)));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let count = Arc::clone(&uploads);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((client, _)) = listener.accept().await {
                    let served = serve(client, behind.clone(), answer, size, Arc::clone(&count));
                    tokio::spawn(served);
                }
            });
        });
        Self { address, uploads }
    }

    fn uploads(&self) -> usize {
        self.uploads.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut client: TcpStream,
    behind: String,
    answer: Answer,
    size: usize,
    count: Arc<AtomicUsize>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let text = String::from_utf8(head).unwrap();
    let is_upload = text.starts_with("PUT /v2/") || text.starts_with("PATCH /v2/");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    if is_upload && text.contains("/blobs/uploads/") && length > 0 {
        if length == size {
            count.fetch_add(1, Ordering::SeqCst);
        }
        let _ = client.read_exact(&mut vec![0; answer.after.min(length)]).await;
        let body = r#"{"errors":[{"code":"DENIED","message":"not on a Friday"}]}"#;
        let (status, length) = (answer.status, body.len());
        let response = format!(
            "HTTP/1.1 {status} Refused\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let _ = client.write_all(response.as_bytes()).await;
        if matches!(answer.ending, Ending::Reset) {
            client.set_zero_linger().unwrap();
        }
        return;
    }
    let mut server = TcpStream::connect(behind).await.unwrap();
    let head = text.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
    server.write_all(head.as_bytes()).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_refusal_that_comes_before_the_body_was_sent_is_reported() {
    use Ending::{Close, Reset};
    // In one request, and as a stream.
    for largest_put in [None, Some(0)] {
        for (size, after, most) in [
            (1000, 0, 2),
            (300_000, 0, 2),
            // More than the buffers of both ends take.
            (16 << 20, 0, 2),
            // A refusal in the middle may be lost several times, but not always.
            (16 << 20, 1 << 20, 7),
        ] {
            for (status, ending) in [(403, Close), (403, Reset), (401, Close), (507, Close)] {
                let refused = refused(Answer { status, after, ending }, size, largest_put).await;
                let (text, sent) = (&refused.text, refused.sent);
                assert!(text.contains(&format!("{status} DENIED: not on a Friday")), "{text}");
                assert!(sent <= most, "{status} {ending:?} after {after} of {size}: {sent}");
                assert!(refused.read <= most, "{} requests at the source", refused.read);
            }
        }
    }
}

#[tokio::test]
async fn what_a_refusal_asks_for_is_done_even_if_it_comes_before_the_body_was_sent() {
    // Another mode of uploads, and another attempt.
    for (status, most) in [(413, 6), (429, 7)] {
        let answer = Answer { status, after: 0, ending: Ending::Close };
        let refused = refused(answer, 16 << 20, None).await;
        assert!(refused.text.contains(&format!("{status} DENIED")), "{}", refused.text);
        assert!(refused.sent <= most, "{status}: {}", refused.sent);
    }
}

struct Refused {
    text: String,
    /// How often the layer was sent, and read.
    sent: usize,
    read: usize,
}

async fn refused(answer: Answer, size: usize, largest_put: Option<u64>) -> Refused {
    let options = RegistryOptions { largest_put, ..RegistryOptions::default() };
    let (mut stage, layer) = Stage::with_layer_and(RegistryOptions::default(), options, size).await;
    stage.retry.first_pause = Duration::from_millis(20);
    let front = HastyFront::of(&stage.destination, answer, size);
    stage.reached_at = Some(front.address.clone());
    let report = stage.mirror().await;
    let (_, error) = report.failures().next().unwrap();
    let read = fetches(&stage.source, &layer).len();
    Refused { text: words(error), sent: front.uploads(), read }
}
