//! What `prune --apply` deletes, on registries of every kind, and when it stops.

use registry_in_memory::content::oci_index;
use registry_in_memory::{Authentication, Deletes, Effect, Fault, Kind, RegistryOptions};

use super::{APP, LIST, Site, image, signature_of};
use crate::support::requests::asked;
use crate::support::{assert_says, layers};

pub(super) fn deleting(deletes: Deletes) -> RegistryOptions {
    RegistryOptions { deletes, ..RegistryOptions::default() }
}

impl Site {
    fn tags(&self) -> Vec<String> {
        self.registry.store().tags(APP)
    }

    /// The deletions that the registry got: what they name, and its status.
    fn deletions(&self) -> Vec<String> {
        let requests = asked(&self.registry, "DELETE", Kind::Manifest).into_iter();
        requests
            .map(|request| format!("{} {}", request.path, request.status.unwrap_or_default()))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unlisted_tags_are_deleted_by_tag_or_else_by_digest_and_a_second_run_deletes_nothing() {
    for deletes in [Deletes::TagsAndDigests, Deletes::Digests, Deletes::ManifestsOfTags] {
        let site = Site::with_tags(deleting(deletes), &["1", "2", "3"]).await;
        let (signature, content) = signature_of(&image("1"));
        site.store(APP, &signature, &content);
        site.store("mirror/gone", "1", &image("gone"));
        site.store("other", "1", &image("other"));
        site.registry.forget_requests();
        let applied = site.run(&["--apply"]);
        assert_eq!(applied.exit_code, 0, "{deletes:?} {applied:?}");
        assert_says(
            &applied.stdout,
            &["  deleted 1\n", "  deleted 3\n", "4 of 5 tags deleted", "garbage collection"],
        );
        assert_eq!(site.tags(), ["2"], "{deletes:?}");
        assert_eq!(site.registry.store().tags("other"), ["1"]);
        let deletions = site.deletions();
        let place = |name: &str| {
            let at = deletions.iter().position(|it| it.contains(name) && it.ends_with("202"));
            at.unwrap_or_else(|| panic!("{name}: {deletions:?}"))
        };
        let [of_image, of_signature] = match deletes {
            Deletes::Digests => [image("1").top.to_string(), content.top.to_string()],
            _ => ["/1 ".to_owned(), signature.clone()],
        };
        assert!(place(&of_image) < place(&of_signature), "the signature goes last: {deletions:?}");
        let refused = deletions.iter().filter(|it| it.ends_with("405")).count();
        assert_eq!(
            refused,
            usize::from(deletes == Deletes::Digests),
            "learned once: {deletions:?}"
        );

        site.registry.forget_requests();
        let again = site.run(&["--apply"]);
        assert_eq!(again.exit_code, 0, "{again:?}");
        assert_says(&again.stdout, &["0 of 1 tag deleted"]);
        assert_eq!(site.deletions(), [""; 0], "{deletes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_with_the_manifest_of_one_that_stays_goes_only_alone() {
    for (deletes, expected) in [
        (Deletes::TagsAndDigests, &["2"][..]),
        (Deletes::Digests, &["1", "2"]),
        (Deletes::ManifestsOfTags, &["1", "2"]),
    ] {
        // `1` is `2` under another name, and `0` shows what the registry does.
        let site = Site::with_tags(deleting(deletes), &["0", "2"]).await;
        site.store(APP, "1", &image("2"));
        let applied = site.run(&["--apply"]);
        assert_eq!(applied.exit_code, 0, "{deletes:?} {applied:?}");
        assert_eq!(site.tags(), expected, "{deletes:?}");
        // With nothing else to delete, it is not known what the registry does.
        let site = Site::with_tags(deleting(deletes), &["2"]).await;
        site.store(APP, "1", &image("2"));
        let applied = site.run(&["--apply"]);
        assert_eq!(site.tags(), ["1", "2"], "{deletes:?}");
        assert_says(
            &applied.stdout,
            &["  stays   1: `2` has the same manifest", "0 of 2 tags deleted"],
        );
        assert_eq!((applied.exit_code, site.deletions().len()), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_tag_of_a_manifest_that_was_deleted_goes_with_the_first() {
    let site = Site::with_tags(deleting(Deletes::Digests), &["1", "2"]).await;
    site.store(APP, "1-again", &image("1"));
    let applied = site.run(&["--apply"]);
    assert_eq!(applied.exit_code, 0, "{applied:?}");
    assert_says(
        &applied.stdout,
        &["  deleted 1\n", "  deleted 1-again with `1`: both", "2 of 3 tags deleted"],
    );
    assert!(!applied.stdout.contains("gone already"), "{}", applied.stdout);
    assert_eq!(site.tags(), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_down_is_not_taken_for_the_wrong_destination() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2"]).await;
    site.registry.inject(Fault::status(418).always());
    let refused = site.run(&["--apply"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["none of the repositories of", "nothing is deleted", "418"]);
    let shown = site.run(&[]);
    assert_eq!(shown.exit_code, 1, "{shown:?}");
    assert_says(&shown.stdout, &["418", "warning: nothing is known about the tags of"]);
    for run in [refused, shown] {
        let text = run.stdout + &run.stderr;
        assert!(!text.contains("right destination") && !text.contains("wrong"), "{text}");
    }
    assert_eq!(site.deletions(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_an_index_that_stays_is_not_deleted_by_digest() {
    let site = Site::new(deleting(Deletes::Digests)).await;
    let index = oci_index(&layers(&["index"]));
    site.store(APP, "2", &index);
    let part = &index.manifests[0];
    site.registry.store().put_manifest(APP, "old", &part.media_type, part.bytes.clone());
    let applied = site.run(&["--apply"]);
    assert_eq!(applied.exit_code, 0, "{applied:?}");
    assert_eq!(site.tags(), ["2", "old"]);
    assert_eq!(site.registry.store().incomplete_tags(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_deletes_nothing_gets_two_requests_and_a_hint() {
    let site = Site::with_tags(deleting(Deletes::Nothing), &["1", "2", "3"]).await;
    site.store("mirror/other", "1", &image("other"));
    let refused = site.run(&["--apply"]);
    assert_eq!(refused.exit_code, 1, "{refused:?}");
    assert_says(
        &refused.stdout,
        &[
            "  failed  1\n",
            "405",
            "REGISTRY_STORAGE_DELETE_ENABLED=true",
            "stays   3: it was not tried",
        ],
    );
    assert_eq!(site.deletions().len(), 2, "{:?}", site.deletions());
    site.write("images.toml", &format!("{LIST}[registries.'DST']\nkind = 'ghcr'\n"));
    site.registry.forget_requests();
    let known = site.run(&["--apply"]);
    assert_eq!(known.exit_code, 2, "{known:?}");
    assert_says(&known.stderr, &["deletes nothing through the API", "hint: "]);
    assert_eq!(site.registry.requests().len(), 0);
    assert_eq!(site.run(&[]).exit_code, 0, "it can be shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_at_a_destination_that_lacks_most_images() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2"]).await;
    let more = |names: &[&str]| {
        let image = |name: &&str| format!("[[image]]\nsource = 'quay.io/team/{name}'\ntag = '1'\n");
        LIST.to_owned() + &names.iter().map(image).collect::<String>()
    };
    site.write("images.toml", &more(&["a", "b"]));
    let refused = site.run(&["--apply"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(
        &refused.stderr,
        &["2 of 3 listed images are not at", "nothing is deleted", "mirror"],
    );
    assert_eq!(site.tags(), ["1", "2"]);
    assert_says(&site.run(&[]).stdout, &["warning: 2 of 3 listed images", "right destination?"]);
    // Images outside of the owned repositories count.
    let owned = |text: String| text.replace("'**'", "'team/app'");
    site.write("images.toml", &owned(more(&["a", "b"])));
    assert_eq!(site.run(&["--apply"]).exit_code, 2);
    site.store("mirror/team/a", "1", &image("a"));
    assert_eq!(site.run(&["--apply"]).exit_code, 0);
    assert_eq!(site.tags(), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moves_meanwhile_is_not_deleted() {
    for deletes in [Deletes::TagsAndDigests, Deletes::Digests] {
        let site = Site::with_tags(deleting(deletes), &["1", "2", "3"]).await;
        // Right before the deletion, the registry names another digest.
        let moved = Fault::new(Effect::LieAboutDigest).method("HEAD").path("/manifests/1");
        site.registry.inject(moved.skip(1).always());
        let applied = site.run(&["--apply"]);
        assert_eq!(applied.exit_code, 0, "{applied:?}");
        assert_says(
            &applied.stdout,
            &["  stays   1: it names another manifest now\n", "  deleted 3\n"],
        );
        assert_eq!(site.tags(), ["1", "2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_changes_meanwhile_is_left_alone() {
    // A tag that stays, and one that goes, name something else after the first look.
    for (deletes, tag) in [
        (Deletes::TagsAndDigests, "2"),
        (Deletes::Digests, "2"),
        (Deletes::TagsAndDigests, "1"),
        (Deletes::Digests, "1"),
    ] {
        let site = Site::with_tags(deleting(deletes), &["1", "2", "3"]).await;
        site.store("mirror/other", "1", &image("other"));
        let moved = Fault::new(Effect::LieAboutDigest).method("HEAD");
        site.registry.inject(moved.path(&format!("app/manifests/{tag}")).always());
        let applied = site.run(&["--apply"]);
        assert_eq!(applied.exit_code, 1, "{applied:?}");
        assert_says(
            &applied.stdout,
            &["  stays   1: the repository has changed", "2 left", "run the same command again"],
        );
        assert_eq!(site.tags(), ["1", "2", "3"]);
        assert_eq!(site.registry.store().tags("mirror/other"), [""; 0], "the others are pruned");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_needs_its_own_permission_and_showing_does_not() {
    let authentication = Authentication::bearer("robot", "word");
    let options = RegistryOptions { authentication, ..RegistryOptions::default() };
    let site = Site::with_tags(options, &["1", "2"]).await;
    let variables = [("DST_REGISTRY_USERNAME", "robot"), ("DST_REGISTRY_PASSWORD", "word")];
    let run = |arguments: &[&str]| {
        site.registry.forget_requests();
        let ran = tokio::task::block_in_place(|| site.xtask.run(arguments, &variables));
        let tokens = asked(&site.registry, "GET", Kind::Token).into_iter();
        (ran, tokens.map(|request| request.query).collect::<Vec<_>>().concat())
    };
    let (shown, scopes) = run(&["prune"]);
    assert_eq!(shown.exit_code, 0, "{shown:?}");
    assert!(!scopes.contains("delete") && !scopes.contains("push"), "{scopes}");
    let (applied, scopes) = run(&["prune", "--apply"]);
    assert_eq!(applied.exit_code, 0, "{applied:?}");
    assert!(scopes.contains("delete"), "{scopes}");
    assert_eq!(site.tags(), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_does_not_stop_the_others_and_its_attachments_stay() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2", "3"]).await;
    let (signature, content) = signature_of(&image("1"));
    site.store(APP, &signature, &content);
    site.registry.inject(Fault::status(403).method("DELETE").path("/manifests/1").always());
    let applied = site.run(&["--apply"]);
    assert_eq!(applied.exit_code, 1, "{applied:?}");
    assert_says(
        &applied.stdout,
        &[
            "error: mirror/team/app:1\n",
            "403",
            "permission to delete",
            "what it belongs to is still there",
            "1 of 4 tags deleted",
        ],
    );
    assert_eq!(site.tags(), ["1", "2", signature.as_str()]);
}
