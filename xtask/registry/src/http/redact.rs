//! What a request has shown to its server and nobody else may see: some servers repeat it in their
//! errors.

use std::time::Duration;

use reqwest::Url;

use crate::auth::credentials::{Credentials, Secret};
use crate::error::ErrorResponse;
use messages::Redactor;

/// Parts of a query that the specifications name, and none of them is a secret.
const KNOWN: [&str; 8] = ["digest", "mount", "from", "n", "last", "scope", "service", "account"];

/// Texts to be taken out of whatever the server says.
#[derive(Default)]
pub(crate) struct Shown(Redactor);

impl Shown {
    /// A token, or the value of an `Authorization` header, of which what stands behind the scheme is secret.
    pub(crate) fn secret(self, secret: &Secret) -> Self {
        let bare = secret.expose().rsplit(' ').next().unwrap_or_default().to_owned();
        self.text(bare)
    }

    /// A login, in each form in which it is sent.
    pub(crate) fn login(mut self, credentials: &Credentials) -> Self {
        if let Some(basic) = credentials.basic() {
            self = self.secret(&basic);
        }
        // A password may have spaces in it.
        self.text(credentials.secret().expose().to_owned())
    }

    /// The query of an address: signatures, the state of an upload.
    pub(crate) fn query_of(mut self, url: &Url) -> Self {
        for pair in url.query().unwrap_or_default().split('&') {
            let (key, value) = pair.split_once('=').unwrap_or(("", pair));
            if !KNOWN.contains(&key) {
                self = self.text(value.to_owned());
            }
        }
        for (key, value) in url.query_pairs() {
            if !KNOWN.contains(&key.as_ref()) {
                self = self.text(value.into_owned());
            }
        }
        self
    }

    /// Parses an error response and redacts it: before the text is shortened, because part of a secret would
    /// not be recognised; and again after parsing, because JSON may escape characters.
    pub(crate) fn response(
        &self,
        status: u16,
        body: &[u8],
        retry_after: Option<Duration>,
    ) -> ErrorResponse {
        let body = self.0.redact(&String::from_utf8_lossy(body));
        let mut response = ErrorResponse::parse(status, body.as_bytes(), retry_after);
        response.message = self.0.redact(&response.message);
        response
    }

    fn text(self, text: String) -> Self {
        Self(self.0.with(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(shown: &Shown, body: &str) -> String {
        shown.response(400, body.as_bytes(), None).message
    }

    #[test]
    fn what_was_shown_is_taken_out_of_what_is_said_in_every_form() {
        let login = Credentials::new("user", "pass word");
        let login = Shown::default().login(&login).secret(&Secret::new("Bearer tok.en"));
        for said in ["Basic dXNlcjpwYXNzIHdvcmQ=", "user:pass word", "Bearer tok.en"] {
            let told = words(&login, &format!("you sent {said} to me"));
            assert!(told.starts_with("you sent ") && told.ends_with("*** to me"), "{told}");
        }
        assert_eq!(words(&login, "the user has no right"), "the user has no right");
        let escaped = r#"{"errors":[{"code":"DENIED","message":"tok\u002een is wrong"}]}"#;
        assert_eq!(words(&login, escaped), "DENIED: *** is wrong");
        let short = Shown::default().login(&Credentials::new("u", "p"));
        assert_eq!(words(&short, "no push"), "no push");
    }

    #[test]
    fn of_a_query_what_is_secret_is_hidden_and_what_it_is_about_is_not() {
        let url =
            "https://s3/x?X-Amz-Signature=abc%2Bdef&_state=c3RhdGU=&digest=sha256:00&bare-token";
        let shown = Shown::default().query_of(&Url::parse(url).unwrap());
        for secret in ["abc%2Bdef", "abc+def", "c3RhdGU=", "bare-token"] {
            assert_eq!(words(&shown, &format!("<{secret}")), "an HTML page");
            assert_eq!(words(&shown, &format!("bad {secret}!")), "bad ***!");
        }
        assert_eq!(words(&shown, "sha256:00 is unknown"), "sha256:00 is unknown");
    }

    #[test]
    fn no_piece_of_a_secret_stays_where_long_words_are_cut() {
        let shown = Shown::default().secret(&Secret::new("Bearer 0123456789abcdef"));
        for before in 0..1200 {
            let told = words(&shown, &format!("{}0123456789abcdef", "x".repeat(before)));
            assert!(!told.contains("0123"), "{before}: {told}");
        }
    }
}
