//! What `prune --apply` does with referrers, which have a subject and mostly no tag: they live and die with it.

use std::time::Duration;

use oci::Digest;
use registry_in_memory::content::{Content, referrer, referrers_index};
use registry_in_memory::{Deletes, Effect, Fault, Kind, RegistryOptions};
use serde_json::json;

use super::applied::deleting;
use super::{APP, LIST, Site, image};
use crate::support::assert_says;
use crate::support::requests::asked;
use crate::support::xtask::ended;

/// A registry that deletes an image with its tag, and what is attached to the images of some tags: an SBOM, and its
/// signature.
async fn attached(deletes: Deletes, tags: &[&str]) -> (Site, Vec<[Digest; 2]>) {
    let site = Site::with_tags(deleting(deletes), tags).await;
    let attach = |tag: &&str| {
        let sbom = site.attach(&image(tag), "application/spdx+json");
        let signature = site.attach(&sbom, "application/signature");
        [sbom.top, signature.top]
    };
    let attached = tags.iter().map(attach).collect();
    (site, attached)
}

impl Site {
    /// Attaches something to content, without a tag.
    pub(super) fn attach(&self, subject: &Content, kind: &str) -> Content {
        let attached = referrer(subject.top_manifest().unwrap(), kind);
        self.store(APP, attached.top.as_str(), &attached);
        attached
    }

    fn has(&self, digest: &Digest) -> bool {
        self.registry.store().manifest(APP, digest.as_str()).is_some()
    }

    /// The manifests that were deleted by digest, in the order of the requests.
    fn deleted_digests(&self) -> Vec<Digest> {
        let mut requests = asked(&self.registry, "DELETE", Kind::Manifest);
        requests.retain(|request| request.status == Some(202));
        requests.iter().filter_map(|it| it.path.rsplit_once('/').unwrap().1.parse().ok()).collect()
    }

    /// How often referrers were asked for.
    fn lists(&self) -> usize {
        asked(&self.registry, "GET", Kind::Referrers).len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_are_deleted_with_their_manifest_and_stay_if_only_its_tag_is_deleted() {
    for deletes in [Deletes::Digests, Deletes::ManifestsOfTags, Deletes::TagsAndDigests] {
        let (site, attached) = attached(deletes, &["1", "2"]).await;
        let [[sbom, signature], kept] = &attached[..] else { panic!() };
        site.run(&[]);
        assert_eq!(site.lists(), 0, "the plan costs no request");
        let applied = site.run(&["--apply"]);
        assert_eq!(applied.exit_code, 0, "{deletes:?} {applied:?}");
        assert!(kept.iter().all(|digest| site.has(digest)), "{deletes:?}");
        let went = !site.has(&image("1").top);
        assert_eq!(went, deletes != Deletes::TagsAndDigests);
        assert_eq!([site.has(sbom), site.has(signature)], [!went, !went], "{deletes:?}");
        if went {
            let text = ["  deleted 2 referrers of deleted manifests\n", "2 tags and 2 referrers "];
            assert_says(&applied.stdout, &text);
        } else {
            assert!(!applied.stdout.contains("referrer"), "{}", applied.stdout);
        }
        let deleted = site.deleted_digests();
        let expected = match deletes {
            Deletes::Digests => vec![image("1").top, sbom.clone(), signature.clone()],
            Deletes::ManifestsOfTags => vec![sbom.clone(), signature.clone()],
            _ => Vec::new(),
        };
        assert_eq!(deleted, expected, "{deletes:?}");
        let asked = site.lists();
        assert_eq!(asked, 3, "for the image, the SBOM and the signature");
        site.run(&["--apply"]);
        assert_eq!(site.lists(), asked, "nothing is deleted, so nothing is asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_counts_referrers_and_tags_with_one_manifest_lose_them_with_the_last() {
    let (site, attached) = attached(Deletes::Digests, &["1", "2"]).await;
    site.store(APP, "1-again", &image("1"));
    let shown = site.report(0, &[]);
    assert_eq!(shown["repositories"][0]["referrers"], json!(null));
    let report = site.report(0, &["--apply"]);
    assert_eq!(report["repositories"][0]["referrers"], json!({ "deleted": 2, "left": 0 }));
    assert_eq!(report["totals"]["referrers"], 2);
    assert!(attached[0].iter().all(|digest| !site.has(digest)));
    // With a tag that stays, the manifest stays.
    let (site, attached) = self::attached(Deletes::TagsAndDigests, &["0", "2"]).await;
    site.store(APP, "1", &image("2"));
    let report = site.report(0, &["--apply"]);
    assert_eq!(report["repositories"][0]["referrers"], json!(null));
    assert!(attached[1].iter().all(|digest| site.has(digest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_referrer_that_something_needs_stays_with_what_is_attached_to_it() {
    type Need = dyn Fn(&Site, &Content) -> String;
    let table: [(&str, &Need); 3] = [
        ("a tag that stays", &|site, sbom| {
            site.store(APP, "sbom", sbom);
            LIST.replace("['**']", "['**']\nprune.keep = ['sbom']")
        }),
        ("an index that stays", &|site, sbom| {
            site.store(APP, "all", &referrers_index(std::slice::from_ref(sbom)));
            LIST.replace("['**']", "['**']\nprune.keep = ['all']")
        }),
        ("the digest of a list", &|_, sbom| {
            let pinned = format!("tag = '9'\ndigest = '{}'\n", sbom.top);
            format!("{LIST}[[image]]\nsource = 'quay.io/team/app'\n{pinned}")
        }),
    ];
    for (what, need) in table {
        let site = Site::with_tags(deleting(Deletes::Digests), &["1", "2"]).await;
        let sbom = site.attach(&image("1"), "application/spdx+json");
        let signature = site.attach(&sbom, "application/signature");
        let other = site.attach(&image("1"), "application/other");
        site.write("images.toml", &need(&site, &sbom));
        let applied = site.run(&["--apply"]);
        assert_eq!(applied.exit_code, 0, "{what} {applied:?}");
        assert_eq!(site.deleted_digests(), [image("1").top, other.top], "{what}");
        assert!(site.has(&sbom.top) && site.has(&signature.top), "{what}");
        assert_says(&applied.stdout, &["  deleted 1 referrer of deleted manifests\n"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_a_referrer_stays_with_its_subject_and_goes_after_it() {
    for deletes in [Deletes::Digests, Deletes::TagsAndDigests] {
        let site = Site::with_tags(deleting(deletes), &["1", "2"]).await;
        for tag in ["1", "2"] {
            let sbom = referrer(image(tag).top_manifest().unwrap(), "application/spdx+json");
            // The name does not show what it belongs to, and is before that of its subject.
            site.store(APP, &format!("0-{tag}"), &sbom);
        }
        let applied = site.run(&["--apply", "-v"]);
        assert_eq!(applied.exit_code, 0, "{applied:?}");
        assert_says(
            &applied.stdout,
            &["  deleted 0-1 (belongs to 1)\n", "keep    0-2: attached to what stays\n"],
        );
        assert_eq!(site.registry.store().tags(APP), ["0-2", "2"], "{deletes:?}");
        let requests = asked(&site.registry, "DELETE", Kind::Manifest).into_iter();
        let done = requests.filter(|it| it.status == Some(202)).map(|it| it.path);
        let first = done.into_iter().next().unwrap();
        assert!(first.ends_with("/1") || first.contains(image("1").top.as_str()), "{first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_without_the_referrers_api_is_asked_once_and_that_is_no_error() {
    for status in [404, 405, 403, 501] {
        let (site, _) = attached(Deletes::Digests, &["1", "2", "3"]).await;
        site.registry.inject(Fault::status(status).kind(Kind::Referrers).always());
        let applied = site.run(&["--apply"]);
        assert_eq!(applied.exit_code, 0, "{status} {applied:?}");
        assert_eq!(site.lists(), 1, "{status}");
        assert_eq!(site.deleted_digests(), [image("3").top, image("1").top], "{status}");
        assert!(!applied.stdout.contains("referrer"), "{}", applied.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_api_the_referrers_that_a_tag_lists_go_with_their_subject() {
    let options = RegistryOptions { referrers_api: false, ..deleting(Deletes::Digests) };
    let site = Site::with_tags(options, &["1", "2"]).await;
    let mut listed = Vec::new();
    for tag in ["1", "2"] {
        let sbom = referrer(image(tag).top_manifest().unwrap(), "application/spdx+json");
        let list = referrers_index(std::slice::from_ref(&sbom));
        site.store(APP, &image(tag).top.as_tag(), &list);
        listed.push((sbom.top, list.top));
    }
    let applied = site.run(&["--apply"]);
    assert_eq!(applied.exit_code, 0, "{applied:?}");
    let (sbom, list) = listed[0].clone();
    assert_eq!(site.deleted_digests(), [image("1").top, list, sbom], "the tag goes before");
    assert!(site.has(&listed[1].0) && site.has(&listed[1].1));
    assert_eq!(site.registry.store().incomplete_tags(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_referrers_cannot_be_listed_stays() {
    let (site, attached) = attached(Deletes::Digests, &["1", "2", "3"]).await;
    let list = format!("/referrers/{}", attached[0][0]);
    site.registry.inject(Fault::status(418).kind(Kind::Referrers).path(&list).always());
    let applied = site.run(&["--apply"]);
    assert_eq!(applied.exit_code, 1, "{applied:?}");
    assert_says(&applied.stdout, &["  failed  1\n", "list referrers of", "418", "  deleted 3\n"]);
    assert!(site.has(&image("1").top) && attached[0].iter().all(|digest| site.has(digest)));
    assert!(attached[2].iter().all(|digest| !site.has(digest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_referrer_that_cannot_be_deleted_is_an_error_of_its_repository_and_stops_no_other() {
    let (site, attached) = attached(Deletes::Digests, &["1", "2", "3"]).await;
    let path = format!("/manifests/{}", attached[0][0]);
    site.registry.inject(Fault::status(403).method("DELETE").path(&path).always());
    let applied = site.run(&["--apply"]);
    assert_eq!(applied.exit_code, 1, "{applied:?}");
    assert_says(
        &applied.stdout,
        &[
            "  deleted 2 referrers of deleted manifests\n",
            "  stays   2 referrers of deleted manifests: the garbage collection",
            "error: mirror/team/app\n",
            "delete manifest",
            "permission to delete",
            "2 of 3 tags and 2 referrers deleted in 1 repository, 1 with errors",
        ],
    );
    assert!(attached[0].iter().all(|digest| site.has(digest)), "the signature has its SBOM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_deletes_manifests_only_by_their_tags_keeps_referrers_without_an_error() {
    let (site, attached) = attached(Deletes::ManifestsOfTags, &["1", "2", "3"]).await;
    site.registry.inject(Fault::status(405).method("DELETE").path("/manifests/sha256:").always());
    let applied = site.run(&["--apply"]);
    assert_eq!(applied.exit_code, 0, "{applied:?}");
    assert_says(&applied.stdout, &["  stays   4 referrers of deleted manifests: "]);
    assert!(attached.iter().flatten().all(|digest| site.has(digest)));
    let refused = asked(&site.registry, "DELETE", Kind::Manifest).into_iter();
    assert_eq!(refused.filter(|it| it.status == Some(405)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_runs_in_a_circle_or_has_what_is_no_referrer_deletes_nothing_more() {
    let (site, attached) = attached(Deletes::Digests, &["1", "2"]).await;
    let untagged = image("untagged");
    site.store(APP, untagged.top.as_str(), &untagged);
    let mut listed = vec![image("1"), image("2"), untagged.clone()];
    listed.push(referrer(image("1").top_manifest().unwrap(), "application/spdx+json"));
    let body = String::from_utf8(referrers_index(&listed).top_manifest().unwrap().bytes.to_vec());
    let lie = Effect::Status { code: 200, headers: Vec::new(), body: body.unwrap() };
    site.registry.inject(Fault::new(lie).kind(Kind::Referrers).always());
    let applied = site.run(&["--apply"]);
    assert_eq!(applied.exit_code, 0, "{applied:?}");
    assert_eq!(site.deleted_digests(), [image("1").top, attached[0][0].clone()]);
    assert!(site.has(&untagged.top) && site.has(&image("2").top));
    assert_eq!(site.lists(), 4, "once for each manifest");
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_stay_if_the_repository_changes_while_its_tags_are_deleted() {
    let moved = || Fault::new(Effect::LieAboutDigest).method("HEAD").path("/manifests/2");
    let tags = |names: &str| {
        let body = format!("{{\"name\":\"{APP}\",\"tags\":{names}}}");
        Fault::new(Effect::Status { code: 200, headers: Vec::new(), body }).kind(Kind::Tags).skip(2)
    };
    for (what, fault) in [
        ("a new tag", tags("[\"2\",\"new\"]").always()),
        ("a tag that stays moved", moved().skip(1).always()),
    ] {
        let (site, attached) = attached(Deletes::Digests, &["1", "2"]).await;
        site.registry.inject(fault);
        let applied = site.run(&["--apply"]);
        assert_eq!(applied.exit_code, 0, "{what} {applied:?}");
        assert_says(&applied.stdout, &["  deleted 1\n", "  stays   2 referrers of deleted"]);
        assert!(attached[0].iter().all(|digest| site.has(digest)), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_pushed_while_referrers_are_listed_is_not_deleted() {
    let (site, attached) = attached(Deletes::ManifestsOfTags, &["1", "2"]).await;
    let slow = Fault::new(Effect::Delay(Duration::from_millis(800))).kind(Kind::Referrers);
    site.registry.inject(slow.times(1));
    let running = site.xtask.start(&["prune", "--apply"], &[]);
    while site.lists() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    site.store(APP, "1", &image("new"));
    let applied = tokio::task::block_in_place(|| ended(&running));
    assert_says(&applied.stdout, &["  stays   1: it names another manifest now\n"]);
    assert!(site.has(&image("new").top) && site.has(&image("1").top));
    assert!(attached.iter().flatten().all(|digest| site.has(digest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_has_answered_is_asked_again_after_a_404() {
    let tags = ["1", "2", "3", "4"];
    let (site, attached) = attached(Deletes::Digests, &tags).await;
    // The fourth request is about the second image: an image, an SBOM and its signature come before it.
    site.registry.inject(Fault::status(404).kind(Kind::Referrers).skip(3).times(1));
    assert_eq!(site.run(&["--apply"]).exit_code, 0);
    let left = |digests: &[Digest; 2]| digests.iter().filter(|digest| site.has(digest)).count();
    let left: Vec<usize> = attached.iter().map(left).collect();
    assert_eq!(
        left.iter().sum::<usize>(),
        4,
        "those of the listed image, and of one more: {left:?}"
    );
}
