//! What is mirrored in chaos: every kind of image, between registries of several kinds.

use std::time::Duration;

use chart_mirror::list::Attachments;
use registry::RetryPolicy;
use registry_in_memory::content::{self, Content, Layer};
use registry_in_memory::{Authentication, LocationStyle, RegistryOptions, TokenKey, TokenStyle};

use crate::support::stage::{Stage, difference};
use crate::support::store;

/// The kinds of registries. Seeds take turns with them.
pub(crate) const COUNT: u64 = 6;

const SIGNED: &str = "team/signed";

/// Images, and registries whose kind depends on the seed.
pub(crate) async fn stage(seed: u64) -> Stage {
    let shape = seed % COUNT;
    let mut stage = Stage::with(source(shape), destination(shape)).await;
    stage.retry = RetryPolicy::default();
    stage.pinned = shape.is_multiple_of(2);
    stage.attachments = Attachments::Copy;
    let registry = stage.destination.address();
    match shape {
        2 => stage.tables = format!("[registries.\"{registry}\"]\nmounts = \"after-manifest\"\n"),
        4 | 5 => {
            for side in ["STS", "DST"] {
                stage.set(&format!("{side}_REGISTRY_USERNAME"), "robot");
                stage.set(&format!("{side}_REGISTRY_PASSWORD"), "word");
            }
        }
        _ => {}
    }
    publish(&mut stage);
    stage
}

fn source(shape: u64) -> RegistryOptions {
    let plain = RegistryOptions::default();
    match shape {
        1 => RegistryOptions { referrers_api: false, ..plain },
        3 | 4 => RegistryOptions { authentication: anonymous(), ..plain },
        5 => RegistryOptions { authentication: Authentication::basic("robot", "word"), ..plain },
        _ => plain,
    }
}

fn destination(shape: u64) -> RegistryOptions {
    let plain = RegistryOptions::default();
    match shape {
        1 => RegistryOptions { mounts: false, digest_header: false, ..plain },
        2 => RegistryOptions { mount_needs_manifest: true, ..plain },
        3 => RegistryOptions {
            authentication: anonymous(),
            location: LocationStyle::WithState,
            referrers_api: false,
            ..plain
        },
        4 => RegistryOptions {
            authentication: Authentication::bearer("robot", "word"),
            location: LocationStyle::Relative,
            ..plain
        },
        5 => RegistryOptions { largest_put: Some(1 << 20), largest_patch: Some(1 << 20), ..plain },
        _ => plain,
    }
}

fn anonymous() -> Authentication {
    Authentication::Bearer {
        credentials: None,
        lifetime: Duration::from_secs(300),
        style: TokenStyle::Get,
        key: TokenKey::Token,
        expires_in: true,
    }
}

fn signed() -> Content {
    content::oci_image(&layers(&["base", "signed"]))
}

fn signature() -> (String, Content) {
    let image = signed();
    (content::signature_tag(&image.top), content::signature(&image.top))
}

fn sbom() -> Content {
    content::referrer(signed().top_manifest().unwrap(), "application/spdx+json")
}

fn publish(stage: &mut Stage) {
    let large = [Layer::new("large", 2_500_000), Layer::new("base", 30_000)];
    let images = [
        ("team/index", content::oci_index(&layers(&["base", "index"]))),
        ("team/list", content::docker_list(&layers(&["base"]))),
        ("team/large", content::docker_image(&large)),
        ("team/odd", content::oddly_written_image(&layers(&["base", "odd"]))),
        ("team/one", content::docker_image(&layers(&["base", "one"]))),
        ("team/two", content::docker_image(&layers(&["base", "one", "two"]))),
        (SIGNED, signed()),
    ];
    for (repository, image) in &images {
        stage.publish(repository, "1.0", image);
    }
    stage.publish("team/one", "1.1", &content::oci_image(&layers(&["base", "one"])));
    let (tag, signature) = signature();
    store(&stage.source, SIGNED, &tag, &signature);
    let sbom = sbom();
    store(&stage.source, SIGNED, sbom.top.as_str(), &sbom);
    // For a source without the API for referrers.
    let index = content::referrers_index(std::slice::from_ref(&sbom));
    store(&stage.source, SIGNED, &signed().top.as_tag(), &index);
}

fn layers(names: &[&str]) -> Vec<Layer> {
    names.iter().map(|&name| Layer::new(name, 30_000)).collect()
}

/// The attachments that the destination does not have as they are.
pub(crate) fn missing_attachments(stage: &Stage) -> Vec<String> {
    let (tag, signature) = signature();
    let sbom = sbom();
    let attachments = [(tag.as_str(), &signature), (sbom.top.as_str(), &sbom)];
    let differences = attachments.iter().filter_map(|(name, content)| {
        let why = difference(&stage.destination, SIGNED, name, content)?;
        Some(format!("attachment {name}: {why}"))
    });
    differences.collect()
}
