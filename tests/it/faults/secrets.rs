//! No output of a run contains a password, a token or a signed address.

use chart_mirror::report::presentation::Presentation;
use std::collections::BTreeSet;

use chart_mirror::report;
use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{
    Authentication, Effect, Fault, InMemoryRegistry, Kind, LocationStyle, RegistryOptions,
};

use crate::support::stage::Stage;

const PASSWORD: &str = "canary-password-7c1e";
const SIGNATURE: &str = "canary-signature-99ab";

/// A stage that uses all kinds of secrets: a password on one side, tokens on the other, signed addresses and
/// upload state. It has failures of every kind; transient ones end after this many times.
pub(crate) async fn with_canaries(times: usize) -> (Stage, InMemoryRegistry) {
    let source = RegistryOptions {
        authentication: Authentication::basic("u", PASSWORD),
        ..RegistryOptions::default()
    };
    let destination = RegistryOptions {
        authentication: Authentication::bearer("u", PASSWORD),
        location: LocationStyle::WithState,
        ..RegistryOptions::default()
    };
    let mut stage = Stage::with(source, destination).await;
    for side in ["STS", "DST"] {
        stage.set(&format!("{side}_REGISTRY_USERNAME"), "u");
        stage.set(&format!("{side}_REGISTRY_PASSWORD"), PASSWORD);
    }
    for name in ["good", "corrupt", "refused", "broken", "redirected", "unreachable"] {
        let layer = Layer::new(name, 5000);
        stage.publish(&format!("stackstate/{name}"), "1", &docker_image(&[layer]));
    }
    let elsewhere = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let of_blob = |effect, name: &str| {
        Fault::new(effect).repository(&format!("stackstate/{name}")).kind(Kind::Blob).authorized()
    };
    stage.source.inject(of_blob(Effect::Corrupt { at: 0 }, "corrupt").always());
    let away = |address: &str| Effect::Redirect {
        location: format!("http://{address}/x?X-Amz-Signature={SIGNATURE}"),
        status: 307,
    };
    stage.source.inject(of_blob(away(elsewhere.address()), "redirected").always());
    stage.source.inject(of_blob(away("127.0.0.1:1"), "unreachable").times(times));
    let puts = |effect, name: &str| {
        Fault::new(effect).repository(&format!("stackstate/{name}")).method("PUT")
    };
    let refusal = Effect::Status { code: 400, headers: Vec::new(), body: "no".to_owned() };
    stage.destination.inject(puts(refusal, "refused").always());
    stage.destination.inject(puts(Effect::Reset, "broken").times(times));
    (stage, elsewhere)
}

/// All secrets that were in use, as configured and as sent.
pub(crate) fn secrets(stage: &Stage) -> BTreeSet<String> {
    let mut secrets: BTreeSet<String> = [PASSWORD, SIGNATURE].map(str::to_owned).into();
    for request in stage.source.requests().iter().chain(&stage.destination.requests()) {
        let sent = request.header("authorization").and_then(|value| value.split_once(' '));
        secrets.extend(sent.map(|(_, secret)| secret.to_owned()));
        let state = request.query.split('&').find_map(|pair| pair.strip_prefix("_state="));
        secrets.extend(state.map(str::to_owned));
    }
    assert!(secrets.len() > 6, "passwords, tokens and states were in use: {secrets:?}");
    secrets
}

pub(crate) fn assert_no_secret(stage: &Stage, what: &str, text: &str) {
    for secret in secrets(stage) {
        assert!(!text.contains(&secret), "{what} contains {secret}:\n{text}");
    }
}

#[tokio::test]
async fn neither_reports_nor_errors_contain_a_secret() {
    let (mut stage, _elsewhere) = with_canaries(usize::MAX).await;
    stage.retry.retries = 1;
    let report = stage.mirror().await;
    assert_eq!((report.totals().copied, report.totals().failed), (1, 5));
    assert_no_secret(
        &stage,
        "the report for people",
        &report::mirror::human(&report, Presentation::default()),
    );
    assert_no_secret(&stage, "the report for programs", &report::mirror::json(&report));
    assert_no_secret(&stage, "the value of the report", &format!("{report:?}"));
    for (_, error) in report.failures() {
        assert!(!error.to_string().contains('?'), "an address with its query: {error}");
    }
}
