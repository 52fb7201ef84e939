//! Nothing that a run prints or writes contains a user, a password, a token, a signature or the state of
//! an upload.

use std::path::Path;

use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{
    Authentication, Effect, Fault, InMemoryRegistry, Kind, LocationStyle, RefreshToken,
    RegistryOptions,
};
use serde_json::json;

use super::set_mode;
use crate::support::stage::Stage;
use crate::support::write;
use crate::support::xtask::{Finished, Xtask};

pub(super) const USER: &str = "canary-user-3f1a";
pub(super) const PASSWORD: &str = "canary-password-7c1e";
pub(super) const REFRESH: &str = "canary-refresh-51d0";
pub(super) const SIGNATURE: &str = "canary-signature-99ab";

/// A source that requires a password, and a destination that requires an identity token.
pub(super) async fn stage(refresh: RefreshToken) -> (Stage, InMemoryRegistry) {
    let source = RegistryOptions {
        authentication: Authentication::basic(USER, PASSWORD),
        ..RegistryOptions::default()
    };
    let destination = RegistryOptions {
        authentication: Authentication::bearer(USER, PASSWORD),
        location: LocationStyle::WithState,
        ..RegistryOptions::default()
    };
    let mut stage = Stage::with(source, destination).await;
    for name in ["one", "two"] {
        let image = docker_image(&[Layer::new(name, 5000)]);
        stage.publish(&format!("stackstate/{name}"), "1", &image);
    }
    stage.destination.accept_refresh_token(REFRESH, refresh);
    // Blobs come from a signed URL, as in most cloud registries.
    let storage = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let image = docker_image(&[Layer::new("one", 5000)]);
    for (digest, bytes) in &image.blobs {
        storage.store().put_blob("stackstate/one", bytes.clone());
        let location = format!(
            "http://{}/v2/stackstate/one/blobs/{digest}?X-Amz-Signature={SIGNATURE}",
            storage.address()
        );
        let away = Effect::Redirect { location, status: 307 };
        let fault = Fault::new(away).kind(Kind::Blob).authorized().path(digest.as_str());
        stage.source.inject(fault.always());
    }
    (stage, storage)
}

pub(super) struct Desk {
    pub(super) xtask: Xtask,
    pub(super) images: String,
}

impl Desk {
    pub(super) fn new(stage: &Stage) -> Self {
        let xtask = Xtask::new();
        let values = "[values]\n\"global.imageRegistry\" = \"{registry}\"\n";
        let images = write(&xtask, "images.toml", format!("{values}{}", stage.list()));
        let config = json!({"auths": {
            stage.source.address(): {"username": USER, "password": PASSWORD},
            stage.destination.address(): {"auth": "eDo=", "identitytoken": REFRESH},
        }});
        write(&xtask, ".docker/config.json", config.to_string());
        set_mode(&xtask.directory().join(".docker/config.json"), 0o600);
        Self { xtask, images }
    }

    fn run(&self, stage: &Stage, arguments: &[&str]) -> Finished {
        self.run_in(stage, arguments, &[])
    }

    /// Runs any command, with variables.
    pub(super) fn run_in(
        &self,
        stage: &Stage,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Finished {
        let fixed = ["-v", "--images", &self.images];
        let destination = ["-d", stage.destination.address()];
        let has_one = matches!(arguments[0], "mirror" | "doctor" | "values" | "verify");
        let destination =
            if has_one && !arguments.contains(&"--probe") { &destination[..] } else { &[] };
        let arguments = [&fixed, arguments, destination].concat();
        tokio::task::block_in_place(|| self.xtask.run(&arguments, variables))
    }
}

/// All secrets that were sent, and those that they were derived from.
pub(super) fn secrets(stage: &Stage) -> Vec<String> {
    let mut secrets: Vec<String> = [USER, PASSWORD, REFRESH, SIGNATURE].map(str::to_owned).into();
    for request in stage.source.requests().iter().chain(&stage.destination.requests()) {
        let sent = request.header("authorization").and_then(|value| value.split_once(' '));
        secrets.extend(sent.map(|(_, secret)| secret.to_owned()));
        let state = request.query.split('&').find_map(|pair| pair.strip_prefix("_state="));
        secrets.extend(state.map(str::to_owned));
    }
    secrets.sort();
    secrets.dedup();
    secrets
}

pub(super) fn assert_clean(stage: &Stage, desk: &Desk, what: &str, finished: &Finished) {
    let mut texts = vec![
        (format!("stdout of {what}"), finished.stdout.clone()),
        (format!("stderr of {what}"), finished.stderr.clone()),
    ];
    written_files(desk.xtask.directory(), &mut texts);
    for secret in secrets(stage) {
        for (name, text) in &texts {
            assert!(!text.contains(&secret), "{name} contains {secret}:\n{text}");
        }
    }
}

/// The files below a folder, except the one that the credentials come from.
fn written_files(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            written_files(&entry, texts);
        } else if !entry.ends_with(".docker/config.json") {
            let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
            texts.push((entry.display().to_string(), text));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successful_run_prints_and_writes_no_secret() {
    for format in ["human", "json"] {
        let (stage, _storage) = stage(RefreshToken::Replaced).await;
        let desk = Desk::new(&stage);
        let runs: [(&[&str], i32); 4] = [
            (&["doctor", "--offline", "--format", format], 0),
            (&["mirror", "-t", "--format", format], 0),
            (&["mirror", "--format", format], 0),
            (&["values", "--write"], 0),
        ];
        for (arguments, exit_code) in runs {
            let finished = desk.run(&stage, arguments);
            assert_eq!(finished.exit_code, exit_code, "{finished:?}");
            assert_clean(&stage, &desk, arguments[0], &finished);
        }
        stage.assert_mirrored();
        assert!(
            secrets(&stage).len() > 8,
            "tokens and upload states were used: {:?}",
            secrets(&stage)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_prints_no_secret_even_if_servers_repeat_them() {
    let (stage, storage) = stage(RefreshToken::Lasting).await;
    let desk = Desk::new(&stage);
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"))
    };
    let repeat = |code: u16, secret: &str| {
        let body = format!("you sent {secret}, which is wrong");
        Effect::Status { code, headers: Vec::new(), body }
    };
    storage.inject(Fault::status(403).always());
    stage
        .source
        .inject(Fault::new(repeat(403, &basic)).repository("stackstate/two").authorized().always());
    for format in ["human", "json"] {
        let finished = desk.run(&stage, &["mirror", "--format", format]);
        assert_eq!(finished.exit_code, 1, "{finished:?}");
        assert!(finished.stdout.contains("you sent ***"), "{}", finished.stdout);
        assert_clean(&stage, &desk, "mirror", &finished);
    }
    stage.destination.inject(Fault::new(repeat(400, REFRESH)).kind(Kind::Token).always());
    for command in ["mirror", "doctor"] {
        let finished = desk.run(&stage, &[command]);
        assert_eq!(finished.exit_code, 1, "{finished:?}");
        assert!(finished.stdout.contains("you sent ***"), "{}", finished.stdout);
        assert_clean(&stage, &desk, command, &finished);
    }
}
