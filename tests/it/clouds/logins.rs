//! Logins that the command lines of clouds give: when they are asked, and what becomes of those that
//! give none.

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
/// Gives the login, and says of every repository that it is there.
const AWS: &str = r#"case "$2" in
get-login-password) echo t0ken ;;
*) echo '{"repositories": [{"repositoryName": "stackstate/i00"}, {"repositoryName": "stackstate/i01"},
    {"repositoryName": "stackstate/i02"}]}' ;;
esac"#;

#[tokio::test]
async fn the_command_of_the_cloud_is_asked_once_and_its_answer_opens_the_registry() {
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
        let logins: Vec<_> = calls.iter().filter(|call| !call.contains("describe")).collect();
        assert_eq!(logins, [&format!("{program} {call}")], "{host}");
    }
}

#[tokio::test]
async fn a_command_that_fails_is_told_of_with_its_words_and_without_what_it_printed() {
    let mut cloud = Cloud::new(ACR, Authentication::bearer(AZ_USER, "t0ken")).await;
    cloud.program("az", "echo canary; echo \"ERROR: Please run 'az login'\" >&2; exit 1");
    cloud.stage.publish_many(1);
    let error = cloud.stage.mirror_fails().await;
    let told = words(&error);
    assert!(!told.contains("canary"), "{told}");
    for part in [
        "401",
        "`az acr login --name mine",
        "Please run 'az login'",
        "hint: ",
        "`DST_REGISTRY_USERNAME`",
    ] {
        assert!(told.contains(part), "`{part}` is missing: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_why_a_command_gives_no_login() {
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
async fn a_command_that_is_not_there_is_told_of_where_a_login_is_needed() {
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
        let told = words(&cloud.stage.mirror_fails().await);
        assert!(told.contains(expected) && told.contains("hint: "), "{told}");
    }
}

#[tokio::test]
async fn a_login_that_the_registry_refuses_is_told_of_with_where_it_came_from() {
    let mut cloud = Cloud::new(GAR, Authentication::bearer("oauth2accesstoken", "other")).await;
    cloud.program("gcloud", "echo t0ken").stage.publish_many(1);
    let told = words(&cloud.stage.mirror_fails().await);
    assert!(told.contains("from `gcloud auth print-access-token`"), "{told}");
    assert!(!told.contains("t0ken"), "{told}");
}

#[tokio::test]
async fn nobody_is_asked_for_a_registry_that_is_open_to_everybody() {
    let mut cloud = Cloud::new(GAR, Authentication::None).await;
    cloud.program("gcloud", "exit 1").stage.publish_many(2);
    cloud.stage.mirror_all().await;
    assert_eq!(cloud.calls(), [""; 0]);

    let everybody = Authentication::Bearer {
        credentials: None,
        lifetime: Duration::from_secs(60),
        style: TokenStyle::Get,
        key: TokenKey::Token,
        expires_in: true,
    };
    let mut cloud = Cloud::new(GAR, everybody).await;
    cloud.program("gcloud", "echo no account >&2; exit 1").stage.publish_many(2);
    cloud.stage.mirror_all().await;
    assert_eq!(cloud.calls().len(), 1, "it fails, and everybody gets a token");
}

#[tokio::test]
async fn variables_and_helpers_come_before_the_command() {
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
