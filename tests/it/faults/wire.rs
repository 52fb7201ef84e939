//! Failures below HTTP: servers that do not read, do not stop sending, or do not exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry::{Cause, Phase, Side};
use registry_in_memory::{Effect, Fault, Kind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::requests::commits;
use crate::support::stage::{Stage, words};

#[tokio::test]
async fn a_blob_is_sent_again_if_the_destination_stops_reading() {
    // Buffers accept the small blob, so that only its response is missing, but not the large one.
    for size in [1000, 16 << 20] {
        let (mut stage, layer) = Stage::with_layer(size).await;
        stage.retry.silence = Duration::from_millis(300);
        let unread = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let location = format!("http://{}/upload", unread.local_addr().unwrap());
        let away = Effect::SetHeader("Location".to_owned(), location);
        let digest = layer.as_str().replace(':', "%3A");
        stage.destination.inject(Fault::new(away).method("POST").path(&digest));
        let accept = async {
            // The connection stays open, and nothing reads from it.
            let held = unread.accept().await.unwrap();
            std::future::pending::<()>().await;
            drop(held);
        };
        tokio::select! {
            _ = stage.mirror_all() => {}
            () = accept => {}
        }
        assert_eq!(commits(&stage.destination, &layer).len(), 1, "{size}");
    }
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let (stage, layer) = Stage::with_layer(1000).await;
    let endless = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let location = format!("http://{}/blob", endless.local_addr().unwrap());
    let away = Effect::Redirect { location, status: 307 };
    stage.source.inject(Fault::new(away).method("GET").path(layer.as_str()).always());
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = endless.accept().await {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut chunk = b"10000\r\n".to_vec();
            chunk.extend(vec![b'x'; 0x10000]);
            chunk.extend(b"\r\n");
            let mut alive = stream.write_all(head).await.is_ok();
            while alive {
                alive = stream.write_all(&chunk).await.is_ok();
                count.fetch_add(chunk.len(), Ordering::Relaxed);
            }
        }
    });
    let error = stage.mirror_fails().await;
    server.abort();
    assert!(matches!(error.cause, Cause::Integrity(_)), "{error:?}");
    assert!(error.to_string().contains("longer than the 1000 bytes"), "{error}");
    // What the buffers accept, twice.
    assert!(written.load(Ordering::Relaxed) < 64 << 20);
}

#[tokio::test]
async fn an_unreachable_registry_fails_all_images_together_and_is_named() {
    let mut stage = Stage::new().await;
    stage.publish_many(20);
    stage.retry.first_pause = Duration::from_millis(50);
    let (port, _) = free_port().await;
    stage.reached_at = Some(format!("127.0.0.1:{port}"));
    let report = stage.mirror().await;
    // After six first pauses the host is down for all images; each one alone would take seven attempts.
    assert!(report.requests.unwrap().destination <= 20 * 4, "{:?}", report.requests);
    assert_eq!(report.failures().count(), 20);
    for (_, error) in report.failures() {
        assert_eq!(error.side, Side::Destination);
        assert!(matches!(error.cause, Cause::Network { phase: Phase::Connect, .. }), "{error:?}");
        let text = words(error);
        assert!(text.contains(&format!("http://127.0.0.1:{port}/v2/")), "{text}");
        assert!(text.contains("check the host name"), "{text}");
    }
    assert_eq!(stage.source.requests().len(), 0);
}

#[tokio::test]
async fn a_registry_that_comes_back_soon_is_not_considered_down() {
    let mut stage = Stage::new().await;
    stage.publish_many(20);
    stage.retry.first_pause = Duration::from_millis(300);
    let (port, address) = free_port().await;
    stage.reached_at = Some(format!("127.0.0.1:{port}"));
    let registry = stage.destination.address().to_owned();
    let comes_back = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        while let Ok((mut client, _)) = listener.accept().await {
            let registry = registry.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(registry).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    stage.mirror_all().await;
    comes_back.abort();
}

#[tokio::test]
async fn an_unreachable_redirect_target_does_not_make_the_registry_unreachable() {
    let mut stage = Stage::new().await;
    stage.publish_many(4);
    stage.retry.retries = 3;
    let (port, _) = free_port().await;
    let location = format!("http://127.0.0.1:{port}/blob");
    let away = Effect::Redirect { location, status: 307 };
    let of_first = Fault::new(away).repository("stackstate/i00").kind(Kind::Blob);
    stage.source.inject(of_first.always());
    // The others start with their blobs after the first has failed.
    let late = Effect::Delay(Duration::from_millis(300));
    stage.source.inject(Fault::new(late).kind(Kind::Manifest).skip(1).always());
    let report = stage.mirror().await;
    let failed: Vec<_> = report.failures().map(|(image, _)| image.source.clone()).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    let (_, error) = report.failures().next().unwrap();
    assert!(error.to_string().contains(&format!("(at http://127.0.0.1:{port}, where")), "{error}");
}

#[tokio::test]
async fn a_server_with_another_protocol_is_an_error() {
    let (mut stage, _) = Stage::with_layer(1000).await;
    stage.retry.retries = 1;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    stage.reached_at = Some(listener.local_addr().unwrap().to_string());
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1000]).await;
            let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n").await;
        }
    });
    let error = stage.mirror_fails().await;
    server.abort();
    assert_eq!(error.side, Side::Destination);
    assert!(matches!(error.cause, Cause::Network { phase: Phase::Response, .. }), "{error:?}");
}

#[tokio::test]
async fn the_next_run_finishes_what_a_failed_run_started() {
    let mut stage = Stage::new().await;
    stage.retry.retries = 0;
    stage.publish_many(4);
    stage.destination.inject(Fault::new(Effect::Reset).method("PUT").kind(Kind::Manifest).times(2));
    let report = stage.mirror().await;
    assert_eq!((report.totals().failed, report.totals().copied), (2, 2));
    stage.source.forget_requests();
    stage.mirror_all().await;
    let blobs = crate::support::requests::asked(&stage.source, "GET", Kind::Blob);
    assert_eq!(blobs.len(), 0, "the blobs were there already");
}

/// A port without a listener.
async fn free_port() -> (u16, std::net::SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (address.port(), address)
}
