//! Sends requests through redirects, by these rules: neither credentials nor cookies nor the client
//! certificate go to another origin; nothing leaves TLS; a public registry cannot send the client to a
//! private address. An upload whose `Location` is elsewhere follows the same rules.

use messages::Advice;
use reqwest::header::{AUTHORIZATION, COOKIE, LOCATION};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};

use super::clients::HttpClients;
use super::early_connections;
use crate::auth::realm::TokenServerTrust;

/// More redirects than any registry needs to reach its storage.
const LONGEST_CHAIN: usize = 5;

/// Why a request has no response. The address is where it was sent last, or was redirected to.
pub(crate) enum SendError {
    Library(reqwest::Error, Url),
    /// The server violated the rules of HTTP.
    Broken(&'static str, Url),
    /// The client does not contact this address.
    Refused(Box<Advice>, Url),
}

/// Sends a request, one of so many that are in flight to the registry, and follows redirects.
pub(crate) async fn send(
    clients: &HttpClients,
    mut request: Request,
    in_flight: usize,
) -> Result<Response, SendError> {
    let mut client = client_for(clients, request.url())?;
    for _ in 0..=LONGEST_CHAIN {
        let at = request.url().clone();
        // A stream cannot be sent twice: its sender gets the redirect as the response.
        let copy = request.try_clone();
        let response = execute(&client, request, in_flight).await?;
        clients.observe(&response);
        let (Some(target), Some(mut next)) = (redirect_target(&response), copy) else {
            return Ok(response);
        };
        if !is_followed(response.status(), next.method()) {
            return Ok(response);
        }
        let Some(target) =
            target.filter(|to| matches!(to.scheme(), "https" | "http") && to.has_host())
        else {
            return Err(SendError::Broken("the redirect has no valid address", at));
        };
        if at.scheme() == "https" && target.scheme() != "https" {
            return Err(SendError::Broken("a redirect leaves TLS", target));
        }
        if target.origin() != at.origin() {
            for header in [AUTHORIZATION, COOKIE] {
                next.headers_mut().remove(header);
            }
            client = client_for(clients, &target)?;
        }
        *next.url_mut() = target;
        request = next;
    }
    Err(SendError::Broken("too many redirects", request.url().clone()))
}

/// Sends a token request, and follows no redirect: the request may contain a secret. A token server of the
/// registry's owner is contacted with the same client as the registry.
pub(crate) async fn send_to_realm(
    clients: &HttpClients,
    trust: TokenServerTrust,
    request: Request,
) -> Result<Response, SendError> {
    let client = match trust {
        TokenServerTrust::Credentials => clients.own().clone(),
        TokenServerTrust::Anonymous => client_for(clients, request.url())?,
    };
    execute(&client, request, usize::MAX).await
}

async fn execute(
    client: &Client,
    request: Request,
    in_flight: usize,
) -> Result<Response, SendError> {
    let at = request.url().clone();
    let sent = early_connections::execute(client, request, in_flight).await;
    sent.map_err(|error| SendError::Library(error, at))
}

fn client_for(clients: &HttpClients, url: &Url) -> Result<Client, SendError> {
    clients.client_for(url).map_err(|why| SendError::Refused(Box::new(why), url.clone()))
}

/// The target of a redirect: `None` if the response is not one, `Some(None)` if the target cannot be parsed.
fn redirect_target(response: &Response) -> Option<Option<Url>> {
    let location =
        response.headers().get(LOCATION).filter(|_| response.status().is_redirection())?;
    Some(location.to_str().ok().and_then(|location| response.url().join(location).ok()))
}

/// Whether a redirect is followed with this method. After 301 to 303 a request that writes would become a
/// GET (RFC 9110, section 15.4), which is not what a registry intends.
fn is_followed(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301..=303 => *method == Method::GET || *method == Method::HEAD,
        307 | 308 => true,
        _ => false,
    }
}
