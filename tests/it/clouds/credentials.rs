//! Credentials from the command lines of clouds: when these are started, and what happens if they fail.

use std::time::Duration;

use registry_in_memory::{Authentication, TokenKey, TokenStyle};

use super::Cloud;
use crate::support::stage::words;
use crate::support::xtask::Xtask;
use crate::support::{assert_says, write};

const ACR: &str = "mine.azurecr.io";
const GAR: &str = "europe-docker.pkg.dev";
const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

const AZ_USER: &str = "00000000-0000-0000-0000-000000000000";
const AZ: &str = r#"echo 'WARNING: this is a secret' >&2
echo '{"accessToken": "t0ken", "loginServer": "mine.azurecr.io"}'"#;
/// Prints the credentials, and lists every repository as existing.
const AWS: &str = r#"case "$2" in
get-login-password) echo t0ken ;;
*) echo '{"repositories": [{"repositoryName": "stackstate/i00"}, {"repositoryName": "stackstate/i01"},
    {"repositoryName": "stackstate/i02"}]}' ;;
esac"#;

#[tokio::test]
async fn the_command_of_a_cloud_runs_once_and_its_credentials_are_accepted() {
    let bearer = Authentication::bearer;
    let table = [
        (
            ACR,
            bearer(AZ_USER, "t0ken"),
            "az",
            AZ,
            "acr login --name mine --expose-token --output json",
        ),
        (
            ACR,
            Authentication::basic(AZ_USER, "t0ken"),
            "az",
            AZ,
            "acr login --name mine --expose-token --output json",
        ),
        (
            GAR,
            bearer("oauth2accesstoken", "t0ken"),
            "gcloud",
            "echo t0ken",
            "auth print-access-token",
        ),
        (
            ECR,
            Authentication::basic("AWS", "t0ken"),
            "aws",
            AWS,
            "ecr get-login-password --region eu-west-1",
        ),
    ];
    for (host, authentication, program, script, call) in table {
        let mut cloud = Cloud::new(host, authentication).await;
        cloud.program(program, script).stage.source.forget_requests();
        cloud.stage.publish_many(3);
        cloud.stage.mirror_all().await;
        let calls = cloud.calls();
        let credentials: Vec<_> = calls.iter().filter(|call| !call.contains("describe")).collect();
        assert_eq!(credentials, [&format!("{program} {call}")], "{host}");
    }
}

#[tokio::test]
async fn a_failed_command_is_reported_with_its_stderr_and_without_its_stdout() {
    let mut cloud = Cloud::new(ACR, Authentication::bearer(AZ_USER, "t0ken")).await;
    cloud.program("az", "echo canary; echo \"ERROR: Please run 'az login'\" >&2; exit 1");
    cloud.stage.publish_many(1);
    let error = cloud.stage.mirror_fails().await;
    let message = words(&error);
    assert!(!message.contains("canary"), "{message}");
    for part in [
        "401",
        "`az acr login --name mine",
        "Please run 'az login'",
        "hint: ",
        "`DST_REGISTRY_USERNAME`",
    ] {
        assert!(message.contains(part), "`{part}` is missing: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_reports_why_a_command_printed_no_credentials() {
    let mut cloud = Cloud::new(GAR, Authentication::bearer("oauth2accesstoken", "t0ken")).await;
    cloud.program("gcloud", "echo no account >&2; exit 1").stage.publish_many(1);
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", cloud.stage.list());
    let variables: Vec<_> =
        cloud.stage.variables.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
    let arguments = ["doctor", "--images", &images, "-d", GAR];
    let finished = tokio::task::block_in_place(|| xtask.run(&arguments, &variables));
    let expected = "none: `gcloud auth print-access-token` gave no credentials (no account)";
    assert_says(&finished.stdout, &[expected, "`gcloud auth login`"]);
    assert_eq!(finished.exit_code, 1, "{}", finished.stdout);
}

#[tokio::test]
async fn a_missing_command_is_reported_if_credentials_are_required() {
    let table = [
        (
            ECR,
            Authentication::basic("AWS", "t0ken"),
            "`aws`, which can provide credentials, is not on PATH",
        ),
        (
            GAR,
            Authentication::bearer("oauth2accesstoken", "t0ken"),
            "`gcloud`, which can provide credentials",
        ),
    ];
    for (host, authentication, expected) in table {
        let mut cloud = Cloud::new(host, authentication).await;
        cloud.stage.publish_many(1);
        let message = words(&cloud.stage.mirror_fails().await);
        assert!(message.contains(expected) && message.contains("hint: "), "{message}");
    }
}

#[tokio::test]
async fn refused_credentials_are_reported_with_the_command_that_printed_them() {
    let mut cloud = Cloud::new(GAR, Authentication::bearer("oauth2accesstoken", "other")).await;
    cloud.program("gcloud", "echo t0ken").stage.publish_many(1);
    let message = words(&cloud.stage.mirror_fails().await);
    assert!(message.contains("from `gcloud auth print-access-token`"), "{message}");
    assert!(!message.contains("t0ken"), "{message}");
}

#[tokio::test]
async fn no_command_runs_for_an_anonymous_registry() {
    let mut cloud = Cloud::new(GAR, Authentication::None).await;
    cloud.program("gcloud", "exit 1").stage.publish_many(2);
    cloud.stage.mirror_all().await;
    assert_eq!(cloud.calls(), [""; 0]);

    let anonymous = Authentication::Bearer {
        credentials: None,
        lifetime: Duration::from_secs(60),
        style: TokenStyle::Get,
        key: TokenKey::Token,
        expires_in: true,
    };
    let mut cloud = Cloud::new(GAR, anonymous).await;
    cloud.program("gcloud", "echo no account >&2; exit 1").stage.publish_many(2);
    cloud.stage.mirror_all().await;
    assert_eq!(cloud.calls().len(), 1, "it fails, and the token is anonymous");
}

#[tokio::test]
async fn variables_and_helpers_precede_the_command() {
    let mut cloud = Cloud::new(ACR, Authentication::bearer("u", "right")).await;
    cloud.program("az", AZ).stage.publish_many(1);
    cloud.stage.set("DST_REGISTRY_USERNAME", "u");
    cloud.stage.set("DST_REGISTRY_PASSWORD", "right");
    cloud.stage.mirror_all().await;
    assert_eq!(cloud.calls(), [""; 0]);

    let mut cloud = Cloud::new(ECR, Authentication::basic("AWS", "right")).await;
    let helper = r#"cat >/dev/null; echo '{"Username": "AWS", "Secret": "right"}'"#;
    cloud.program("aws", AWS).program("docker-credential-ecr-login", helper);
    let config = format!(r#"{{"credHelpers": {{"{ECR}": "ecr-login"}}}}"#);
    std::fs::write(cloud.programs.path().join("config.json"), config).unwrap();
    cloud.stage.publish_many(1);
    cloud.stage.mirror_all().await;
    let calls = cloud.calls();
    assert!(calls.iter().any(|call| call == "docker-credential-ecr-login get"), "{calls:?}");
    assert!(calls.iter().all(|call| !call.contains("get-login-password")), "{calls:?}");
}
