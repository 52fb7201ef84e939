//! Moved tags: what is shown before a user accepts one, and that none is accepted by accident.

use registry_in_memory::content::artifact;
use registry_in_memory::{Effect, Fault, Kind};
use serde_json::{Value, json};

use super::{Place, image, index, named};

/// The config of an image of some version.
fn config(version: &str) -> Value {
    json!({
        "os": "linux", "architecture": "amd64", "created": format!("2024-01-0{version}T00:00:00Z"),
        "config": {
            "User": "1000",
            "Entrypoint": ["/app"],
            "Cmd": ["--level", version],
            "Env": ["PATH=/bin", format!("TOKEN_{version}=secret{version}")],
            "ExposedPorts": {"80/tcp": {}},
            "Labels": {"version": version, "vendor": "team"},
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_tag_is_shown_and_accepted_only_on_request() {
    let place = Place::new().await;
    let (old, new) = (image(&config("1"), 1000), image(&config("2"), 250_000));
    place.tag("team/a", "1", &old);
    place.tag("team/a", "1", &new);
    place.list(&[("team/a", "1", Some(&old.top))]);
    let before = place.text();
    let sizes = [1000, 250_000].iter().zip([&old, &new]);
    let sizes: Vec<usize> = sizes.map(|(layer, image)| layer + image.blobs[0].1.len()).collect();
    let difference = format!(
        "moved      SOURCE/team/a:1\n\
         \x20 listed {}\n\
         \x20 now    {}\n\
         \x20 compared for linux/amd64:\n\
         \x20 size: {:.1} kB -> {:.1} kB\n\
         \x20 created: `2024-01-01T00:00:00Z` -> `2024-01-02T00:00:00Z`\n\
         \x20 cmd: [\"--level\",\"1\"] -> [\"--level\",\"2\"]\n\
         \x20 env: `TOKEN_1` removed\n\
         \x20 env: `TOKEN_2` added\n\
         \x20 label version: `1` -> `2`\n",
        old.top,
        new.top,
        sizes[0] as f64 / 1000.0,
        sizes[1] as f64 / 1000.0,
    );

    let kept = place.pin(&[]);
    assert_eq!((kept.exit_code, place.text()), (1, before));
    let command = "`chart-mirror --images images.toml pin --update";
    let expected = format!("{difference}  hint: {command} SOURCE/team/a:1` accepts it\n1 image: ");
    assert!(kept.stdout.starts_with(&expected), "{}", kept.stdout);
    let words = format!(
        "unchanged   images.toml\n\
         1 tag has moved; its pin was kept\n\
         hint: see what changed, then accept it with {command} IMAGE`\n"
    );
    assert!(kept.stdout.ends_with(&words), "{}", kept.stdout);
    let manifest = |method: &str, name: &str| format!("{method} team/a/manifests/{name}");
    let mut requests = place.requests();
    let mut blobs = requests.split_off(3);
    blobs.sort();
    let tops = [
        manifest("HEAD", "1"),
        manifest("GET", new.top.as_str()),
        manifest("GET", old.top.as_str()),
    ];
    assert_eq!(requests, tops);
    let mut configs = [&old, &new].map(|image| format!("GET team/a/blobs/{}", image.blobs[0].0));
    configs.sort();
    assert_eq!(blobs, configs);

    // The command of the hint.
    let reference = format!("{}/team/a:1", place.source.address());
    let accepted = place.pin(&["--update", &reference]);
    assert_eq!((accepted.exit_code, place.digests()), (0, vec![new.top.to_string()]));
    assert!(accepted.stdout.starts_with(&format!("{difference}1 image: ")), "{}", accepted.stdout);
    let written = "\nwritten     images.toml (1 digest)\n";
    assert!(accepted.stdout.ends_with(written), "{}", accepted.stdout);
    assert_eq!(place.pin(&["--check"]).exit_code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_of_an_environment_variable_is_shown() {
    let place = Place::new().await;
    let (old, new) = (image(&config("1"), 10), image(&config("2"), 10));
    place.tag("team/a", "1", &old);
    place.tag("team/a", "1", &new);
    place.list(&[("team/a", "1", Some(&old.top))]);
    for flags in [&["-v"][..], &["-v", "--format", "json"]] {
        let finished = place.pin(flags);
        assert!(finished.stdout.contains("TOKEN_2"), "{}", finished.stdout);
        assert!(!(finished.stdout + &finished.stderr).contains("secret"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_are_compared_by_their_platforms_and_one_image_of_both() {
    let (amd, arm, changed) = (named("amd"), named("arm"), named("changed"));
    let platform = |old: Option<&str>, new: Option<&str>| json!({"what": "platform", "name": null, "old": old, "new": new});
    let user = |old: &str| json!({"what": "user", "name": null, "old": old, "new": "changed"});
    let table = [
        // The usual platform, which is not the first.
        (
            index(&[("linux/arm64", &arm), ("linux/amd64", &amd)]),
            index(&[("linux/arm64", &arm), ("linux/s390x", &arm), ("linux/amd64", &changed)]),
            json!("linux/amd64"),
            vec![platform(None, Some("linux/s390x")), user("amd")],
        ),
        // Without the usual platform, the first that both have.
        (
            index(&[("linux/amd64", &amd), ("linux/s390x", &amd), ("linux/arm64", &arm)]),
            index(&[("linux/arm64", &changed), ("linux/s390x", &amd)]),
            json!("linux/s390x"),
            vec![platform(Some("linux/amd64"), None)],
        ),
        // There is no platform that both have.
        (
            index(&[("linux/amd64", &amd)]),
            index(&[("linux/arm64", &arm)]),
            Value::Null,
            vec![platform(Some("linux/amd64"), None), platform(None, Some("linux/arm64"))],
        ),
        // An entry without a platform is not an image.
        (
            index(&[("linux/amd64", &amd)]),
            index(&[("linux/amd64", &amd), ("unknown/unknown", &arm)]),
            json!("linux/amd64"),
            vec![],
        ),
        // An image, and an index of it.
        (
            amd.clone(),
            index(&[("linux/amd64", &changed), ("linux/arm64", &arm)]),
            json!("linux/amd64"),
            vec![platform(None, Some("linux/arm64")), user("amd")],
        ),
    ];
    for (number, (old, new, platform, differences)) in table.into_iter().enumerate() {
        let place = Place::new().await;
        place.tag("team/a", "1", &old);
        place.tag("team/a", "1", &new);
        place.list(&[("team/a", "1", Some(&old.top))]);
        let report = place.pin_to_json(&[]);
        let mut change = report["images"][0]["change"].clone();
        // The names have different lengths.
        let reported = change["differences"].as_array_mut().unwrap();
        reported.retain(|difference| difference["what"] != "size");
        let fetched = place.requests().iter().filter(|line| line.contains("/blobs/")).count();
        let is_same = !differences.iter().any(|difference| difference["what"] == "user");
        assert_eq!(
            fetched,
            if is_same { 0 } else { 2 },
            "{number}: the same image needs no request"
        );
        let expected =
            json!({"state": "compared", "platform": platform, "differences": differences});
        assert_eq!(change, expected, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_is_not_an_image_is_compared_by_size() {
    let place = Place::new().await;
    let (old, new) = (artifact("application/x-chart", "1"), artifact("application/x-chart", "two"));
    place.tag("team/a", "1", &old);
    place.tag("team/a", "1", &new);
    place.list(&[("team/a", "1", Some(&old.top))]);
    let finished = place.pin(&["--update"]);
    let words = format!("  now    {}\n  size: 3 B -> 5 B\n", new.top);
    assert!(finished.stdout.contains(&words), "{}", finished.stdout);
    assert_eq!((finished.exit_code, place.digests()), (0, vec![new.top.to_string()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_image_that_is_gone_is_reported() {
    let place = Place::new().await;
    let (old, new) = (named("old"), named("new"));
    place.tag("team/a", "1", &new);
    place.list(&[("team/a", "1", Some(&old.top))]);
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 1);
    let words = "\n  nothing to compare: the source no longer has the listed image\n";
    assert!(finished.stdout.contains(words), "{}", finished.stdout);
    let report = place.pin_to_json(&["--update"]);
    assert_eq!(report["images"][0]["change"], json!({"state": "old-is-gone"}));
    assert_eq!(report["images"][0]["written"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configs_that_are_too_large_broken_or_unavailable_are_reported() {
    let large = image(&json!({"config": {"Labels": {"a": "x".repeat(5 << 20)}}}), 10);
    let broken = image(&json!({"config": {"Labels": [1]}}), 10);
    let table = [
        (large, None, "more than the limit of 4194304"),
        (broken, None, "the config cannot be parsed: "),
        (named("new"), Some(Fault::status(404).kind(Kind::Blob).always()), ": 404"),
        (
            named("new"),
            Some(Fault::new(Effect::Corrupt { at: 5 }).kind(Kind::Blob).always()),
            "the content has the digest sha256:",
        ),
    ];
    for (new, fault, words) in table {
        let place = Place::new().await;
        let old = place.tag("team/a", "1", &named("old"));
        place.tag("team/a", "1", &new);
        place.list(&[("team/a", "1", Some(&old))]);
        fault.into_iter().for_each(|fault| place.source.inject(fault));
        let finished = place.pin(&[]);
        assert_eq!((finished.exit_code, place.digests()), (1, vec![old.to_string()]));
        assert!(finished.stdout.contains(words), "{}", finished.stdout);
        assert!(place.source.requests().iter().all(|request| request.bytes_out < 1 << 20));
    }
}
