//! Removes the secrets of a request from text that the server returned: some servers repeat them in
//! their errors.

use std::time::Duration;

use reqwest::Url;

use crate::auth::credentials::{Credentials, Secret};
use crate::error::ErrorResponse;
use messages::Redactor;

/// Query parameters from the specifications; none of them is a secret.
const KNOWN: [&str; 8] = ["digest", "mount", "from", "n", "last", "scope", "service", "account"];

/// The secrets that a request contained.
#[derive(Default)]
pub(crate) struct RequestSecrets(Redactor);

impl RequestSecrets {
    /// Adds a token, or the value of an `Authorization` header, whose scheme is not a secret.
    pub(crate) fn with_secret(self, secret: &Secret) -> Self {
        self.with(secret.expose().rsplit(' ').next().unwrap_or_default())
    }

    /// Adds credentials in every form in which they are sent.
    pub(crate) fn with_credentials(mut self, credentials: &Credentials) -> Self {
        if let Some(basic) = credentials.basic() {
            self = self.with_secret(&basic);
        }
        // A password may contain spaces.
        self.with(credentials.secret().expose())
    }

    /// Adds the query of an address: signatures, the state of an upload.
    pub(crate) fn with_query_of(mut self, url: &Url) -> Self {
        let encoded = url.query().unwrap_or_default().split('&');
        let encoded = encoded.map(|pair| pair.split_once('=').unwrap_or(("", pair)));
        let encoded = encoded.map(|(key, value)| (key.into(), value.into()));
        for (key, value) in encoded.chain(url.query_pairs()) {
            if !KNOWN.contains(&&*key) {
                self = self.with(&value);
            }
        }
        self
    }

    /// Parses an error response and redacts it: before the text is shortened, because part of a secret would
    /// not be recognised; and again after parsing, because JSON may escape characters.
    pub(crate) fn error_response(
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

    fn with(self, text: &str) -> Self {
        Self(self.0.with(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(secrets: &RequestSecrets, body: &str) -> String {
        secrets.error_response(400, body.as_bytes(), None).message
    }

    #[test]
    fn credentials_are_redacted_in_every_form() {
        let credentials = Credentials::new("user", "pass word");
        let secrets = RequestSecrets::default().with_credentials(&credentials);
        let secrets = secrets.with_secret(&Secret::new("Bearer tok.en"));
        for secret in ["Basic dXNlcjpwYXNzIHdvcmQ=", "user:pass word", "Bearer tok.en"] {
            let text = redacted(&secrets, &format!("you sent {secret} to me"));
            assert!(text.starts_with("you sent ") && text.ends_with("*** to me"), "{text}");
        }
        assert_eq!(redacted(&secrets, "the user has no right"), "the user has no right");
        let escaped = r#"{"errors":[{"code":"DENIED","message":"tok\u002een is wrong"}]}"#;
        assert_eq!(redacted(&secrets, escaped), "DENIED: *** is wrong");
        let short = RequestSecrets::default().with_credentials(&Credentials::new("u", "p"));
        assert_eq!(redacted(&short, "no push"), "no push");
    }

    #[test]
    fn only_the_secret_parts_of_a_query_are_redacted() {
        let url =
            "https://s3/x?X-Amz-Signature=abc%2Bdef&_state=c3RhdGU=&digest=sha256:00&bare-token";
        let secrets = RequestSecrets::default().with_query_of(&Url::parse(url).unwrap());
        for secret in ["abc%2Bdef", "abc+def", "c3RhdGU=", "bare-token"] {
            assert_eq!(redacted(&secrets, &format!("<{secret}")), "an HTML page");
            assert_eq!(redacted(&secrets, &format!("bad {secret}!")), "bad ***!");
        }
        assert_eq!(redacted(&secrets, "sha256:00 is unknown"), "sha256:00 is unknown");
    }

    #[test]
    fn shortening_leaves_no_part_of_a_secret() {
        let secrets =
            RequestSecrets::default().with_secret(&Secret::new("Bearer 0123456789abcdef"));
        for before in 0..1200 {
            let text = redacted(&secrets, &format!("{}0123456789abcdef", "x".repeat(before)));
            assert!(!text.contains("0123"), "{before}: {text}");
        }
    }
}
