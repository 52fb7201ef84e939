//! What `prune` shows, and what it refuses to judge.

use registry_in_memory::content::oci_index;
use registry_in_memory::{Fault, Kind, RegistryOptions};

use super::{APP, LIST, Site, image, signature_of, to_delete};
use crate::support::{assert_says, layers};

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_no_list_has_are_shown_and_nothing_is_changed() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2", "3"]).await;
    site.store("mirror/team/gone", "7", &image("gone"));
    site.store("other/app", "1", &image("other"));
    let found = site.run(&["-d", "d"]);
    assert_eq!(found.exit_code, 0, "{found:?}");
    assert_says(
        &found.stdout,
        &[
            "mirror/team/app: 2 of 3 tags to delete\n",
            "  delete  1\n",
            "  delete  3\n",
            "  keep    1 in a list\n",
            "mirror/team/gone: 1 of 1 tag to delete\n",
            "/mirror: 3 of 4 tags to delete in 2 repositories; ",
        ],
    );
    assert!(!found.stdout.contains("other"), "{}", found.stdout);
    assert_eq!(site.methods(), ["GET"]);
    let listed = site.run(&["-d", "d", "-v"]);
    assert_says(&listed.stdout, &["  keep    2: in images.toml\n"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owned_repositories_are_looked_at() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2"]).await;
    site.store("mirror/other/app", "1", &image("1"));
    site.write("images.toml", &LIST.replace("'**'", "'team/*'"));
    assert_eq!(site.to_delete(&[]), ["mirror/team/app:1"]);
    let requests = site.registry.requests();
    assert!(requests.iter().all(|request| !request.path.contains("other")), "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_catalog_the_repositories_of_the_lists_are_looked_at() {
    let options = RegistryOptions { catalog: false, ..RegistryOptions::default() };
    let site = Site::with_tags(options, &["1", "2"]).await;
    site.store("mirror/team/gone", "1", &image("1"));
    assert_eq!(site.to_delete(&[]), ["mirror/team/app:1"]);
    assert_says(&site.run(&[]).stdout, &["note: ", "no catalog", "repositories of the lists"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_keep_tags_by_pattern_and_by_version() {
    let tags = ["1.9", "1.10", "1.10-rc1", "2", "lts-1", "main"];
    let site = Site::with_tags(RegistryOptions::default(), &tags).await;
    site.write(
        "images.toml",
        &LIST.replace("['**']", "['**']\nprune.keep = ['lts-*']\nprune.keep-last = 1"),
    );
    let expected = ["1.10-rc1", "1.9", "main"].map(|tag| format!("{APP}:{tag}"));
    assert_eq!(site.to_delete(&[]), expected);
    site.write("images.toml", &LIST.replace("['**']", "['**']\nprune.minimum-age = '30d'"));
    let unknown = site.run(&[]);
    assert_eq!(unknown.exit_code, 2, "{unknown:?}");
    assert_says(&unknown.stderr, &["minimum-age", "does not report when", "keep-last"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_any_member_has_stays_whatever_members_are_selected() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2", "3", "4", "5"]).await;
    let (destination, image) = LIST.split_once("[[image]]").unwrap();
    let image = |tag: &str| format!("[[image]]{}", image.replace("'2'", &format!("'{tag}'")));
    site.write(
        "images.toml",
        &format!("[workspace]\nmembers = ['*']\n{destination}{}", image("1")),
    );
    site.write("a/images.toml", &image("2"));
    // Another name of the same place.
    let other = "[destinations.x]\nregistry = 'DST'\nprefix = 'mirror'\n";
    site.write("b/images.toml", &format!("{other}{}", image("3")));
    let expected = [format!("{APP}:4"), format!("{APP}:5")];
    for arguments in
        [&[][..], &["--member", "a"], &["--member", "b", "-d", "d"], &["--member", "."]]
    {
        let arguments = [&["-d", "d"], arguments].concat();
        let arguments = if arguments.contains(&"b") { &arguments[2..] } else { &arguments };
        assert_eq!(site.to_delete(arguments), expected, "{arguments:?}");
    }
    let inside = site.run_in("a", &["--format", "json"]);
    assert_eq!(to_delete(&serde_json::from_str(&inside.stdout).unwrap()), expected);

    // A source in the same registry.
    site.write(
        "b/images.toml",
        &format!("[[image]]\nsource = 'DST/{APP}'\ntag = '4'\ntarget = 'x'\n"),
    );
    assert_eq!(site.to_delete(&["-d", "d"]), [format!("{APP}:3"), format!("{APP}:5")]);

    site.write("b/images.toml", "[[image]]\nsorce = 'a'\n");
    for arguments in [&["-d", "d"][..], &["-d", "d", "--member", "a"]] {
        site.registry.forget_requests();
        let stopped = site.run(arguments);
        assert_eq!(stopped.exit_code, 2, "{stopped:?}");
        assert_says(&stopped.stderr, &["b/images.toml", "unknown key `sorce`"]);
        assert_eq!(site.registry.requests().len(), 0, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_without_rules_is_refused_before_any_request() {
    let site = Site::with_tags(RegistryOptions::default(), &["1"]).await;
    let address = format!("{}/mirror", site.registry.address());
    let table: [(&[&str], &str); 3] = [
        (&["-d", &address], "nothing may be pruned"),
        (&["-d", "oci:layout"], "image layout"),
        (&["-d", "unknown"], "no destination `unknown`"),
    ];
    for (arguments, words) in table {
        let refused = site.run(arguments);
        assert_eq!(refused.exit_code, 2, "{refused:?}");
        assert_says(&refused.stderr, &[words, "hint: "]);
    }
    site.write("images.toml", "[destinations.d]\nregistry = 'DST/mirror'\n");
    let empty = site.run(&[]);
    assert_eq!(empty.exit_code, 2, "a list without images: {empty:?}");
    assert_eq!(site.registry.requests().len(), 0);
    let everything = LIST.replace("DST/mirror", "DST");
    site.write("images.toml", &everything);
    let refused = site.run(&[]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["`**` may own every repository"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_the_chart_stays_and_an_unknown_one_keeps_all() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2"]).await;
    for version in ["1.0.0", "1.1.0"] {
        site.store("mirror/charts/shop", version, &image(version));
    }
    let chart = |version: &str| {
        format!(
            "[chart]\nname = 'shop'\nrepository = 'https://charts.example.com'\n{version}{LIST}"
        )
    };
    site.write("images.toml", &chart("version = '1.1.0'\n"));
    assert_eq!(site.to_delete(&[]), ["mirror/charts/shop:1.0.0", "mirror/team/app:1"]);
    site.write("images.toml", &chart(""));
    assert_eq!(site.to_delete(&[]), ["mirror/team/app:1"]);
    assert_says(&site.run(&["-v"]).stdout, &["keep    1.0.0: `images.toml` has no version of"]);
    site.write(
        "images.toml",
        &chart("").replace(
            "name = 'shop'\nrepository = 'https://charts.example.com'",
            "name = './absent'",
        ),
    );
    let stopped = site.run(&[]);
    assert_eq!(stopped.exit_code, 2, "{stopped:?}");
    assert_says(&stopped.stderr, &["which chart belongs to the list", "absent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_of_tags_and_repositories_are_read() {
    let options = RegistryOptions { longest_page: Some(2), ..RegistryOptions::default() };
    let site = Site::with_tags(options, &["1", "2", "3", "4", "5"]).await;
    for name in ["a", "b", "c"] {
        site.store(&format!("mirror/{name}"), "1", &image(name));
    }
    let expected = ["a:1", "b:1", "c:1", "team/app:1", "team/app:3", "team/app:4", "team/app:5"];
    assert_eq!(site.to_delete(&[]), expected.map(|name| format!("mirror/{name}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_whose_tags_cannot_all_be_read_is_not_judged() {
    let options = RegistryOptions { longest_page: Some(2), ..RegistryOptions::default() };
    let site = Site::with_tags(options, &["1", "2", "3"]).await;
    site.store("mirror/other", "1", &image("other"));
    let second_page = || Fault::status(404).kind(Kind::Tags).path("last=2").always();
    let cases = [
        (second_page(), "breaks off"),
        (Fault::status(403).kind(Kind::Tags).repository(APP).always(), "403"),
        (
            Fault::new(registry_in_memory::Effect::HtmlOk)
                .kind(Kind::Tags)
                .repository(APP)
                .always(),
            "not a page",
        ),
        (
            Fault::status(404).kind(Kind::Manifest).repository(APP).path("/manifests/2").always(),
            "has no manifest",
        ),
        (Fault::status(404).kind(Kind::Tags).repository(APP).always(), ""),
    ];
    for (fault, words) in cases {
        site.registry.clear_faults();
        site.registry.inject(fault);
        let found = site.run(&[]);
        assert_says(&found.stdout, &["mirror/other: 1 of 1 tag to delete\n", words]);
        assert!(!found.stdout.contains("mirror/team/app: "), "{}", found.stdout);
        assert_eq!(found.exit_code, i32::from(!words.is_empty()), "{found:?}");
    }
    // The list of tags lacks one that is there.
    site.registry.clear_faults();
    let headless = Fault::new(registry_in_memory::Effect::OmitHeader("link".to_owned()));
    site.write("images.toml", &LIST.replace("tag = '2'", "tag = '3'"));
    site.registry.inject(headless.kind(Kind::Tags).always());
    let found = site.run(&[]);
    assert_eq!(found.exit_code, 1, "{found:?}");
    assert_says(&found.stdout, &["`3` is there, but not in the list of tags", "hint: "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_stay_with_their_image_and_go_with_it() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2"]).await;
    for name in ["1", "2"] {
        let (tag, signature) = signature_of(&image(name));
        site.store(APP, &tag, &signature);
    }
    let (orphan, signature) = signature_of(&image("absent"));
    site.store(APP, &orphan, &signature);
    let (of_old, _) = signature_of(&image("1"));
    let mut expected = [format!("{APP}:1"), format!("{APP}:{of_old}"), format!("{APP}:{orphan}")];
    expected.sort();
    assert_eq!(site.to_delete(&[]), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_of_an_index_that_stays_and_their_signatures_stay() {
    let site = Site::new(RegistryOptions::default()).await;
    let index = oci_index(&layers(&["index"]));
    site.store(APP, "2", &index);
    let [platform, other] = [&index.manifests[0], &index.manifests[1]];
    for (tag, manifest) in [("2-amd64", platform), ("old", other)] {
        site.registry.store().put_manifest(APP, tag, &manifest.media_type, manifest.bytes.clone());
    }
    let signed =
        registry_in_memory::content::Content { top: platform.digest.clone(), ..index.clone() };
    let (tag, signature) = signature_of(&signed);
    site.store(APP, &tag, &signature);
    assert_eq!(site.to_delete(&[]), [""; 0]);
    assert_says(&site.run(&["-v"]).stdout, &["keep    2-amd64: part of 2\n"]);
}
