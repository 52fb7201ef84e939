//! ECR repositories that cannot be created: what is reported, and which images continue. A script stands
//! in for the AWS CLI, and the registry creates no repositories, like ECR.

use chart_mirror::commands::mirror::result::MirrorReport;
use registry_in_memory::{Authentication, RegistryOptions};

use super::Cloud;
use crate::support::stage::{report_text, words};
use crate::support::tls::behind;

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const CREATE: &str = "`aws ecr create-repository --region eu-west-1 --registry-id 123456789012 \
                      --repository-name stackstate/i01`";

/// Three images at the source; the destination lacks the repository of the second.
async fn lacking_one() -> Cloud {
    let options = RegistryOptions {
        authentication: Authentication::basic("u", "right"),
        create_repositories: false,
        ..behind()
    };
    let mut cloud = Cloud::with(ECR, options).await;
    cloud.stage.publish_many(3);
    for there in ["stackstate/i00", "stackstate/i02"] {
        cloud.stage.destination.store().create_repository(there);
    }
    cloud.stage.set("DST_REGISTRY_USERNAME", "u");
    cloud.stage.set("DST_REGISTRY_PASSWORD", "right");
    cloud
}

/// A CLI with a script for each of its three calls.
fn aws(named: &str, all: &str, create: &str) -> String {
    format!(
        "refuse() {{ echo \"An error occurred ($1) when calling the X operation: $2\" >&2; exit 254; }}\n\
         case \"$*\" in\n\
         *create-repository*) {create} ;;\n\
         *--repository-names*) {named} ;;\n\
         *) {all} ;;\nesac"
    )
}

const NOT_FOUND: &str =
    "refuse RepositoryNotFoundException 'The repository stackstate/i01 does not exist'";
const DENIED: &str = "refuse AccessDeniedException 'User x is not authorized to perform: ecr:X'";
const ALL: &str = r#"echo '{"repositories": [{"repositoryName": "other"},
    {"repositoryName": "stackstate/i00"}, {"repositoryName": "stackstate/i02"}]}'"#;

/// The error of the only image that failed.
fn only_failure(report: &MirrorReport) -> String {
    assert_eq!((report.totals().copied, report.totals().failed), (2, 1), "{}", report_text(report));
    let (image, error) = report.failures().next().unwrap();
    assert!(image.target.to_string().contains("stackstate/i01"), "{}", image.target);
    words(error)
}

#[tokio::test]
async fn without_permission_to_create_the_error_has_the_exact_command_and_other_images_continue() {
    let mut cloud = lacking_one().await;
    cloud.program("aws", &aws(NOT_FOUND, ALL, DENIED));
    let error = only_failure(&cloud.stage.mirror().await);
    assert!(error.contains("AccessDeniedException"), "{error}");
    assert!(error.contains("create the repository `stackstate/i01`"), "{error}");
    assert!(error.contains(&format!("hint: create it: {CREATE}")), "{error}");
    let calls = cloud.calls();
    assert_eq!(calls.len(), 3, "one question, one look at all, one attempt: {calls:?}");
    let pushes = cloud.stage.destination.requests();
    let pushes = pushes.iter().filter(|request| request.method == "POST");
    assert_eq!(pushes.filter(|request| request.line().contains("i01")).count(), 0);
}

#[tokio::test]
async fn permissions_for_single_repositories_are_enough() {
    let mut cloud = lacking_one().await;
    let each = format!(
        "case \"$*\" in *'i00 '*i01*|*'i01 '--output*) {NOT_FOUND} ;; \
         *i00*) echo '{{\"repositories\": [{{\"repositoryName\": \"stackstate/i00\"}}]}}' ;; \
         *i02*) echo '{{\"repositories\": [{{\"repositoryName\": \"stackstate/i02\"}}]}}' ;; esac"
    );
    cloud.program("aws", &aws(&each, DENIED, DENIED));
    let error = only_failure(&cloud.stage.mirror().await);
    assert!(error.contains(CREATE), "{error}");
    let creates = cloud.calls().into_iter().filter(|call| call.contains("create-repository"));
    assert_eq!(creates.count(), 1, "{:?}", cloud.calls());
}

#[tokio::test]
async fn a_repository_that_was_created_meanwhile_is_used() {
    let mut cloud = lacking_one().await;
    cloud.stage.destination.store().create_repository("stackstate/i01");
    let exists = "refuse RepositoryAlreadyExistsException 'it is there'";
    cloud.program("aws", &aws(NOT_FOUND, ALL, exists));
    let report = cloud.stage.mirror_all().await;
    assert_eq!(report.repositories.unwrap().created, [""; 0]);
}

#[tokio::test]
async fn without_the_aws_cli_or_its_credentials_a_missing_repository_is_reported_with_command_and_reason()
 {
    let broken = aws("echo 'Unable to locate credentials' >&2; exit 253", "exit 1", "exit 1");
    let table = [(None, "`aws` is not on PATH"), (Some(broken), "Unable to locate credentials")];
    for (script, why) in table {
        let mut cloud = lacking_one().await;
        if let Some(script) = &script {
            cloud.program("aws", script);
        }
        let report = cloud.stage.mirror().await;
        let error = only_failure(&report);
        assert!(
            error.contains("NAME_UNKNOWN") || error.contains("not known to registry"),
            "{error}"
        );
        assert!(error.contains(why) && error.contains(CREATE), "{error}");
        let warnings = &report.repositories.as_ref().unwrap().warnings;
        assert!(warnings[0].message.contains(why), "{warnings:?}");
        assert_eq!(cloud.calls().len(), usize::from(script.is_some()));
    }
}

#[tokio::test]
async fn with_create_repositories_off_the_error_has_the_command_and_aws_is_not_called() {
    let mut cloud = lacking_one().await;
    cloud.program("aws", &aws(NOT_FOUND, ALL, DENIED));
    cloud.stage.tables += &format!(
        "[destinations.ecr]\nregistry = \"{ECR}\"\n[destinations.ecr.ecr]\n\
                  create-repositories = false\nimmutable-tags = true\n\n"
    );
    cloud.stage.reached_at = Some("ecr".to_owned());
    let report = cloud.stage.mirror().await;
    let error = only_failure(&report);
    let command = format!("{} --image-tag-mutability IMMUTABLE`", CREATE.trim_end_matches('`'));
    assert!(error.contains(&command), "{error}");
    assert_eq!((cloud.calls(), report.repositories), (Vec::new(), None));
}

#[tokio::test]
async fn a_run_with_nothing_to_push_does_not_call_aws() {
    let mut cloud = lacking_one().await;
    cloud.stage.destination.store().create_repository("stackstate/i01");
    cloud.stage.mirror_all().await;
    cloud.program("aws", &aws(DENIED, DENIED, DENIED));
    cloud.stage.set("DST_REGISTRY_USERNAME", "u");
    let report = cloud.stage.mirror_all().await;
    assert_eq!((report.totals().up_to_date, report.repositories), (3, None));
    assert_eq!(cloud.calls(), [""; 0]);
}

#[tokio::test]
async fn an_invalid_lifecycle_policy_fails_before_any_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    for (content, expected) in
        [(None, "cannot read the lifecycle policy"), (Some("{"), "is not JSON")]
    {
        let mut cloud = lacking_one().await;
        cloud.program("aws", &aws(NOT_FOUND, ALL, "exit 0"));
        cloud.stage.tables += &format!(
            "[destinations.ecr]\nregistry = \"{ECR}\"\n[destinations.ecr.ecr]\n\
             lifecycle-policy-file = {file:?}\n\n"
        );
        cloud.stage.reached_at = Some("ecr".to_owned());
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let error = cloud.stage.try_mirror().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(cloud.stage.destination.requests().len(), 0);
    }
}
