//! The distribution protocol, route by route.

use oci::Digest;
use registry_in_memory::{LocationStyle, RegistryOptions};

use super::{Wire, blob_path, manifest_of, with_digest};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[tokio::test]
async fn a_manifest_is_pushed_fetched_and_deleted_by_tag_and_by_digest() {
    let wire = Wire::start(RegistryOptions::default()).await;
    let layer = wire.registry.store().put_blob("a/b", "layer");
    let manifest = manifest_of(&layer);
    let digest = Digest::of(manifest.as_bytes());
    let by_tag = "/v2/a/b/manifests/1.0";
    let by_digest = format!("/v2/a/b/manifests/{digest}");
    let typed = [("content-type", OCI_MANIFEST)];

    for path in [by_tag, &by_digest] {
        let pushed = wire.send("PUT", path, &typed, manifest.clone()).await.unwrap();
        assert_eq!(pushed.status, 201);
        assert_eq!(pushed.header("docker-content-digest"), digest.as_str());
        assert!(pushed.header("location").ends_with(&by_digest), "{pushed:?}");
    }
    for (method, path) in [("GET", by_tag), ("HEAD", by_tag), ("GET", &by_digest)] {
        let fetched = wire.send(method, path, &[("accept", OCI_MANIFEST)], "").await.unwrap();
        assert_eq!(fetched.status, 200);
        assert_eq!(fetched.header("content-type"), OCI_MANIFEST);
        assert_eq!(fetched.header("content-length"), manifest.len().to_string());
        assert_eq!(fetched.header("docker-content-digest"), digest.as_str());
        let expected = if method == "GET" { manifest.as_str() } else { "" };
        assert_eq!(fetched.body, expected);
    }

    let delete = async |path: &str| wire.send("DELETE", path, &[], "").await.unwrap().status;
    assert_eq!(delete(by_tag).await, 202);
    assert_eq!(wire.get(by_tag).await.code(), "MANIFEST_UNKNOWN");
    assert_eq!(wire.get(&by_digest).await.status, 200, "a tag is only a name");
    assert_eq!(delete(&by_digest).await, 202);
    assert_eq!(delete(&by_digest).await, 404);
}

#[tokio::test]
async fn a_manifest_with_a_bad_reference_bad_json_or_a_missing_child_is_refused() {
    let wire = Wire::start(RegistryOptions::default()).await;
    wire.registry.store().put_blob("other", "layer");
    let image = manifest_of(&Digest::of(b"layer"));
    let index = format!(r#"{{"manifests":[{{"digest":"{}"}}]}}"#, Digest::of(b"child"));
    let other = format!("{}", Digest::of(b"other"));
    let table = [
        ("1.0", image.as_str(), 400, "MANIFEST_BLOB_UNKNOWN"),
        ("1.0", index.as_str(), 404, "MANIFEST_UNKNOWN"),
        ("1.0", "<html>", 400, "MANIFEST_INVALID"),
        (other.as_str(), "{}", 400, "DIGEST_INVALID"),
        (".hidden", "{}", 400, "TAG_INVALID"),
    ];
    for (reference, manifest, status, code) in table {
        let path = format!("/v2/a/manifests/{reference}");
        let typed = [("content-type", OCI_MANIFEST)];
        let answer = wire.send("PUT", &path, &typed, manifest.to_owned()).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{manifest}");
    }
    assert_eq!(wire.registry.store().repositories(), ["other"]);
}

#[tokio::test]
async fn a_manifest_with_a_type_that_is_not_accepted_is_not_found() {
    let wire = Wire::start(RegistryOptions::default()).await;
    wire.registry.store().put_manifest("a", "1", OCI_MANIFEST, "{}");
    let table = [
        (OCI_MANIFEST, 200),
        ("application/json, application/vnd.oci.image.manifest.v1+json;q=0.5", 200),
        ("*/*", 200),
        ("application/vnd.docker.distribution.manifest.v2+json", 404),
    ];
    for (accept, status) in table {
        let answer =
            wire.send("GET", "/v2/a/manifests/1", &[("accept", accept)], "").await.unwrap();
        assert_eq!(answer.status, status, "{accept}");
    }
}

#[tokio::test]
async fn a_blob_is_served_whole_or_by_range() {
    let wire = Wire::start(RegistryOptions::default()).await;
    let digest = wire.registry.store().put_blob("a", "0123456789");
    let path = blob_path("a", &digest);
    let table = [
        ("", 200, "0123456789", ""),
        ("bytes=4-", 206, "456789", "bytes 4-9/10"),
        ("bytes=2-3", 206, "23", "bytes 2-3/10"),
        ("bytes=-1", 206, "9", "bytes 9-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
    ];
    for (range, status, body, content_range) in table {
        let headers = [("range", range)];
        let headers = if range.is_empty() { &[][..] } else { &headers[..] };
        let answer = wire.send("GET", &path, headers, "").await.unwrap();
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(answer.body, body, "{range}");
        assert_eq!(answer.header("content-range"), content_range, "{range}");
    }
    let head = wire.send("HEAD", &path, &[], "").await.unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, "10"));
    assert_eq!(head.header("docker-content-digest"), digest.as_str());

    assert_eq!(wire.get(&blob_path("b", &digest)).await.code(), "BLOB_UNKNOWN");
    assert_eq!(wire.send("DELETE", &path, &[], "").await.unwrap().status, 202);
    assert_eq!(wire.send("HEAD", &path, &[], "").await.unwrap().status, 404);
}

#[tokio::test]
async fn a_blob_can_be_uploaded_in_every_way_of_the_specification() {
    for style in [LocationStyle::Relative, LocationStyle::Absolute, LocationStyle::WithState] {
        let wire =
            Wire::start(RegistryOptions { location: style, ..RegistryOptions::default() }).await;
        let digest = Digest::of(b"0123456789");

        let single = with_digest("/v2/single/blobs/uploads/", &digest);
        let answer = wire.send("POST", &single, &[], "0123456789").await.unwrap();
        assert_eq!(answer.status, 201);
        assert_eq!(wire.get(answer.header("location")).await.body, "0123456789");

        let location = wire.begin_upload("monolithic").await;
        let finish = with_digest(&location, &digest);
        assert_eq!(wire.send("PUT", &finish, &[], "0123456789").await.unwrap().status, 201);

        let location = wire.begin_upload("streamed").await;
        let answer = wire.send("PATCH", &location, &[], "0123456789").await.unwrap();
        assert_eq!((answer.status, answer.header("range")), (202, "0-9"));
        let finish = with_digest(answer.header("location"), &digest);
        assert_eq!(wire.send("PUT", &finish, &[], "").await.unwrap().status, 201);

        let location = wire.begin_upload("chunked").await;
        let chunk = [("content-range", "0-3")];
        assert_eq!(wire.send("PATCH", &location, &chunk, "0123").await.unwrap().status, 202);
        let chunk = [("content-range", "4-7")];
        let answer = wire.send("PATCH", &location, &chunk, "4567").await.unwrap();
        assert_eq!((answer.status, answer.header("range")), (202, "0-7"));
        let finish = with_digest(answer.header("location"), &digest);
        let answer = wire.send("PUT", &finish, &[("content-range", "8-9")], "89").await.unwrap();
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());

        for repository in wire.registry.store().repositories() {
            let stored = wire.registry.store().blob(&repository, &digest);
            assert_eq!(stored.as_deref(), Some(&b"0123456789"[..]), "{repository} {style:?}");
        }
        assert_eq!(wire.registry.store().repositories().len(), 4);
        assert_eq!(wire.registry.store().open_uploads(), 0);
    }
}

#[tokio::test]
async fn an_upload_reports_its_size_and_refuses_chunks_out_of_order() {
    let wire = Wire::start(RegistryOptions::default()).await;
    let location = wire.begin_upload("a").await;
    let patch = async |range: &str| {
        let answer = wire.send("PATCH", &location, &[("content-range", range)], "01234").await;
        let answer = answer.unwrap();
        (answer.status, answer.header("range").to_owned())
    };
    assert_eq!(patch("0-4").await, (202, "0-4".to_owned()));
    assert_eq!(patch("0-4").await, (416, "0-4".to_owned()), "sent before");
    assert_eq!(patch("6-10").await, (416, "0-4".to_owned()), "with a gap");
    assert_eq!(patch("5-6").await, (416, "0-4".to_owned()), "of another length");
    let status = wire.get(&location).await;
    assert_eq!((status.status, status.header("range")), (204, "0-4"));

    let wrong = with_digest(&location, &Digest::of(b"other"));
    let refused = wire.send("PUT", &wrong, &[], "").await.unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (400, "DIGEST_INVALID"));
    assert_eq!(wire.get(&location).await.code(), "BLOB_UPLOAD_UNKNOWN");

    let location = wire.begin_upload("a").await;
    let elsewhere = location.replace("/v2/a/", "/v2/b/");
    assert_eq!(wire.get(&elsewhere).await.code(), "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(wire.send("DELETE", &location, &[], "").await.unwrap().status, 204);
    assert_eq!(wire.get(&location).await.status, 404);
    assert_eq!(wire.registry.store().repositories(), [""; 0]);
}

#[tokio::test]
async fn the_query_of_a_location_must_be_kept() {
    let options =
        RegistryOptions { location: LocationStyle::WithState, ..RegistryOptions::default() };
    let wire = Wire::start(options).await;
    let location = wire.begin_upload("a").await;
    let (bare, _) = location.split_once('?').unwrap();
    assert_eq!(wire.get(bare).await.code(), "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(wire.get(&location).await.status, 204);
}

#[tokio::test]
async fn a_mount_links_a_blob_of_another_repository() {
    let present = Digest::of(b"present");
    let absent = Digest::of(b"absent");
    let plain = RegistryOptions::default();
    let none = RegistryOptions { mounts: false, ..RegistryOptions::default() };
    let late = RegistryOptions { mount_needs_manifest: true, ..RegistryOptions::default() };
    let table = [
        (&plain, &present, "from", false, 201),
        (&plain, &present, "to", false, 202),
        (&plain, &absent, "from", false, 202),
        (&none, &present, "from", true, 202),
        (&late, &present, "from", false, 202),
        (&late, &present, "from", true, 201),
    ];
    for (options, digest, from, referenced, status) in table {
        let wire = Wire::start(options.clone()).await;
        let store = wire.registry.store();
        store.put_blob("from", "present");
        if referenced {
            store.put_manifest("from", "1", OCI_MANIFEST, manifest_of(&present));
        }
        let path = format!("/v2/to/blobs/uploads/?mount={digest}&from={from}");
        let answer = wire.send("POST", &path, &[], "").await.unwrap();
        assert_eq!(answer.status, status, "{options:?} {digest} {from}");
        assert_eq!(store.blob("to", digest).is_some(), status == 201);
        assert_eq!(answer.header("location").contains("/blobs/uploads/"), status == 202);
    }
    let wire = Wire::start(plain).await;
    wire.registry.store().put_blob("same", "present");
    let path = format!("/v2/same/blobs/uploads/?mount={present}&from=same");
    assert_eq!(wire.send("POST", &path, &[], "").await.unwrap().status, 201);
}

#[tokio::test]
async fn size_limits_apply_to_announced_and_actual_lengths() {
    let options = RegistryOptions {
        largest_put: Some(4),
        largest_patch: Some(6),
        ..RegistryOptions::default()
    };
    let wire = Wire::start(options).await;
    let digest = Digest::of(b"0123456789");
    let unannounced = || {
        let pieces = [b"01234".as_slice(), b"56789"].map(Ok::<_, std::io::Error>);
        reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))
    };
    let location = wire.begin_upload("a").await;
    let finish = with_digest(&location, &digest);
    for body in [unannounced(), "0123456789".into()] {
        assert_eq!(wire.send("PUT", &finish, &[], body).await.unwrap().status, 413);
    }
    for body in [unannounced(), "0123456789".into()] {
        assert_eq!(wire.send("PATCH", &location, &[], body).await.unwrap().status, 413);
    }
    // A refused body leaves no bytes behind.
    assert_eq!(wire.send("PATCH", &location, &[], "012345").await.unwrap().status, 202);
    assert_eq!(wire.send("PUT", &finish, &[], "6789").await.unwrap().status, 201);
}

#[tokio::test]
async fn options_turn_off_features_that_some_registries_lack() {
    let options = RegistryOptions {
        chunked_uploads: false,
        digest_header: false,
        immutable_tags: true,
        create_repositories: false,
        ..RegistryOptions::default()
    };
    let wire = Wire::start(options).await;
    let begun = wire.send("POST", "/v2/a/blobs/uploads/", &[], "").await.unwrap();
    assert_eq!(begun.code(), "NAME_UNKNOWN");
    wire.registry.store().create_repository("a");

    let location = wire.begin_upload("a").await;
    let patched = wire.send("PATCH", &location, &[], "x").await.unwrap();
    assert_eq!((patched.status, patched.code().as_str()), (405, "UNSUPPORTED"));

    let typed = [("content-type", OCI_MANIFEST)];
    let push = async |body: &'static str| {
        wire.send("PUT", "/v2/a/manifests/1", &typed, body).await.unwrap()
    };
    let pushed = push("{}").await;
    assert_eq!((pushed.status, pushed.header("docker-content-digest")), (201, ""));
    assert_eq!(push("{}").await.status, 201, "the same manifest is no change");
    assert_eq!(push("{ }").await.code(), "TAG_INVALID");
    assert_eq!(wire.get("/v2/a/manifests/1").await.header("docker-content-digest"), "");
}

#[tokio::test]
async fn tags_are_listed_in_order_and_in_pages() {
    let wire = Wire::start(RegistryOptions::default()).await;
    for tag in ["c", "a", "b"] {
        wire.registry.store().put_manifest("x/y", tag, OCI_MANIFEST, "{}");
    }
    let list = async |query: &str| {
        let answer = wire.get(&format!("/v2/x/y/tags/list{query}")).await;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        (body["tags"].to_string(), answer.header("link").to_owned())
    };
    assert_eq!(list("").await, (r#"["a","b","c"]"#.to_owned(), String::new()));
    let next = r#"</v2/x/y/tags/list?n=2&last=b>; rel="next""#;
    assert_eq!(list("?n=2").await, (r#"["a","b"]"#.to_owned(), next.to_owned()));
    assert_eq!(list("?n=2&last=b").await, (r#"["c"]"#.to_owned(), String::new()));
    assert_eq!(wire.get("/v2/none/tags/list").await.code(), "NAME_UNKNOWN");
}

#[tokio::test]
async fn referrers_are_filtered_by_type_unless_the_api_is_off() {
    use registry_in_memory::content::{Layer, oci_image, referrer};

    let image = oci_image(&[Layer::new("base", 10)]);
    let subject = image.top_manifest().unwrap();
    for with_api in [true, false] {
        let options = RegistryOptions { referrers_api: with_api, ..RegistryOptions::default() };
        let wire = Wire::start(options).await;
        for kind in ["application/spdx+json", "application/x-signature"] {
            let attached = referrer(subject, kind);
            for (_, bytes) in &attached.blobs {
                wire.registry.store().put_blob("a", bytes.clone());
            }
            let path = format!("/v2/a/manifests/{}", attached.top);
            let body = attached.top_manifest().unwrap().bytes.clone();
            let pushed = wire.send("PUT", &path, &[("content-type", OCI_MANIFEST)], body).await;
            let expected = if with_api { subject.digest.as_str() } else { "" };
            assert_eq!(pushed.unwrap().header("oci-subject"), expected);
        }
        let path = format!("/v2/a/referrers/{}", subject.digest);
        let all = wire.get(&path).await;
        if !with_api {
            assert_eq!(all.status, 404);
            continue;
        }
        let types = |body: &[u8]| {
            let index: serde_json::Value = serde_json::from_slice(body).unwrap();
            let entries = index["manifests"].as_array().unwrap();
            let mut types: Vec<_> = entries.iter().map(|e| e["artifactType"].to_string()).collect();
            types.sort();
            types.join(" ")
        };
        assert_eq!(types(&all.body), r#""application/spdx+json" "application/x-signature""#);
        assert_eq!(all.header("oci-filters-applied"), "");
        let some = wire.get(&format!("{path}?artifactType=application/spdx%2Bjson")).await;
        assert_eq!(types(&some.body), r#""application/spdx+json""#);
        assert_eq!(some.header("oci-filters-applied"), "artifactType");
    }
}

#[tokio::test]
async fn every_request_is_logged_in_order_with_its_outcome() {
    let wire = Wire::start(RegistryOptions::default()).await;
    let digest = wire.registry.store().put_blob("a/b", "layer");
    wire.get("/v2/").await;
    let accept = [("accept", "x/y"), ("authorization", "Bearer t"), ("range", "bytes=1-2")];
    wire.send("GET", &(blob_path("a/b", &digest) + "?q=1"), &accept, "").await.unwrap();
    wire.send("POST", "/v2/a/b/blobs/uploads/", &[], "").await.unwrap();

    let requests = wire.registry.requests();
    assert_eq!(
        wire.log(),
        [
            "GET /v2/ 200".to_owned(),
            format!("GET /v2/a/b/blobs/{digest} 206"),
            "POST /v2/a/b/blobs/uploads/ 202".to_owned(),
        ]
    );
    let blob = &requests[1];
    assert_eq!((blob.bytes_in, blob.bytes_out), (0, 2));
    assert_eq!((blob.query.as_str(), blob.repository.as_deref()), ("q=1", Some("a/b")));
    assert_eq!(blob.header("authorization"), Some("Bearer t"));
    assert_eq!(blob.header("range"), Some("bytes=1-2"));
    assert_eq!(blob.header("if-match"), None);
    let kinds: Vec<_> = requests.iter().map(|request| format!("{:?}", request.kind)).collect();
    assert_eq!(kinds, ["Base", "Blob", "Upload"]);
    assert!(requests[0].arrived <= requests[1].arrived);
    assert_eq!(wire.registry.most_at_once(), 1);

    wire.registry.forget_requests();
    assert!(wire.registry.requests().is_empty());
}

#[tokio::test]
async fn dropping_a_registry_closes_its_port_and_connections() {
    let Wire { registry, client } = Wire::start(RegistryOptions::default()).await;
    let url = format!("http://{}/v2/", registry.address());
    assert!(client.get(&url).send().await.is_ok());
    drop(registry);
    tokio::task::yield_now().await;
    let error = client.get(&url).send().await.unwrap_err();
    assert!(error.is_connect() || error.is_request(), "{error:?}");
}
