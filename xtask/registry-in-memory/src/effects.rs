//! What a fault does to a reply.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use oci::Digest;
use registry_server::route::Kind;
use registry_server::{ErrorReply, Reply};

use crate::faults::Effect;
use crate::request::Request;

/// The reply that an effect sends without processing the request.
pub(super) fn replacement(effect: &Effect, request: &Request) -> Option<Reply> {
    match effect {
        Effect::NotYetVisible => Some(not_there(request).into_reply()),
        Effect::Status { code, headers, body } => {
            let reply = Reply::new(status(*code)).with_body(body.clone());
            Some(headers.iter().fold(reply, |reply, (name, value)| reply.with(name, value)))
        }
        Effect::Redirect { location, status: code } => {
            Some(Reply::new(status(*code)).with("location", location))
        }
        Effect::HtmlOk => {
            let page = "<!doctype html><title>Welcome</title><h1>It works!</h1>\n";
            Some(Reply::new(StatusCode::OK).with("content-type", "text/html").with_body(page))
        }
        _ => None,
    }
}

/// The registry's own reply, changed by an effect.
pub(super) fn altered(mut reply: Reply, effect: &Effect) -> Reply {
    let body = &reply.body;
    match effect {
        Effect::Corrupt { at } => reply.body = flipped(body, *at),
        Effect::ExtraBytes(count) => reply.body = [body, &vec![b'x'; *count][..]].concat().into(),
        Effect::Shorten(count) => reply.body = body.slice(..body.len().saturating_sub(*count)),
        Effect::LieAboutDigest => {
            let other = Digest::of(b"something else");
            return reply.with("docker-content-digest", other.as_str());
        }
        Effect::SetHeader(name, value) => return reply.with(name, value),
        Effect::ReplaceStatus(code) => reply.status = status(*code),
        Effect::WrongContentRange if reply.status == StatusCode::PARTIAL_CONTENT => {
            let size = body.len();
            return reply.with("content-range", format!("bytes 1-{size}/{}", size + 1));
        }
        _ => {}
    }
    reply
}

/// The reply of a registry that does not see yet what it has accepted.
fn not_there(request: &Request) -> ErrorReply {
    let name = request.route.name.as_str();
    match (request.route.kind, name.parse()) {
        (Kind::Manifest, _) if request.method == Method::PUT => {
            ErrorReply::child_unknown(&Digest::of(b"something pushed before"))
        }
        (Kind::Manifest, _) => ErrorReply::manifest_unknown(name),
        (Kind::Blob, Ok(digest)) => ErrorReply::blob_unknown(&digest),
        _ => ErrorReply::not_found(),
    }
}

fn flipped(body: &Bytes, at: usize) -> Bytes {
    let mut bytes = body.to_vec();
    let last = bytes.len().saturating_sub(1);
    if let Some(byte) = bytes.get_mut(at.min(last)) {
        *byte ^= 1;
    }
    bytes.into()
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
