//! Tests of the handlers with a storage in memory.

use http_body_util::{BodyExt as _, Full};
use oci::Tag;
use serde_json::Value;

use super::*;
use crate::memory::Memory;

/// A response whose body has been read.
struct Received {
    status: u16,
    headers: hyper::HeaderMap,
    body: Bytes,
}

impl Received {
    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

fn registry(memory: Memory) -> ServedRegistry {
    ServedRegistry::new(Arc::new(memory))
}

async fn send(registry: &ServedRegistry, line: &str, body: &[u8]) -> Received {
    let (method, path) = line.split_once(' ').unwrap();
    let (path, range) = path.split_once(' ').unwrap_or((path, ""));
    let mut request = Request::builder().method(method).uri(path);
    if !range.is_empty() {
        request = request.header("range", range);
    }
    request = request.header("content-length", body.len());
    let body = RequestBody::new(Full::new(Bytes::copy_from_slice(body)));
    let response = registry.respond(request.body(body).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Received { status: head.status.as_u16(), headers: head.headers, body }
}

fn image(blob: &Digest) -> Vec<u8> {
    format!(
        r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {{"mediaType": "c", "digest": "{blob}", "size": 5}}, "layers": []}}"#
    )
    .into_bytes()
}

#[tokio::test]
async fn an_image_is_pushed_and_pulled() {
    let registry = registry(Memory::default());
    let blob = Digest::of(b"layer");
    let begun = send(&registry, "POST /v2/localhost:5000/a/blobs/uploads/", b"").await;
    assert_eq!(begun.status, 202);
    let location = begun.headers["location"].to_str().unwrap();
    let put = send(&registry, &format!("PUT {location}?digest={blob}"), b"layer").await;
    assert_eq!(
        (put.status, put.headers["docker-content-digest"].as_bytes()),
        (201, blob.as_str().as_bytes())
    );

    let manifest = image(&blob);
    let digest = Digest::of(&manifest);
    let pushed = send(&registry, "PUT /v2/localhost:5000/a/manifests/1.0", &manifest).await;
    assert_eq!(pushed.status, 201);
    for reference in ["1.0", digest.as_str()] {
        let line = format!("GET /v2/localhost:5000/a/manifests/{reference}");
        let pulled = send(&registry, &line, b"").await;
        assert_eq!((pulled.status, &pulled.body[..]), (200, &manifest[..]), "{reference}");
    }
    let head = send(&registry, &format!("HEAD /v2/b/blobs/{blob}"), b"").await;
    assert_eq!((head.status, head.headers["content-length"].as_bytes()), (200, &b"5"[..]));
    assert!(head.body.is_empty());
    let tags = send(&registry, "GET /v2/localhost:5000/a/tags/list", b"").await;
    assert_eq!(tags.body, r#"{"name":"localhost:5000/a","tags":["1.0"]}"#);
    assert_eq!(send(&registry, "GET /v2/b/tags/list", b"").await.code(), "NAME_UNKNOWN");
}

#[tokio::test]
async fn a_blob_is_sent_in_pieces_and_in_part() {
    let memory = Memory::default();
    let content: Bytes = (0..700_000_u32).map(|number| number as u8).collect();
    let digest = Digest::of(&content);
    memory.blobs.lock().unwrap().insert(digest.clone(), content.clone());
    let registry = registry(memory);
    let get = async |range: &str| {
        send(&registry, &format!("GET /v2/a/blobs/{digest} {range}"), b"").await
    };
    assert_eq!(get("").await.body, content);
    let part = get("bytes=131071-600000").await;
    assert_eq!((part.status, part.body), (206, content.slice(131_071..600_001)));
    assert_eq!(get("bytes=700000-").await.status, 416);
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let memory = Memory::default();
    let blob = Digest::of(b"layer");
    memory.blobs.lock().unwrap().insert(blob.clone(), Bytes::from_static(b"layer"));
    let registry = registry(memory);
    let image = image(&blob);
    assert_eq!(send(&registry, "PUT /v2/a/manifests/1.0", &image).await.status, 201);
    for (path, digest) in
        [("manifests/1.0".to_owned(), Digest::of(&image)), (format!("blobs/{blob}"), blob)]
    {
        for method in ["GET", "HEAD"] {
            let request = Request::builder().method(method).uri(format!("/v2/a/{path}"));
            let request = request.header("if-none-match", format!("\"{digest}\""));
            let body = RequestBody::new(Full::new(Bytes::new()));
            let response = registry.respond(request.body(body).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{method} {path}");
            assert_eq!(response.headers()["docker-content-digest"], digest.as_str());
            assert!(!response.headers().contains_key(CONTENT_LENGTH), "{method} {path}");
            assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
        }
    }
}

#[tokio::test]
async fn a_mount_finds_a_blob_whatever_the_repository() {
    let memory = Memory::default();
    let (blob, absent) = (Digest::of(b"layer"), Digest::of(b"absent"));
    memory.blobs.lock().unwrap().insert(blob.clone(), Bytes::from_static(b"layer"));
    let registry = registry(memory);
    for (digest, status) in [(&blob, 201), (&absent, 202)] {
        let line = format!("POST /v2/a/blobs/uploads/?mount={digest}&from=b");
        assert_eq!(send(&registry, &line, b"").await.status, status);
    }
    let line = format!("POST /v2/a/blobs/uploads/?digest={absent}");
    assert_eq!(send(&registry, &line, b"absent").await.status, 201);
}

#[tokio::test]
async fn what_is_pushed_wrongly_is_refused() {
    let registry = registry(Memory::default());
    let (digest, absent) = (Digest::of(b"layer"), Digest::of(b"absent"));
    let put = format!("PUT /v2/a/blobs/uploads/upload?digest={digest}");
    let image = image(&absent);
    let other = format!("PUT /v2/a/blobs/uploads/other?digest={digest}");
    let table: [(&str, &[u8], u16, &str); 8] = [
        (&put, b"other", 400, "DIGEST_INVALID"),
        ("PUT /v2/a/blobs/uploads/upload", b"layer", 400, "DIGEST_INVALID"),
        (&other, b"layer", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("PATCH /v2/a/blobs/uploads/upload", b"layer", 405, "UNSUPPORTED"),
        ("PUT /v2/a/manifests/1.0", &image, 400, "MANIFEST_BLOB_UNKNOWN"),
        ("PUT /v2/a/manifests/1.0", b"{\"mediaType\": \"m\"}", 400, "MANIFEST_INVALID"),
        ("PUT /v2/A/manifests/1.0", b"{}", 400, "NAME_INVALID"),
        ("DELETE /v2/a/manifests/1.0", b"", 405, "UNSUPPORTED"),
    ];
    for (line, body, status, code) in table {
        let reply = send(&registry, line, body).await;
        assert_eq!(reply.headers.contains_key("allow"), status == 405, "{line}");
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{line}");
    }
    assert_eq!(send(&registry, "GET /v2/a/manifests/1.0", b"").await.code(), "MANIFEST_UNKNOWN");
    let line = format!("GET /v2/a/blobs/{digest}");
    assert_eq!(send(&registry, &line, b"").await.code(), "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_storage_for_reading_refuses_every_write() {
    let registry = registry(Memory { is_read_only: true, ..Memory::default() });
    let digest = Digest::of(b"layer");
    for (line, allowed) in [
        ("POST /v2/a/blobs/uploads/", ""),
        (&format!("POST /v2/a/blobs/uploads/?mount={digest}&from=b"), ""),
        (&format!("PUT /v2/a/blobs/uploads/upload?digest={digest}"), ""),
        ("PUT /v2/a/manifests/1.0", "GET, HEAD"),
        ("DELETE /v2/a/manifests/1.0", "GET, HEAD"),
        (&format!("DELETE /v2/a/blobs/{digest}"), "GET, HEAD"),
    ] {
        let reply = send(&registry, line, b"layer").await;
        assert_eq!(reply.headers["allow"], allowed, "{line}");
        assert_eq!((reply.status, reply.code().as_str()), (405, "UNSUPPORTED"), "{line}");
    }
    assert_eq!(send(&registry, "GET /v2/", b"").await.status, 200);
    assert_eq!(send(&registry, "GET /", b"").await.status, 404);
}

#[tokio::test]
async fn referrers_are_filtered_by_their_type() {
    let memory = Memory::default();
    let subject = Digest::of(b"subject");
    for kind in ["sbom", "signature"] {
        let text = format!(r#"{{"artifactType": "{kind}", "subject": {{"digest": "{subject}"}}}}"#);
        let bytes = Bytes::from(text);
        let (media_type, digest) = ("m".to_owned(), Digest::of(&bytes));
        let tag: Tag = kind.parse().unwrap();
        let manifest = StoredManifest { media_type, digest, bytes };
        memory.manifests.lock().unwrap().insert(format!("a:{tag}"), manifest);
    }
    let registry = registry(memory);
    for (query, count) in [("", 2), ("?artifactType=sbom", 1), ("?artifactType=x", 0)] {
        let reply = send(&registry, &format!("GET /v2/a/referrers/{subject}{query}"), b"").await;
        let index: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn the_error_of_a_storage_is_reported_with_its_hint() {
    let registry = registry(Memory { is_broken: true, ..Memory::default() });
    let reply = send(&registry, "GET /v2/a/manifests/1.0", b"").await;
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(reply.status, 500);
    assert_eq!(body["errors"][0]["message"], "the disk is broken");
    assert_eq!(body["errors"][0]["detail"]["hint"], "replace it");
}
