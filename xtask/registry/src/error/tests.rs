//! Tests of messages, hints and error bodies.

use super::*;

#[test]
fn every_kind_of_error_body_becomes_codes_and_a_message() {
    let other = |code: &str| ErrorCode::Other(code.to_owned());
    let table: [(&[u8], Vec<ErrorCode>, &str); 6] = [
        (
            br#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#,
            vec![other("DENIED")],
            "DENIED: requested access is denied",
        ),
        (
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#,
            vec![ErrorCode::ManifestUnknown],
            "MANIFEST_UNKNOWN",
        ),
        (
            br#"{"errors":[{"code":"X_LOCKED","message":"a"},{"code":"NAME_UNKNOWN","message":"b"}]}"#,
            vec![other("X_LOCKED"), ErrorCode::NameUnknown],
            "X_LOCKED: a; NAME_UNKNOWN: b",
        ),
        (b"<html><body>Bad gateway</body></html>", vec![], "an HTML page"),
        (b"plain\x1b[31m words\r\non two lines", vec![], "plain[31m words on two lines"),
        (b"", vec![], ""),
    ];
    for (body, codes, message) in table {
        let response = ErrorResponse::parse(403, body, None);
        assert_eq!((response.codes, response.message.as_str()), (codes, message));
    }
}

#[test]
fn an_address_contains_no_credentials_and_no_signed_query() {
    let url = Url::parse("https://user:secret@cdn.example.com:8443/blob?X-Amz-Signature=secret#x")
        .unwrap();
    assert_eq!(address(&url), "https://cdn.example.com:8443/blob");
}

#[test]
fn a_message_contains_side_operation_request_status_and_the_servers_text() {
    let body = br#"{"errors":[{"code":"DENIED","message":"no"}]}"#;
    let response = ErrorResponse::parse(403, body, None);
    let request = "PUT https://harbor.local/v2/a/manifests/1.0.6".to_owned();
    let cause = Cause::Status(Box::new(response));
    let error = Error::new(Side::Destination, "put manifest `1.0.6`", cause);
    let error = Error { request, ..error };
    assert_eq!(
        error.to_string(),
        "destination: put manifest `1.0.6`: PUT https://harbor.local/v2/a/manifests/1.0.6: 403 DENIED: no"
    );
    assert!(error.hint().unwrap().contains("permission to write"));
    assert!(!error.is_transient());
}

#[test]
fn an_internal_error_blames_no_registry_and_asks_for_a_report() {
    let cause = Cause::Internal("task 7 panicked".to_owned());
    let error = Error::new(Side::Source, "copy the image", cause);
    assert_eq!(error.to_string(), "internal error: copy the image: task 7 panicked");
    assert!(error.hint().unwrap().contains("report"));
    assert_eq!(error.status(), None);
}

#[test]
fn a_mismatch_has_its_code_and_its_own_hint() {
    let advice = Box::new(Advice::new("it is gone").with_hint("look at it"));
    let cause = Cause::Mismatch { code: "source-missing", advice };
    let error = Error::new(Side::Source, "get manifest", cause);
    assert_eq!((error.mismatch(), error.status()), (Some("source-missing"), None));
    assert_eq!(error.hint().as_deref(), Some("look at it"));
    assert_eq!(error.to_string(), "source: get manifest: it is gone");
}

#[test]
fn only_temporary_failures_are_transient() {
    let response = |status| ErrorResponse::parse(status, b"", None);
    for status in [408, 429, 499, 500, 502, 503, 504, 522] {
        assert!(response(status).is_transient(), "{status}");
    }
    for status in [400, 401, 403, 404, 405, 409, 413, 416, 501, 505] {
        assert!(!response(status).is_transient(), "{status}");
    }
}
