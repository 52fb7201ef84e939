//! What a fault does to a reply.

use bytes::Bytes;
use hyper::StatusCode;
use oci::Digest;
use registry_server::Reply;

use crate::faults::Effect;

/// The reply that an effect sends without processing the request.
pub(super) fn replacement(effect: &Effect) -> Option<Reply> {
    match effect {
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
