//! The JSON reports of a run and of a dry run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::commands::mirror::result::{ImageReport, MirrorReport, MirrorTotals};
use crate::ecr::{RepositoryPlan, RepositoryReport, SettingDifference};
use crate::list::{Creation, Encryption};
use crate::plan::Transfer;
use crate::report::json::document;
use messages::Advice;
use oci::{Digest, Platforms, Reference, Registry, RepositoryPath};
use registry::Requests;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::report) struct Run<'a> {
    #[cfg_attr(test, schemars(extend("const" = false)))]
    dry_run: bool,
    destination: &'a str,
    images: &'a [ImageReport],
    totals: MirrorTotals,
    requests: Requests,
    seconds: f64,
    /// Registries whose certificates were not verified.
    insecure: &'a [Registry],
    /// What was done about repositories in ECR; null if nothing was pushed there.
    repositories: Option<Repositories<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Repositories<'a> {
    created: &'a [String],
    /// Settings of existing repositories that are not as in images.toml.
    differences: &'a [SettingDifference],
    warnings: Vec<Warning<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Warning<'a> {
    message: &'a str,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::report) struct DryRun<'a> {
    #[cfg_attr(test, schemars(extend("const" = true)))]
    dry_run: bool,
    destination: &'a str,
    images: Vec<PlannedImage<'a>>,
    /// The repositories in ECR that a run would use; null for other destinations.
    repositories: Option<PlannedRepositories<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlannedImage<'a> {
    source: Reference,
    target: Reference,
    /// The digest in images.toml.
    pin: Option<&'a Digest>,
    #[serde(flatten)]
    subset: Option<PlannedSubset<'a>>,
}

/// Only there if the destination selects platforms.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlannedSubset<'a> {
    platforms: &'a Platforms,
    /// The digest that images.toml records for these platforms.
    recorded: Option<&'a Digest>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
struct PlannedRepositories<'a> {
    /// Whether missing repositories are created.
    create: bool,
    names: &'a [RepositoryPath],
    tags: &'a BTreeMap<String, String>,
    scan_on_push: Option<bool>,
    immutable_tags: Option<bool>,
    encryption: Option<&'static str>,
    kms_key: Option<&'a str>,
    lifecycle_policy_file: Option<&'a Path>,
}

/// What a run did.
pub fn json(report: &MirrorReport) -> String {
    let run = Run {
        dry_run: false,
        destination: &report.destination,
        images: &report.images,
        totals: report.totals(),
        requests: report.requests,
        seconds: report.took.as_secs_f64(),
        insecure: &report.insecure,
        repositories: report.repositories.as_ref().map(Repositories::new),
    };
    document("mirror", run)
}

/// What a run would copy.
pub fn dry_run_json(
    destination: &str,
    transfers: &[Transfer],
    repositories: Option<&RepositoryPlan>,
) -> String {
    let images = transfers.iter().map(|transfer| PlannedImage {
        source: transfer.source_reference(),
        target: transfer.target_reference(),
        pin: transfer.digest.as_ref(),
        subset: transfer.platforms.as_ref().map(|choice| PlannedSubset {
            platforms: &choice.platforms,
            recorded: choice.recorded.as_ref(),
        }),
    });
    let images = images.collect();
    let repositories = repositories.map(PlannedRepositories::new);
    document("mirror", DryRun { dry_run: true, destination, images, repositories })
}

impl<'a> Repositories<'a> {
    fn new(report: &'a RepositoryReport) -> Self {
        let warnings = report.warnings.iter();
        let warnings = warnings
            .map(|Advice { message, hint }| Warning { message, hint: hint.as_deref() })
            .collect();
        Self { created: &report.created, differences: &report.differences, warnings }
    }
}

impl<'a> PlannedRepositories<'a> {
    fn new(plan: &'a RepositoryPlan) -> Self {
        let options = &plan.options;
        Self {
            create: plan.creation == Creation::Create,
            names: &plan.repositories,
            tags: &options.tags,
            scan_on_push: options.scan_on_push,
            immutable_tags: options.immutable_tags,
            encryption: options.encryption.as_ref().map(Encryption::name),
            kms_key: match &options.encryption {
                Some(Encryption::Kms { key }) => key.as_deref(),
                _ => None,
            },
            lifecycle_policy_file: options.lifecycle_policy_file.as_deref(),
        }
    }
}
