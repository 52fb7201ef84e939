//! Serves connections, and takes each request through its fault, authentication and handler.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use oci::RepositoryPath;
use registry_server::route::{Kind, Parameters};
use registry_server::{ErrorReply, Reply};
use tokio::net::TcpStream;

use crate::body::{Delivery, Ending, RequestBody, ResponseBody};
use crate::call::{Call, Shared};
use crate::connection::{Connection, Cutter};
use crate::failure::Failure;
use crate::faults::Effect;
use crate::request::Request;
use crate::{LocationStyle, blobs, effects, manifests, uploads};

/// Serves one connection until it ends.
pub(super) async fn serve_connection(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    shared.log.connected();
    let (connection, cutter) = Connection::new(stream);
    let service =
        service_fn(move |request| serve_request(request, number, cutter.clone(), shared.clone()));
    // An error here is a client that disconnected, or a fault.
    let _ = http1::Builder::new().serve_connection(connection, service).await;
}

async fn serve_request(
    request: hyper::Request<Incoming>,
    connection: u64,
    cutter: Arc<Cutter>,
    shared: Arc<Shared>,
) -> io::Result<Response<ResponseBody>> {
    let (head, incoming) = request.into_parts();
    let mut request = Request::new(head);
    let (entry, in_progress) = shared.log.begin(&request, connection);
    let effect = shared.faults.next(&request).or_else(|| shared.chaos.next(&request));
    entry.update(|logged| logged.effect = effect.clone());

    tokio::time::sleep(shared.options.latency).await;
    let (mut cut_after, mut flip_at) = (None, None);
    match &effect {
        Some(Effect::Delay(time)) => tokio::time::sleep(*time).await,
        Some(Effect::Reset) => return Err(cutter.reset()),
        Some(Effect::DropUploadAfter(bytes)) => cut_after = Some(*bytes),
        Some(Effect::CorruptUpload { at }) => flip_at = Some(*at),
        Some(Effect::LoseSession) => drop(shared.store.end_upload(&request.route.name)),
        Some(Effect::ExpireToken) => shared.tokens.expire(&request.headers),
        Some(Effect::IgnoreRange) => drop(request.headers.remove("range")),
        Some(Effect::IgnoreMount) => request.query = Parameters::default(),
        _ => {}
    }
    let mut body = RequestBody::new(incoming, entry.clone(), cut_after, flip_at);
    let replacement = |effect: &Effect| effects::replacement(effect, &request);
    let reply = match effect.as_ref().and_then(replacement) {
        Some(reply) => reply,
        None => match handle(&Call { shared: &shared, request: &request }, &mut body).await {
            Ok(reply) => reply,
            Err(Failure::Refused(refusal)) => refusal.into_reply(),
            Err(Failure::Disconnected) => return Err(cutter.reset()),
        },
    };
    if cut_after.is_some() {
        // The handler did not read the rest of the body; the fault counts those bytes.
        while let Ok(Some(_)) = body.next().await {}
    }
    if cut_after.is_some() || effect == Some(Effect::LoseResponse) {
        return Err(cutter.reset());
    }
    body.discard();
    let delivery = Delivery { cutter, entry, _in_progress: in_progress };
    Ok(respond(reply, effect, &request.method, delivery))
}

async fn handle(call: &Call<'_>, body: &mut RequestBody) -> Result<Reply, Failure> {
    let Shared { options, tokens, address, .. } = call.shared;
    let route = &call.request.route;
    if route.kind == Kind::Token {
        return tokens.issue(&options.authentication, call.request, body).await;
    }
    // With relative locations, the registry stands behind a server that terminates TLS.
    let origin = match options.location {
        LocationStyle::Relative => String::new(),
        LocationStyle::Absolute | LocationStyle::WithState => format!("http://{address}"),
    };
    tokens.check(&options.authentication, &origin, call.request)?;

    let repository = route.repository.as_deref().unwrap_or_default();
    if route.repository.is_some() && repository.parse::<RepositoryPath>().is_err() {
        return Err(ErrorReply::name_invalid().into());
    }
    if options.deepest_path.is_some_and(|most| repository.split('/').count() > most) {
        // Such registries take the path for somewhere else, and do not mention its depth.
        let why = "requested access to the resource is denied";
        return Err(ErrorReply::new(StatusCode::FORBIDDEN, "DENIED", why).into());
    }
    let (name, method) = (route.name.as_str(), &call.request.method);
    match route.kind {
        Kind::Base if method == Method::GET || method == Method::HEAD => Ok(Reply::base()),
        Kind::Manifest => manifests::handle(call, repository, name, body).await,
        Kind::Catalog if method == Method::GET => Ok(manifests::list_repositories(call)?),
        Kind::Tags if method == Method::GET => Ok(manifests::list_tags(call, repository)?),
        Kind::Referrers if method == Method::GET => {
            Ok(manifests::list_referrers(call, repository, name)?)
        }
        Kind::Blob => Ok(blobs::handle(call, repository, name)?),
        Kind::Upload if !name.is_empty() => uploads::handle(call, repository, name, body).await,
        Kind::Upload if method == Method::POST => uploads::begin(call, repository, body).await,
        Kind::Token | Kind::Other => Err(ErrorReply::not_found().into()),
        Kind::Base | Kind::Catalog | Kind::Tags | Kind::Referrers | Kind::Upload => {
            Err(ErrorReply::unsupported().into())
        }
    }
}

fn respond(
    mut reply: Reply,
    effect: Option<Effect>,
    method: &Method,
    delivery: Delivery,
) -> Response<ResponseBody> {
    if let Some(effect) = &effect {
        reply = effects::altered(reply, effect);
    }
    // A HEAD announces the length of the body that it does not send.
    if reply.status != StatusCode::NO_CONTENT {
        reply.headers.entry(CONTENT_LENGTH).or_insert(reply.body.len().into());
    }
    if let Some(Effect::OmitHeader(name)) = &effect {
        reply.headers.remove(name.as_str());
    }
    if *method == Method::HEAD || reply.status == StatusCode::NO_CONTENT {
        reply.body = Bytes::new();
    }
    delivery.entry.update(|logged| logged.status = Some(reply.status.as_u16()));
    let ending = match effect {
        Some(Effect::CloseAfter(bytes)) => Ending::CloseAfter(bytes),
        Some(Effect::Stall(bytes)) => Ending::StallAfter(bytes),
        _ => Ending::Complete,
    };
    let body = ResponseBody::new(reply.body, ending, delivery);
    let body = match effect {
        Some(Effect::Trickle { pieces, pause }) => body.paced(pieces, pause),
        Some(Effect::OmitHeader(name)) if name.eq_ignore_ascii_case("content-length") => {
            body.without_length()
        }
        _ => body,
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
