//! New, moved, unchanged, missing, failed: the requests, changes and messages of each outcome.

use std::time::Duration;

use registry_in_memory::{Authentication, Effect, Fault, Kind, RegistryOptions};

use super::{Place, named};
use crate::support::assert_says;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pinning_a_pinned_list_sends_one_head_per_image_and_leaves_the_file_alone() {
    let place = Place::new().await;
    let (a, b) = (named("a"), named("b"));
    let (a, b) = (place.tag("team/a", "1", &a), place.tag("team/b", "2", &b));
    place.list(&[("team/a", "1", None), ("team/b", "2", None)]);

    let first = place.pin(&[]);
    assert_eq!(first.exit_code, 0, "{}", first.stderr);
    let images = format!("new        SOURCE/team/a:1 {a}\nnew        SOURCE/team/b:2 {b}\n");
    let summary = first.stdout.strip_prefix(&images).unwrap_or_else(|| panic!("{first:?}"));
    assert_eq!(
        summary.replace(char::is_numeric, "#"),
        "# images: # new, # moved, # unchanged, # missing, # failed in #.# s; # requests\n\
         written     images.toml (# digests)\n"
    );
    assert!(summary.contains("2 images: 2 new, 0 moved, "), "{summary}");
    assert_eq!(first.stderr, "");
    assert_eq!(place.digests(), [a.as_str(), b.as_str()]);
    let mut requests = place.requests();
    requests.sort();
    let of =
        |method: &str, image: &str, name: &str| format!("{method} team/{image}/manifests/{name}");
    let mut expected = [
        of("HEAD", "a", "1"),
        of("GET", "a", a.as_str()),
        of("HEAD", "b", "2"),
        of("GET", "b", b.as_str()),
    ];
    expected.sort();
    assert_eq!(requests, expected);

    let time = || std::fs::metadata(place.file()).unwrap().modified().unwrap();
    let before = time();
    for flags in [&[][..], &["--check"], &["--update"]] {
        place.source.forget_requests();
        let again = place.pin(flags);
        assert_eq!(again.exit_code, 0, "{}", again.stderr);
        let unchanged = "unchanged  SOURCE/team/a:1\nunchanged  SOURCE/team/b:2\n2 images: ";
        assert!(again.stdout.starts_with(unchanged), "{}", again.stdout);
        let mut requests = place.requests();
        requests.sort();
        assert_eq!(requests, [of("HEAD", "a", "1"), of("HEAD", "b", "2")]);
        assert_eq!(time(), before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resolved_digests_are_written_even_if_other_images_fail() {
    let place = Place::new().await;
    let good = place.tag("team/good", "1", &named("good"));
    place.tag("team/denied", "1", &named("denied"));
    let body = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#.to_owned();
    let denied = Effect::Status { code: 403, headers: Vec::new(), body };
    place.source.inject(Fault::new(denied).repository("team/denied").always());
    place.write(
        "[[image]]\nsource = \"SOURCE/team/gone\"\ntag = \"1\"\n\
         [[image]]\nsource = \"127.0.0.1:1/team/down\"\ntag = \"1\"\n\
         [[image]]\nsource = \"SOURCE/team/denied\"\ntag = \"1\"\n\
         [[image]]\nsource = \"SOURCE/team/good\"\ntag = \"1\"\n",
    );
    let before = place.text();
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 1, "{}", finished.stderr);
    let expected = [
        "missing    SOURCE/team/gone:1\n  hint: check source and tag; ",
        "failed     127.0.0.1:1/team/down:1\n",
        "error: 127.0.0.1:1/team/down:1\n  source: look for manifest `1`: HEAD http://127.0.0.1:1/v2/team/down/manifests/1: cannot connect: ",
        "\n  hint: check the host name, ",
        "error: SOURCE/team/denied:1\n  source: get manifest `1`: GET http://SOURCE/v2/team/denied/manifests/1: 403 DENIED: not yours",
        "\n  hint: the account has no permission to read this repository\n",
        &format!("new        SOURCE/team/good:1 {good}\n"),
    ];
    for words in expected {
        assert!(finished.stdout.contains(words), "`{words}` is missing:\n{}", finished.stdout);
    }
    assert!(finished.stdout.contains("4 images: 1 new, 0 moved, 0 unchanged, 1 missing, 2 failed"));
    assert_eq!(place.text(), format!("{before}digest = \"{good}\"\n"));

    let report = place.pin_to_json(&[]);
    let outcomes: Vec<_> =
        report["images"].as_array().unwrap().iter().map(|image| &image["outcome"]).collect();
    assert_eq!(outcomes, ["missing", "failed", "failed", "unchanged"]);
    assert_eq!(report["images"][2]["error"]["status"], 403);
    assert_eq!(report["totals"]["failed"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_down_is_reported_once_for_all_of_its_images() {
    let place = Place::new().await;
    let images: String = (0..9)
        .map(|n| format!("[[image]]\nsource = \"127.0.0.1:1/team/i{n}\"\ntag = \"1\"\n"))
        .collect();
    place.write(&images);
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    assert_eq!(finished.stdout.matches("cannot connect").count(), 1, "{}", finished.stdout);
    assert_eq!(finished.stdout.matches("\nfailed ").count(), 8, "{}", finished.stdout);
    let words = [
        "\nerror: 9 images: source: http://127.0.0.1:1: cannot connect: ",
        "  127.0.0.1:1/team/i4:1\n  and 4 more; `-v` lists all\n  hint: check the host name",
    ];
    assert_says(&finished.stdout, &words);
    let verbose = place.pin(&["-v"]);
    assert_says(&verbose.stdout, &["  127.0.0.1:1/team/i8:1 (HEAD http://127.0.0.1:1/v2/team/i8/"]);
    let report = place.pin_to_json(&[]);
    let of_each = |image: &serde_json::Value| image["error"]["message"].is_string();
    assert_eq!(report["images"].as_array().unwrap().iter().filter(|it| of_each(it)).count(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_changes_nothing_and_fails_if_a_digest_would_change() {
    let place = Place::new().await;
    let (a, b) = (named("a"), named("b"));
    place.tag("team/a", "1", &a);
    place.list(&[("team/a", "1", None)]);
    let before = place.text();
    let time = || std::fs::metadata(place.file()).unwrap().modified().unwrap();
    let written = time();

    let new = place.pin(&["--check"]);
    assert_eq!((new.exit_code, place.text(), time()), (1, before, written));
    let hint = "hint: `chart-mirror --images images.toml pin` records the missing digests\n";
    assert!(new.stdout.ends_with(hint), "{}", new.stdout);

    place.list(&[("team/a", "1", Some(&b.top))]);
    let (before, written) = (place.text(), time());
    let moved = place.pin(&["--check"]);
    assert_eq!((moved.exit_code, place.text(), time()), (1, before, written));
    assert!(moved.stdout.starts_with("moved      SOURCE/team/a:1\n"), "{}", moved.stdout);

    place.list(&[("team/b", "1", Some(&b.top))]);
    let missing = place.pin(&["--check"]);
    assert_eq!(missing.exit_code, 1);
    assert!(missing.stdout.starts_with("missing    SOURCE/team/b:1\n"), "{}", missing.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_selected_images_are_requested() {
    let place = Place::new().await;
    let (kafka, wait) = (named("kafka"), named("wait"));
    let kafka = place.tag("team/kafka", "2.8.0", &kafka);
    place.tag("team/wait", "1", &wait);
    place.list(&[("team/wait", "1", None), ("team/kafka", "2.8.0", None)]);
    let finished = place.pin(&["kafka:*"]);
    assert_eq!((finished.exit_code, place.digests()), (0, vec![kafka.to_string()]));
    assert!(place.requests().iter().all(|line| line.contains("team/kafka")));

    place.source.forget_requests();
    for (glob, words) in [
        ("kafak", "`kafak` selects no image of the list\nhint: "),
        ("[", "`[` is not a valid glob: "),
    ] {
        let refused = place.pin(&["wait", glob]);
        assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""));
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    assert_eq!(place.requests(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_images_are_requested_at_once_and_no_tags_are_listed() {
    let place = Place::with(RegistryOptions {
        latency: Duration::from_millis(200),
        ..RegistryOptions::default()
    })
    .await;
    let names: Vec<String> = (0..22).map(|number| format!("team/i{number:02}")).collect();
    for name in &names {
        place.tag(name, "1", &named(name));
    }
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), "1", None)).collect();
    place.list(&entries);
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    assert_eq!(place.source.most_at_once(), 22);
    assert!(place.source.requests().iter().all(|request| request.kind == Kind::Manifest));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credentials_of_the_source_are_used() {
    let basic = Authentication::basic("u", "p");
    let place =
        Place::with(RegistryOptions { authentication: basic, ..RegistryOptions::default() }).await;
    let digest = place.tag("team/a", "1", &named("a"));
    place.list(&[("team/a", "1", None)]);
    let refused = place.pin(&[]);
    assert_eq!(refused.exit_code, 1);
    assert!(refused.stdout.contains("`STS_REGISTRY_USERNAME`"), "{}", refused.stdout);

    let login = [("STS_REGISTRY_USERNAME", "u"), ("STS_REGISTRY_PASSWORD", "p")];
    let arguments = ["pin", "--images", "images.toml"];
    let finished = tokio::task::block_in_place(|| place.xtask.run(&arguments, &login));
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    assert_eq!(place.digests(), [digest.as_str()]);
}
