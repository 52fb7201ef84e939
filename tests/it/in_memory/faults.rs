//! Each fault affects the requests that it selects, as documented, and no others.

use std::time::{Duration, Instant};

use oci::Digest;
use registry_in_memory::{
    Effect, Fault, Kind, RegistryOptions, dead_from_nth_request, fail_nth_request,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Wire, blob_path, with_digest};

/// A registry with one blob of 200,000 bytes, and the path of the blob.
async fn with_blob() -> (Wire, String, Vec<u8>) {
    let wire = Wire::start(RegistryOptions::default()).await;
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let digest = wire.registry.store().put_blob("a", content.clone());
    (wire, blob_path("a", &digest), content)
}

#[tokio::test]
async fn a_status_is_sent_with_its_headers_and_nothing_else_is_done() {
    let (wire, blob, content) = with_blob().await;
    let effect = Effect::Status {
        code: 429,
        headers: vec![("Retry-After".to_owned(), "7".to_owned())],
        body: "slow down".to_owned(),
    };
    wire.registry.inject(Fault::new(effect).kind(Kind::Upload).method("PUT").times(2));
    let digest = Digest::of(b"x");
    let finish = with_digest(&wire.begin_upload("b").await, &digest);
    for _ in 0..2 {
        let answer = wire.send("PUT", &finish, &[], "x").await.unwrap();
        assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));
        assert_eq!(answer.body, "slow down");
    }
    assert!(wire.registry.store().blob("b", &digest).is_none());
    assert_eq!(wire.get(&blob).await.body, content, "other kinds are served");
    assert_eq!(
        wire.send("PUT", &finish, &[], "x").await.unwrap().status,
        201,
        "only two requests are affected"
    );
}

#[tokio::test]
async fn the_connection_stays_open_after_an_early_response_to_a_large_body() {
    let wire = Wire::start(RegistryOptions::default()).await;
    let location = wire.begin_upload("a").await;
    wire.registry.inject(Fault::status(503).method("PUT"));
    let path = location.strip_prefix(&wire.url("")).unwrap();
    let body = vec![0_u8; 8 << 20];
    let mut stream = TcpStream::connect(wire.registry.address()).await.unwrap();
    let head = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let next = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(next.as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with("HTTP/1.1 503 "), "{answers}");
    assert!(answers.contains("\r\n\r\nHTTP/1.1 204 "), "{answers}");
    let requests = wire.registry.requests();
    assert_eq!(requests[1].bytes_in, 8 << 20);
    assert_eq!(requests[1].connection, requests[2].connection);
}

#[tokio::test]
async fn a_reset_request_gets_no_response_and_is_not_processed() {
    let (wire, blob, _) = with_blob().await;
    wire.registry.inject(Fault::new(Effect::Reset).method("DELETE"));
    assert!(wire.send("DELETE", &blob, &[], "").await.is_err());
    assert_eq!(wire.get(&blob).await.status, 200);
    let log = wire.log();
    assert_eq!(log, [format!("DELETE {blob} cut"), format!("GET {blob} 200")]);
}

#[tokio::test]
async fn a_request_with_a_lost_response_is_processed() {
    let (wire, blob, _) = with_blob().await;
    wire.registry.inject(Fault::new(Effect::LoseResponse));
    assert!(wire.send("DELETE", &blob, &[], "").await.is_err());
    assert_eq!(wire.get(&blob).await.status, 404);
    assert_eq!(wire.log()[0], format!("DELETE {blob} cut"));
}

#[tokio::test]
async fn a_connection_closes_after_an_exact_number_of_bytes() {
    for wanted in [0, 1, 65_536, 150_001, 199_999, 200_000] {
        let (wire, blob, content) = with_blob().await;
        wire.registry.inject(Fault::new(Effect::CloseAfter(wanted)).kind(Kind::Blob));
        let mut stream = TcpStream::connect(wire.registry.address()).await.unwrap();
        let request = format!("GET {blob} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer));
        read.await.expect("the connection must be closed").unwrap();

        let head_end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let (head, body) = answer.split_at(head_end);
        let head = String::from_utf8_lossy(head).to_lowercase();
        assert!(head.contains("content-length: 200000\r\n"), "{head}");
        let expected = &content[..usize::try_from(wanted).unwrap()];
        assert!(body == expected, "{} bytes instead of {wanted}", body.len());
        assert_eq!(wire.registry.requests()[0].bytes_out, wanted);
    }
}

#[tokio::test]
async fn a_connection_closes_after_a_response_without_a_body() {
    let (wire, blob, _) = with_blob().await;
    wire.registry.inject(Fault::new(Effect::CloseAfter(0)).times(2));
    for method in ["HEAD", "DELETE"] {
        let mut stream = TcpStream::connect(wire.registry.address()).await.unwrap();
        let request = format!("{method} {blob} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer));
        read.await.expect("the connection must be closed").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 20"), "{method}");
    }
}

#[tokio::test]
async fn a_stalled_response_stops_after_an_exact_number_of_bytes() {
    let (wire, blob, _) = with_blob().await;
    wire.registry.inject(Fault::new(Effect::Stall(100_000)));
    let mut response = wire.client.get(wire.url(&blob)).send().await.unwrap();
    let mut received = 0;
    while received < 100_000 {
        received += response.chunk().await.unwrap().expect("the response must not end").len();
    }
    assert_eq!(received, 100_000);
    let more = timeout(Duration::from_millis(100), response.chunk()).await;
    assert!(more.is_err(), "neither bytes nor an end: {more:?}");
}

#[tokio::test]
async fn one_byte_of_a_corrupt_response_is_changed() {
    for (at, expected) in [(0, 0), (1234, 1234), (usize::MAX, 199_999)] {
        let (wire, blob, content) = with_blob().await;
        wire.registry.inject(Fault::new(Effect::Corrupt { at }));
        let answer = wire.get(&blob).await;
        let differing: Vec<usize> =
            (0..content.len()).filter(|n| answer.body[*n] != content[*n]).collect();
        assert_eq!(differing, [expected]);
        assert_eq!(wire.get(&blob).await.body, content, "the stored content is unchanged");
    }
}

#[tokio::test]
async fn only_the_selected_request_is_delayed() {
    let (wire, blob, content) = with_blob().await;
    let delay = Duration::from_millis(300);
    wire.registry.inject(Fault::new(Effect::Delay(delay)).kind(Kind::Blob));
    let started = Instant::now();
    let (late, soon) = tokio::join!(wire.get(&blob), async {
        wire.get("/v2/").await;
        started.elapsed()
    });
    assert_eq!(late.body, content);
    assert!(started.elapsed() >= delay);
    assert!(soon < delay, "{soon:?}");
}

#[tokio::test]
async fn a_trickling_response_is_slow_and_complete() {
    let (wire, blob, content) = with_blob().await;
    let pause = Duration::from_millis(30);
    wire.registry.inject(Fault::new(Effect::Trickle { pieces: 7, pause }));
    let started = Instant::now();
    let mut response = wire.client.get(wire.url(&blob)).send().await.unwrap();
    assert!(started.elapsed() < pause * 7, "the head does not wait for the body");
    let mut received = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        received.extend_from_slice(&piece);
    }
    assert!(received == content);
    assert!(started.elapsed() >= pause * 7, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_fault_can_match_the_query() {
    let wire = Wire::start(RegistryOptions::default()).await;
    wire.registry.inject(Fault::status(405).kind(Kind::Upload).path("mount=").always());
    let uploads = "/v2/a/blobs/uploads/";
    let mount = format!("{uploads}?from=b&mount={}", Digest::of(b"x"));
    assert_eq!(wire.send("POST", &mount, &[], "").await.unwrap().status, 405);
    assert_eq!(wire.send("POST", uploads, &[], "").await.unwrap().status, 202);
}

#[tokio::test]
async fn every_request_waits_for_the_latency() {
    let latency = Duration::from_millis(200);
    let wire = Wire::start(RegistryOptions { latency, ..RegistryOptions::default() }).await;
    let started = Instant::now();
    tokio::join!(wire.get("/v2/"), wire.get("/v2/"), wire.get("/v2/"));
    assert!(started.elapsed() >= latency);
    assert!(started.elapsed() < latency * 3, "they wait together: {:?}", started.elapsed());
    assert_eq!(wire.registry.most_at_once(), 3);
}

#[tokio::test]
async fn a_redirect_leads_to_another_registry() {
    let (storage, blob, content) = with_blob().await;
    let wire = Wire::start(RegistryOptions::default()).await;
    let effect = Effect::Redirect { location: storage.url(&blob), status: 307 };
    wire.registry.inject(Fault::new(effect));
    let answer = wire.get(&blob).await;
    assert_eq!((answer.status, answer.body.len()), (307, 0));
    assert_eq!(wire.get(answer.header("location")).await.body, content);
}

#[tokio::test]
async fn a_dropped_upload_keeps_the_bytes_that_arrived() {
    for (method, sent, kept) in
        [("PATCH", 300_000, 100_000), ("PUT", 300_000, 100_000), ("PATCH", 10, 10)]
    {
        let wire = Wire::start(RegistryOptions::default()).await;
        let location = wire.begin_upload("a").await;
        let effect = Effect::DropUploadAfter(100_000);
        wire.registry.inject(Fault::new(effect).kind(Kind::Upload).method(method));
        let path = with_digest(&location, &Digest::of(b"x"));
        assert!(wire.send(method, &path, &[], vec![7_u8; sent]).await.is_err());
        let range = format!("0-{}", kept - 1);
        assert_eq!(wire.get(&location).await.header("range"), range, "{method} of {sent}");
        let cut = &wire.registry.requests()[1];
        assert_eq!((cut.status, cut.bytes_in), (None, kept));
    }
}

#[tokio::test]
async fn headers_can_be_wrong_missing_or_added() {
    let (wire, blob, content) = with_blob().await;
    let digest = Digest::of(&content);
    let truth = digest.as_str();
    let other = Digest::of(b"something else");
    let owned = |text: &str| text.to_owned();
    let table = [
        (Effect::LieAboutDigest, "docker-content-digest", other.as_str()),
        (Effect::OmitHeader(owned("Docker-Content-Digest")), "docker-content-digest", ""),
        (Effect::SetHeader(owned("Content-Type"), owned("x/y; z")), "content-type", "x/y; z"),
        (Effect::OmitHeader(owned("Content-Length")), "content-length", ""),
        (Effect::ReplaceStatus(201), "docker-content-digest", truth),
    ];
    for (effect, header, expected) in table {
        let status = if effect == Effect::ReplaceStatus(201) { 201 } else { 200 };
        wire.registry.inject(Fault::new(effect.clone()));
        let answer = wire.get(&blob).await;
        assert_eq!((answer.status, answer.header(header)), (status, expected), "{effect:?}");
        assert_eq!(answer.body, content, "{effect:?}");
    }
}

#[tokio::test]
async fn a_range_is_ignored_or_has_another_position() {
    let (wire, blob, content) = with_blob().await;
    let range = [("range", "bytes=150000-")];
    wire.registry.inject(Fault::new(Effect::IgnoreRange));
    let answer = wire.send("GET", &blob, &range, "").await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, content.len()));

    wire.registry.inject(Fault::new(Effect::WrongContentRange));
    let answer = wire.send("GET", &blob, &range, "").await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (206, &content[150_000..]));
    assert_eq!(answer.header("content-range"), "bytes 1-50000/50001");
}

#[tokio::test]
async fn extra_bytes_are_part_of_the_announced_length() {
    let (wire, blob, content) = with_blob().await;
    wire.registry.inject(Fault::new(Effect::ExtraBytes(3)));
    let answer = wire.get(&blob).await;
    assert_eq!(answer.header("content-length"), "200003");
    assert_eq!(answer.body[..content.len()], content);
    assert_eq!(&answer.body[content.len()..], b"xxx");
}

#[tokio::test]
async fn an_html_page_replaces_the_response() {
    let wire = Wire::start(RegistryOptions::default()).await;
    wire.registry.inject(Fault::new(Effect::HtmlOk).kind(Kind::Manifest));
    let answer = wire.send("PUT", "/v2/a/manifests/1", &[], "{}").await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html"));
    assert!(answer.body.starts_with(b"<!doctype html>"));
    assert_eq!(wire.registry.store().repositories(), [""; 0]);
}

#[tokio::test]
async fn the_nth_request_fails_alone_or_with_all_later_ones() {
    let outcomes = async |fault: Fault| {
        let wire = Wire::start(RegistryOptions::default()).await;
        wire.get("/v2/").await;
        wire.registry.inject(fault);
        let mut outcomes = String::new();
        for _ in 0..4 {
            let answered = wire.send("GET", "/v2/", &[], "").await.is_ok();
            outcomes.push(if answered { 'o' } else { 'x' });
        }
        assert_eq!(wire.registry.requests().len(), 5, "no request is sent twice");
        wire.registry.clear_faults();
        wire.get("/v2/").await;
        outcomes
    };
    assert_eq!(outcomes(fail_nth_request(1)).await, "xooo");
    assert_eq!(outcomes(fail_nth_request(3)).await, "ooxo");
    assert_eq!(outcomes(dead_from_nth_request(3)).await, "ooxx");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_are_counted_exactly() {
    let wire = Wire::start(RegistryOptions::default()).await;
    wire.registry.inject(Fault::status(418).skip(10).times(7));
    let sends = (0..50).map(|_| wire.get("/v2/"));
    let answers = futures_util::future::join_all(sends).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 418).count(), 7);
    let log = wire.log();
    let position = log.iter().position(|line| line.ends_with("418"));
    assert_eq!((log.len(), position), (50, Some(10)));
}
