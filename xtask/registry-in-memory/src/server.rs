//! Connections and requests: takes a request through its fault, authentication and its handler.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer::{Answer, Stop};
use crate::faults::{Effect, Faults, Seen};
use crate::line::{AnswerBody, Ending, Line, RequestBody, Scissors};
use crate::log::{Arrival, Entry, InProgress, Log};
use crate::route::{Parameters, Route};
use crate::store::Store;
use crate::tokens::{Asked, Tokens};
use crate::{LocationStyle, Options, blobs, manifests, uploads};
use oci::{Digest, RepositoryPath};

/// What the requests of a registry share.
pub(super) struct Shared {
    pub(super) address: String,
    pub(super) options: Options,
    pub(super) store: Store,
    pub(super) log: Arc<Log>,
    pub(super) faults: Faults,
    pub(super) tokens: Tokens,
}

/// A request in the form in which the handlers take it.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) method: &'a Method,
    pub(super) query: &'a Parameters,
    pub(super) headers: &'a HeaderMap,
}

impl Shared {
    pub(super) fn new(address: String, options: Options) -> Self {
        Self {
            address,
            options,
            store: Store::default(),
            log: Log::new(),
            faults: Faults::default(),
            tokens: Tokens::default(),
        }
    }
}

impl Call<'_> {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A `Location`, in the form that the options ask for.
    pub(super) fn location(&self, path: &str) -> String {
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        match self.shared.options.location {
            LocationStyle::Relative => path.to_owned(),
            LocationStyle::Absolute | LocationStyle::WithState => {
                format!("http://{}{path}", host.unwrap_or(&self.shared.address))
            }
        }
    }

    /// Adds `Docker-Content-Digest`, unless this registry sends none.
    pub(super) fn naming(&self, answer: Answer, digest: &Digest) -> Answer {
        if !self.shared.options.digest_header {
            return answer;
        }
        answer.with("docker-content-digest", digest.as_str())
    }

    /// Refuses to push to a repository that neither exists nor comes to exist by being pushed to.
    pub(super) fn check_pushable(&self, repository: &str) -> Result<(), Stop> {
        if self.shared.options.create_repositories || self.shared.store.has_repository(repository) {
            return Ok(());
        }
        Err(Stop::name_unknown(repository))
    }
}

/// Serves connections until it is aborted, and every connection with it.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of descriptors, say: the next one may work.
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve_connection(stream, number, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    // Small answers must not wait for the client's acknowledgements.
    let _ = stream.set_nodelay(true);
    let (line, scissors) = Line::new(stream);
    let service =
        service_fn(move |request| serve_request(request, number, scissors.clone(), shared.clone()));
    // Whatever ends a connection early is the client's doing, or a fault's.
    let _ = http1::Builder::new().serve_connection(line, service).await;
}

async fn serve_request(
    request: Request<Incoming>,
    connection: u64,
    scissors: Arc<Scissors>,
    shared: Arc<Shared>,
) -> io::Result<Response<AnswerBody>> {
    let (head, incoming) = request.into_parts();
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or("");
    let route = Route::parse(path);
    let in_progress = shared.log.begin();
    let entry = shared.log.arrived(&Arrival {
        method: head.method.as_str(),
        path,
        query,
        repository: route.repository(),
        kind: route.kind(),
        headers: &head.headers,
        connection,
    });
    let authorized = head.headers.contains_key(AUTHORIZATION);
    let path = head.uri.path_and_query().map_or(path, |whole| whole.as_str());
    let seen = Seen { method: head.method.as_str(), path, route: &route, authorized };
    let effect = shared.faults.next(&seen);

    tokio::time::sleep(shared.options.latency).await;
    if let Some(Effect::Delay(time)) = effect {
        tokio::time::sleep(time).await;
    }
    if effect == Some(Effect::Reset) {
        return Err(cut(&scissors));
    }

    let cut_after = match effect {
        Some(Effect::DropUploadAfter(bytes)) => Some(bytes),
        _ => None,
    };
    let mut headers = head.headers;
    if effect == Some(Effect::IgnoreRange) {
        headers.remove("range");
    }
    let mut body = RequestBody::new(incoming, entry.clone(), cut_after);
    let query = if effect == Some(Effect::IgnoreMount) { "" } else { query };
    let query = Parameters::parse(query);
    let call = Call { shared: &shared, method: &head.method, query: &query, headers: &headers };
    let answer = match effect.as_ref().and_then(instead) {
        Some(answer) => answer,
        None => match handle(&call, &route, &mut body).await {
            Ok(answer) => answer,
            Err(Stop::Refused(answer)) => *answer,
            Err(Stop::Cut) => return Err(cut(&scissors)),
        },
    };
    if cut_after.is_some() {
        // The handler had no use for the rest of the body; the fault has.
        while let Ok(Some(_)) = body.next().await {}
        return Err(cut(&scissors));
    }
    if effect == Some(Effect::LoseAnswer) {
        return Err(cut(&scissors));
    }
    body.discard();
    Ok(respond(answer, effect, &head.method, Way { scissors, entry, in_progress }))
}

/// The answer of an effect that takes the place of the registry's own.
fn instead(effect: &Effect) -> Option<Answer> {
    let status =
        |code: u16| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match effect {
        Effect::Status { code, headers, body } => {
            let answer = Answer::new(status(*code)).with_body(body.clone());
            Some(headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value)))
        }
        Effect::Redirect { location, status: code } => {
            Some(Answer::new(status(*code)).with("location", location))
        }
        Effect::HtmlOk => {
            let page = "<!doctype html><title>Welcome</title><h1>It works!</h1>\n";
            let answer = Answer::new(StatusCode::OK).with("content-type", "text/html");
            Some(answer.with_body(page))
        }
        _ => None,
    }
}

async fn handle(call: &Call<'_>, route: &Route, body: &mut RequestBody) -> Result<Answer, Stop> {
    let Shared { options, tokens, address, .. } = call.shared;
    let Call { method, query, headers, .. } = *call;
    let asked = Asked { method, route, query, headers };
    if *route == Route::Token {
        return tokens.issue(&options.authentication, &asked, body).await;
    }
    // Who does not say that he speaks plain HTTP stands behind somebody who speaks TLS.
    let origin = match options.location {
        LocationStyle::Relative => String::new(),
        LocationStyle::Absolute | LocationStyle::WithState => format!("http://{address}"),
    };
    tokens.check(&options.authentication, &origin, &asked)?;

    if let Some(repository) = route.repository()
        && repository.parse::<RepositoryPath>().is_err()
    {
        let why = "invalid repository name";
        return Err(Stop::refused(StatusCode::BAD_REQUEST, "NAME_INVALID", why));
    }
    let parts = route.repository().map_or(0, |repository| repository.split('/').count());
    if options.deepest_path.is_some_and(|most| parts > most) {
        // Not a word about the path: they take it for somebody else's.
        let why = "requested access to the resource is denied";
        return Err(Stop::refused(StatusCode::FORBIDDEN, "DENIED", why));
    }
    match route {
        Route::Base => base(call),
        Route::Manifest { repository, reference } => {
            manifests::handle(call, repository, reference, body).await
        }
        Route::Tags { repository } => manifests::list_tags(call, repository),
        Route::Referrers { repository, digest } => {
            manifests::list_referrers(call, repository, digest)
        }
        Route::Blob { repository, digest } => blobs::handle(call, repository, digest),
        Route::Uploads { repository } => uploads::begin(call, repository, body).await,
        Route::Upload { repository, id } => uploads::handle(call, repository, id, body).await,
        Route::Token | Route::Unknown => {
            Err(Stop::refused(StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing here"))
        }
    }
}

fn base(call: &Call<'_>) -> Result<Answer, Stop> {
    match *call.method {
        Method::GET | Method::HEAD => {
            let answer = Answer::json(StatusCode::OK, "application/json", &serde_json::json!({}));
            Ok(answer.with("docker-distribution-api-version", "registry/2.0"))
        }
        _ => Err(Stop::method_unsupported()),
    }
}

/// What the answer travels with.
struct Way {
    scissors: Arc<Scissors>,
    entry: Arc<Entry>,
    in_progress: InProgress,
}

fn respond(
    answer: Answer,
    effect: Option<Effect>,
    method: &Method,
    way: Way,
) -> Response<AnswerBody> {
    let ending = match effect {
        Some(Effect::CloseAfter(bytes)) => Ending::CloseAfter(bytes),
        Some(Effect::Stall(bytes)) => Ending::StallAfter(bytes),
        _ => Ending::Complete,
    };
    let mut answer = match &effect {
        Some(effect) => altered(answer, effect),
        None => answer,
    };
    let length = answer.body.len();
    let mut sized = true;
    // A HEAD announces the length of what it does not send.
    if answer.status != StatusCode::NO_CONTENT {
        answer.headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
    if let Some(Effect::OmitHeader(name)) = &effect {
        sized = !name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str());
        answer.headers.remove(name.as_str());
    }
    if *method == Method::HEAD || answer.status == StatusCode::NO_CONTENT {
        answer.body = Bytes::new();
    }
    way.entry.answered(answer.status.as_u16());
    let body = AnswerBody::new(answer.body, ending, way.scissors, way.entry, way.in_progress);
    let body = match effect {
        Some(Effect::Trickle { pieces, pause }) => body.paced(pieces, pause),
        _ if !sized => body.without_length(),
        _ => body,
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// What an effect makes of the registry's own answer.
fn altered(mut answer: Answer, effect: &Effect) -> Answer {
    let body = &answer.body;
    match effect {
        Effect::Corrupt { at } => answer.body = flipped(body, *at),
        Effect::ExtraBytes(count) => answer.body = [body, &vec![b'x'; *count][..]].concat().into(),
        Effect::LieAboutDigest => {
            let other = Digest::of(b"something else");
            return answer.with("docker-content-digest", other.as_str());
        }
        Effect::SetHeader(name, value) => return answer.with(name, value),
        Effect::AnswerStatus(code) => answer.status = status(*code),
        Effect::WrongContentRange if answer.status == StatusCode::PARTIAL_CONTENT => {
            let size = body.len();
            return answer.with("content-range", format!("bytes 1-{size}/{}", size + 1));
        }
        _ => {}
    }
    answer
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

fn cut(scissors: &Scissors) -> io::Error {
    scissors.reset();
    io::ErrorKind::ConnectionReset.into()
}
