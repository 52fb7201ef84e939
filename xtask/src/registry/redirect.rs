//! Redirects: where a registry may send us, and where it did.

use std::cell::RefCell;

use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{RequestBuilder, Response, Url};

/// More redirects than any registry needs to reach its storage.
const LONGEST_CHAIN: usize = 5;

tokio::task_local! {
    /// Where the request under way was sent on to. The HTTP library tells that to its policy only:
    /// its errors name the address where the request began.
    static SENT_ON_TO: RefCell<Option<Url>>;
    /// Set while a request is under way that goes where it was sent, or nowhere.
    static STAYS: ();
}

/// A request without an answer.
pub(crate) struct Unanswered {
    pub(crate) error: reqwest::Error,
    /// Where it was sent on to, if it was.
    pub(crate) sent_on_to: Option<Url>,
}

/// Follows a blob to where the registry stores it, and nowhere else: never from TLS to plain HTTP.
/// Credentials do not travel to another origin; the HTTP library takes them off.
pub(crate) fn policy() -> Policy {
    Policy::custom(follow)
}

/// Sends a request, through all redirects.
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, Unanswered> {
    let sent = async {
        let result = request.send().await;
        result.map_err(|error| Unanswered { error, sent_on_to: SENT_ON_TO.with(RefCell::take) })
    };
    SENT_ON_TO.scope(RefCell::default(), sent).await
}

/// Sends a request that follows no redirect: the body of it may be a secret, and the HTTP library would
/// send it on.
pub(crate) async fn send_to_one(request: RequestBuilder) -> Result<Response, Unanswered> {
    STAYS.scope((), send(request)).await
}

fn follow(attempt: Attempt<'_>) -> Action {
    if STAYS.try_with(|()| ()).is_ok() {
        return attempt.stop();
    }
    let leaves_tls = attempt.url().scheme() != "https"
        && attempt.previous().first().is_some_and(|first| first.scheme() == "https");
    if leaves_tls {
        return attempt.error("a redirect leaves TLS");
    }
    if attempt.previous().len() > LONGEST_CHAIN {
        return attempt.error("too many redirects");
    }
    // Outside of `send` nobody asks.
    drop(SENT_ON_TO.try_with(|to| to.replace(Some(attempt.url().clone()))));
    attempt.follow()
}
