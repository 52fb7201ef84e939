//! The registry in memory as a client sees it: its responses, its faults and its log.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod faults;
mod links;
mod protocol;
mod published;
mod tokens;

use bytes::Bytes;
use oci::Digest;
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use reqwest::header::HeaderMap;

/// A registry, and a client without redirects and credentials.
struct Wire {
    registry: InMemoryRegistry,
    client: reqwest::Client,
}

/// A response with its whole body.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Wire {
    async fn start(options: RegistryOptions) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Reading the certificates of the machine would take most of the time of a test.
            .tls_certs_only([])
            .build()
            .unwrap();
        Self { registry: InMemoryRegistry::start(options).await.unwrap(), client }
    }

    /// The URL of a path of the registry; a whole URL stays.
    fn url(&self, path: &str) -> String {
        if path.starts_with("http:") {
            return path.to_owned();
        }
        format!("http://{}{path}", self.registry.address())
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<Answer> {
        let method = method.parse().unwrap();
        let mut request = self.client.request(method, self.url(path)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await? })
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await.unwrap()
    }

    /// Begins an upload and returns where it continues.
    async fn begin_upload(&self, repository: &str) -> String {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let answer = self.send("POST", &path, &[], "").await.unwrap();
        assert_eq!(answer.status, 202);
        answer.header("location").to_owned()
    }

    /// `GET /v2/ 200`, one per request.
    fn log(&self) -> Vec<String> {
        let line = |request: &registry_in_memory::LoggedRequest| {
            let status = request.status.map_or("cut".to_owned(), |status| status.to_string());
            format!("{} {status}", request.line())
        };
        self.registry.requests().iter().map(line).collect()
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code in the error envelope.
    fn code(&self) -> String {
        let envelope: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        envelope["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

fn manifest_of(blob: &Digest) -> String {
    format!(r#"{{"schemaVersion":2,"layers":[{{"digest":"{blob}","size":5}}]}}"#)
}

fn blob_path(repository: &str, digest: &Digest) -> String {
    format!("/v2/{repository}/blobs/{digest}")
}

fn with_digest(location: &str, digest: &Digest) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}digest={digest}")
}
