//! `EmbeddedRegistry`: a registry in this process, such as an image layout. It gets the requests of the
//! distribution API without a socket, authentication, proxy or redirect.

use futures_util::future::BoxFuture;
use reqwest::{Body, Request, Response, ResponseBuilderExt as _, Url};
use serde::Deserialize;

use crate::error::{Cause, Side};

/// A registry in this process.
pub trait EmbeddedRegistry: Send + Sync {
    /// The response to a request; `None` if the body of the request ended early.
    fn respond(&self, request: http::Request<Body>) -> BoxFuture<'_, Option<http::Response<Body>>>;
}

/// The details of an error, as far as an embedded registry sets them.
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<EnvelopeError>,
}

#[derive(Deserialize)]
struct EnvelopeError {
    detail: Option<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    hint: Option<String>,
}

/// Any address, because requests are addressed by their paths. It is reserved for names that do not exist
/// (RFC 6761).
pub(crate) fn base() -> Url {
    const ADDRESS: &str = "http://layout.invalid/";
    Url::parse(ADDRESS).unwrap_or_else(|_| unreachable!("a constant address"))
}

/// The response to a request; `None` if there is none.
pub(crate) async fn send(registry: &dyn EmbeddedRegistry, request: Request) -> Option<Response> {
    let url = request.url().clone();
    let request = http::Request::try_from(request).ok()?;
    let (head, body) = registry.respond(request).await?.into_parts();
    // A `Location` is relative to the address of its response.
    let mut response = http::Response::builder().url(url).status(head.status);
    *response.headers_mut()? = head.headers;
    response.body(body).ok().map(Response::from)
}

/// What to do about an error of an embedded registry: what the error itself suggests, or what its cause does.
pub(crate) fn hint(cause: &Cause, side: Side, body: &[u8]) -> Option<String> {
    let envelope = serde_json::from_slice::<Envelope>(body).ok();
    let mut details = envelope.into_iter().flat_map(|body| body.errors).filter_map(|it| it.detail);
    let own = details.find_map(|detail| detail.hint);
    own.or_else(|| hint_for(cause, side).map(str::to_owned))
}

fn hint_for(cause: &Cause, side: Side) -> Option<&'static str> {
    let status = match cause {
        Cause::Status(response) => Some(response.status),
        _ => None,
    };
    match (cause, status, side) {
        (Cause::Mismatch { code: "source-missing", .. }, ..) | (_, Some(404), Side::Source) => {
            Some(
                "the layout has to have every image that is read from it, under its full source reference: write \
             it again, or leave out this image",
            )
        }
        (_, Some(405), _) => Some("it was opened only for reading"),
        (Cause::Integrity(_) | Cause::Network { .. }, _, _) => {
            Some("the layout is damaged, or its disk is: copy it again from where it came from")
        }
        (_, Some(_), _) => Some("run the same command again: it continues where it stopped"),
        _ => None,
    }
}
