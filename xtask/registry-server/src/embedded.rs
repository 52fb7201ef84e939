//! A served registry as a registry in this process, for the client.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper::{Request, Response};
use registry::EmbeddedRegistry;
use reqwest::Body;

use crate::body::RequestBody;
use crate::served::ServedRegistry;

impl EmbeddedRegistry for ServedRegistry {
    fn respond(&self, request: Request<Body>) -> BoxFuture<'_, Option<Response<Body>>> {
        let request = request.map(RequestBody::new);
        async { Some(self.respond(request).await?.map(Body::wrap)) }.boxed()
    }
}

#[cfg(test)]
mod tests;
