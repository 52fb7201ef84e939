//! Bundles whose checksums are right and whose content is not: `bundle verify` and `bundle import` refuse the
//! same ones.

use std::fs;

use serde_json::json;

use super::damage::refused;
use super::forged::ForgedBundle;
use super::site::Site;
use crate::support::assert_says;

type Harm = fn(&mut ForgedBundle);

/// Each bundle is a finding of `bundle verify`, and nothing of it is pushed.
async fn all_are_found(table: &[(Harm, &[&str])]) {
    let site = Site::new().await;
    ForgedBundle::new().write(&site.path("good"));
    site.imported(&["good"], &[]);
    for (harm, expected) in table {
        let folder = site.path("bad");
        drop(fs::remove_dir_all(&folder));
        let mut bundle = ForgedBundle::new();
        harm(&mut bundle);
        bundle.write(&folder);
        refused(&site, "bad", expected);
        let verified = site.inside(&["bundle", "verify", folder.to_str().unwrap()]);
        assert_eq!(verified.exit_code, 1, "{expected:?}: {verified:?}");
        assert_says(&verified.stdout, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_that_the_engine_would_not_copy_are_found_before_the_first_push() {
    all_are_found(&[
        (
            |bundle| {
                let mut nested = bundle.image("deep");
                for _ in 0..9 {
                    nested = bundle.index_of(&nested);
                }
                bundle.name("docker.io/team/deep:1", &nested);
            },
            &["nested more than 8 deep"],
        ),
        (
            |bundle| {
                let child = bundle.image("child");
                let ambiguous = bundle.manifest(&json!({
                    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                    "manifests": [child], "layers": [],
                }));
                bundle.name("docker.io/team/ambiguous:1", &ambiguous);
            },
            &["ambiguous", "`layers`"],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_as_deep_as_the_engine_copies_are_imported() {
    let site = Site::new().await;
    let mut bundle = ForgedBundle::new();
    let mut nested = bundle.image("deep");
    for _ in 0..8 {
        nested = bundle.index_of(&nested);
    }
    bundle.name("docker.io/team/deep:1", &nested);
    bundle.write(&site.path("deep"));
    site.imported(&["deep"], &[]);
}
