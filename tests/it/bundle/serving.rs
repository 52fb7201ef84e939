//! `bundle serve`: what clients get from it, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_RANGE, RANGE};
use serde_json::Value;

use super::differences::{update_tool, with_large_layers};
use super::site::Site;
use crate::support::{assert_says, clean_environment};

/// A process that serves a bundle.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn new(site: &Site, bundle: &str) -> Self {
        let folder = site.inner.directory();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chart-mirror"));
        command.args(["bundle", "serve", "--listen", "127.0.0.1:0"]).arg(site.path(bundle));
        command
            .current_dir(folder)
            .env_clear()
            .envs(clean_environment(std::env::vars_os(), folder));
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split(" at ").nth(1).and_then(|rest| rest.split(' ').next());
        Self { address: address.unwrap().to_owned(), process }
    }

    /// Ends it. Returns what it wrote to stderr.
    fn messages(mut self) -> String {
        self.process.kill().unwrap();
        let mut text = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended, or is no longer needed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_served_bundle_is_pulled_by_tag_digest_and_range_and_refuses_pushes() {
    let site = Site::new().await;
    site.export("site.tar", &["--no-chart"]);
    let served = Served::new(&site, "site.tar");
    let listed = site.inside(&[
        "bundle",
        "list",
        "--format",
        "json",
        site.path("site.tar").to_str().unwrap(),
    ]);
    let inventory: Value = serde_json::from_str(&listed.stdout).unwrap();
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for image in inventory["images"].as_array().unwrap() {
        let (repository, tag) = image["source"].as_str().unwrap().rsplit_once(':').unwrap();
        let digest = image["digest"].as_str().unwrap();
        let mut bodies = Vec::new();
        for name in [tag, digest] {
            let url = served.url(&format!("{repository}/manifests/{name}"));
            let response = client.get(&url).header(ACCEPT, "*/*").send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{url}");
            assert_eq!(response.headers()["docker-content-digest"], digest);
            bodies.push(response.bytes().await.unwrap());
        }
        assert_eq!(oci::Digest::of(&bodies[0]).as_str(), digest);
        assert_eq!(bodies[0], bodies[1]);
        let tags = client.get(served.url(&format!("{repository}/tags/list"))).send().await.unwrap();
        let tags: Value = serde_json::from_slice(&tags.bytes().await.unwrap()).unwrap();
        assert_eq!(tags["tags"][0], tag);
    }
    let (repository, _) =
        inventory["images"][0]["source"].as_str().unwrap().rsplit_once(':').unwrap();
    let (digest, size) = inventory["blobs"].as_object().unwrap().iter().next().unwrap();
    let url = served.url(&format!("{repository}/blobs/{digest}"));
    let part = client.get(&url).header(RANGE, "bytes=1-3").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[CONTENT_RANGE], format!("bytes 1-3/{size}").as_str());
    let whole = client.get(&url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(part.bytes().await.unwrap(), whole[1..4]);
    assert_eq!(oci::Digest::of(&whole).as_str(), digest);

    let upload = client.post(served.url(&format!("{repository}/blobs/uploads/"))).send().await;
    let refused = upload.unwrap();
    assert!(refused.status().is_client_error(), "{refused:?}");
    assert_says(&refused.text().await.unwrap(), &["served for reading only"]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interruption_is_the_regular_end_of_a_served_bundle() {
    let site = Site::new().await;
    site.export("site", &["--no-chart"]);
    for signal in ["-INT", "-TERM"] {
        let mut served = Served::new(&site, "site");
        let pid = served.process.id().to_string();
        duct::cmd("kill", [signal, &pid]).run().unwrap();
        let status = tokio::task::block_in_place(|| served.process.wait()).unwrap();
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_and_a_layout_that_is_no_bundle_are_refused() {
    let site = Site::new().await;
    site.export("site.tar", &["--no-chart"]);
    let bundle = site.path("site.tar");
    let serve = |address: &str| {
        site.inside(&["bundle", "serve", bundle.to_str().unwrap(), "--listen", address])
    };
    let refused = serve(site.target.address());
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["cannot listen on", "another port"]);
    assert_eq!(serve("localhost").exit_code, 2, "an address needs a port");

    assert_eq!(site.outside(&["mirror", "-d", "oci:plain"]).exit_code, 0);
    let plain = site.path("plain");
    let arguments = ["bundle", "serve", plain.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let refused = site.inside(&arguments);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["it is a layout, but not a bundle"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_is_not_complete_is_served_with_a_warning() {
    let site = Site::new().await;
    site.export("first", &["--no-chart"]);
    assert_eq!(Served::new(&site, "first").messages(), "");
    site.imported(&["first"], &[]);
    let address = site.target.address();
    assert_eq!(site.outside(&["inventory", "-d", address, "-o", "there.json"]).exit_code, 0);
    update_tool(&site);
    site.export("second", &["--no-chart", "--against", "there.json"]);
    let expected = ["warning: ", "leaves out", address, "bundle merge"];
    assert_says(&Served::new(&site, "second").messages(), &expected);
    with_large_layers(&site, &[200_000, 200_000]);
    site.export("parts.tar", &["--no-chart", "--split", "300kB"]);
    let messages = Served::new(&site, "parts-2.tar").messages();
    assert_says(&messages, &["warning: ", "these are not named: 1"]);
}
