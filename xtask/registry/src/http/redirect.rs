//! Redirects: where a registry may send us, and with what we go there.
//!
//! Neither the login nor cookies nor our certificate travel to another origin; nothing goes out of TLS,
//! nor to a private address unless the registry is at one itself. Uploads that were sent elsewhere by
//! their `Location` keep to the same rules.

use reqwest::header::{AUTHORIZATION, COOKIE, LOCATION};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};

use super::clients::Connections;
use crate::auth::realm::TokenServerTrust;

/// More redirects than any registry needs to reach its storage.
const LONGEST_CHAIN: usize = 5;

/// A request without an answer.
pub(crate) struct Unanswered {
    pub(crate) why: Why,
    /// Where it was sent in the end.
    pub(crate) at: Url,
}

/// Why there is no answer.
pub(crate) enum Why {
    Library(reqwest::Error),
    /// The server broke the rules of HTTP.
    Broken(&'static str),
    /// We do not go where we were sent.
    Refused(String),
}

/// Sends a request, through all redirects.
pub(crate) async fn send(
    connections: &Connections,
    request: Request,
) -> Result<Response, Unanswered> {
    let client = client_for(connections, request.url()).await?;
    send_with(connections, client, request).await
}

/// Sends a request for a token, and follows no redirect: what it carries may be a secret. Who belongs to
/// the registry is asked in the same way as the registry itself.
pub(crate) async fn send_to_realm(
    connections: &Connections,
    trust: TokenServerTrust,
    request: Request,
) -> Result<Response, Unanswered> {
    let at = request.url().clone();
    let client = match trust {
        TokenServerTrust::Credentials => connections.own().clone(),
        TokenServerTrust::Anonymous => client_for(connections, &at).await?,
    };
    let sent = client.execute(request).await;
    sent.map_err(|error| Unanswered { why: Why::Library(error), at })
}

async fn send_with(
    connections: &Connections,
    mut client: Client,
    mut request: Request,
) -> Result<Response, Unanswered> {
    for _ in 0..=LONGEST_CHAIN {
        let at = request.url().clone();
        // A stream cannot be sent twice; whoever sends one gets the redirect for an answer.
        let again = request.try_clone();
        let sent = client.execute(request).await;
        let response =
            sent.map_err(|error| Unanswered { why: Why::Library(error), at: at.clone() })?;
        connections.answered(&response);
        let (Some(to), Some(mut next)) = (target(&response), again) else { return Ok(response) };
        if !is_followed(response.status(), next.method()) {
            return Ok(response);
        }
        let Some(to) = to.filter(|to| matches!(to.scheme(), "https" | "http") && to.has_host())
        else {
            return Err(Unanswered { why: Why::Broken("the redirect leads to no address"), at });
        };
        if at.scheme() == "https" && to.scheme() != "https" {
            return Err(Unanswered { why: Why::Broken("a redirect leaves TLS"), at: to });
        }
        if to.origin() != at.origin() {
            for header in [AUTHORIZATION, COOKIE] {
                next.headers_mut().remove(header);
            }
            client = client_for(connections, &to).await?;
        }
        *next.url_mut() = to;
        request = next;
    }
    Err(Unanswered { why: Why::Broken("too many redirects"), at: request.url().clone() })
}

async fn client_for(connections: &Connections, url: &Url) -> Result<Client, Unanswered> {
    let client = connections.client_for(url).await;
    client.map_err(|why| Unanswered { why: Why::Refused(why), at: url.clone() })
}

/// Where an answer sends us: `None` for one that does not, `Some(None)` for one that cannot be read.
fn target(response: &Response) -> Option<Option<Url>> {
    let location =
        response.headers().get(LOCATION).filter(|_| response.status().is_redirection())?;
    Some(location.to_str().ok().and_then(|location| response.url().join(location).ok()))
}

/// Whether a redirect is for this method: others than reading would have to become reading
/// (RFC 9110, section 15.4), and a registry means something else.
fn is_followed(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301..=303 => *method == Method::GET || *method == Method::HEAD,
        307 | 308 => true,
        _ => false,
    }
}
