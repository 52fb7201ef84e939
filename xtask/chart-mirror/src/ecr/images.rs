//! `CloudImages`: what the AWS CLI does with images in ECR, because its registry API does not: deleting tags, and reporting
//! when they were pushed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::aws_cli::AwsCli;
use super::command::AwsCommand;
use super::plan::RepositoryPlan;
use super::push_time::PushTime;
use super::response::AwsError;
use crate::list::Destination;
use messages::Advice;
use oci::{RepositoryPath, Tag};
use registry::auth::credentials::Environment;
use registry::{Cause, Error, Side};

/// The most images in one request (API reference of ECR, BatchDeleteImage).
pub const MOST_DELETED: usize = 100;

/// The images of a registry in ECR.
pub struct CloudImages {
    plan: Arc<RepositoryPlan>,
    cli: AwsCli,
}

/// The output of `batch-delete-image`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletedImages {
    #[serde(default)]
    failures: Vec<DeletionFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletionFailure {
    image_id: ImageId,
    failure_code: Option<String>,
    failure_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageId {
    image_tag: Option<String>,
}

/// The output of `describe-images`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedImages {
    image_details: Vec<ImageDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageDetail {
    #[serde(default)]
    image_tags: Vec<String>,
    image_pushed_at: Option<PushTime>,
}

impl CloudImages {
    /// The images of a destination in ECR; `None` for one elsewhere.
    ///
    /// # Errors
    /// If there is no `aws` on the search path.
    pub fn of(
        destination: &Destination,
        environment: &dyn Environment,
    ) -> Result<Option<Self>, Advice> {
        let Some(plan) = RepositoryPlan::of(destination, &[]).map(Arc::new) else {
            return Ok(None);
        };
        let search_path = environment.variable("PATH").unwrap_or_default();
        let cli = AwsCli::find(Arc::clone(&plan), &search_path).ok_or_else(|| {
            let message = format!("{} needs the AWS CLI, and there is no `aws`", plan.registry);
            Advice::new(message).with_hint("install it, and log in with it")
        })?;
        Ok(Some(Self { plan, cli }))
    }

    /// Deletes tags of a repository, at most [`MOST_DELETED`]. Returns those that were not deleted. A tag that does
    /// not exist counts as deleted.
    ///
    /// # Errors
    /// If the CLI fails.
    pub async fn delete(
        &self,
        repository: &RepositoryPath,
        tags: &[Tag],
    ) -> Result<BTreeMap<Tag, Error>, Error> {
        let command = AwsCommand::delete_images(&self.plan, repository, tags);
        let line = command.line();
        let failed = |why: String| error(format!("delete tags of `{repository}`"), why, &line);
        let output = self.cli.run(command).await.map_err(|error| failed(error.message))?;
        let failures = parse_failures(&output).map_err(|error| failed(error.message))?;
        Ok(failures.into_iter().map(|(tag, why)| (tag, failed(why))).collect())
    }

    /// When the tags of a repository were pushed, in seconds since 1970.
    ///
    /// # Errors
    /// If the CLI fails.
    pub async fn push_times(
        &self,
        repository: &RepositoryPath,
    ) -> Result<BTreeMap<Tag, u64>, Error> {
        let command = AwsCommand::describe_images(&self.plan, repository);
        let line = command.line();
        let failed = |error: AwsError| {
            self::error(format!("describe images of `{repository}`"), error.message, &line)
        };
        let output = self.cli.run(command).await.map_err(failed)?;
        parse_times(&output).map_err(failed)
    }
}

fn error(operation: String, why: String, line: &str) -> Error {
    let hint = format!("try it: `{line}`; the account needs the permission for that");
    let advice = Box::new(Advice::new(why).with_hint(hint));
    Error::new(Side::Destination, operation, Cause::Mismatch { code: "aws-failed", advice })
}

fn parse_failures(output: &[u8]) -> Result<BTreeMap<Tag, String>, AwsError> {
    let deleted: DeletedImages = serde_json::from_slice(output)
        .map_err(|_| AwsError::new("the output of `aws` is not a list of deleted images"))?;
    let failure = |failure: DeletionFailure| {
        let code = failure.failure_code.unwrap_or_default();
        if code == "ImageNotFound" {
            return None;
        }
        let reason = failure.failure_reason.unwrap_or_default();
        let why = messages::printable::printable(&format!("{code}: {reason}"));
        Some((failure.image_id.image_tag?.parse().ok()?, why))
    };
    Ok(deleted.failures.into_iter().filter_map(failure).collect())
}

fn parse_times(output: &[u8]) -> Result<BTreeMap<Tag, u64>, AwsError> {
    let described: DescribedImages = serde_json::from_slice(output)
        .map_err(|_| AwsError::new("the output of `aws` is not a list of images"))?;
    let times = described.image_details.into_iter().flat_map(|image| {
        let pushed = image.image_pushed_at.map(|time| time.seconds());
        image.image_tags.into_iter().filter_map(move |tag| Some((tag.parse().ok()?, pushed?)))
    });
    Ok(times.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_deleted_has_its_reason_and_what_is_not_there_is_gone() {
        let output = r#"{"imageIds": [{"imageTag": "1", "imageDigest": "sha256:00"}], "failures": [
            {"imageId": {"imageTag": "2"}, "failureCode": "ImageNotFound", "failureReason": "gone"},
            {"imageId": {"imageTag": "3"}, "failureCode": "ImageReferencedByManifestList", "failureReason": "in use"}
        ]}"#;
        let failures = parse_failures(output.as_bytes()).unwrap();
        let expected = ("3".parse().unwrap(), "ImageReferencedByManifestList: in use".to_owned());
        assert_eq!(failures, BTreeMap::from([expected]));
        assert_eq!(parse_failures(b"{}").unwrap(), BTreeMap::new());
        assert!(parse_failures(b"").is_err());
    }

    #[test]
    fn the_time_of_a_push_belongs_to_each_tag_of_the_image() {
        let output = r#"{"imageDetails": [
            {"imageTags": ["1", "2"], "imagePushedAt": 1700000000.5, "imageDigest": "sha256:00"},
            {"imageTags": ["3"], "imagePushedAt": "2023-11-14T23:13:20.123000+01:00"},
            {"imageDigest": "sha256:01", "imagePushedAt": 1.0}, {"imageTags": ["4"]}
        ]}"#;
        let times = parse_times(output.as_bytes()).unwrap();
        let tags: Vec<String> = times.keys().map(ToString::to_string).collect();
        assert_eq!(tags, ["1", "2", "3"]);
        assert!(times.values().all(|time| *time == 1_700_000_000), "{times:?}");
        assert!(parse_times(b"{}").is_err());
    }
}
