//! The digests of subsets: computed once, recorded, and then used.

use oci::Digest;
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use serde_json::json;

use super::{Place, image, index};
use crate::support::requests::request_counts;

fn built_for(architecture: &str, version: &str) -> registry_in_memory::content::Content {
    image(&json!({"os": "linux", "architecture": architecture, "version": version}), 1000)
}

fn both(version: &str) -> registry_in_memory::content::Content {
    let (amd64, arm64) = (built_for("amd64", version), built_for("arm64", version));
    index(&[("linux/amd64", &amd64), ("linux/arm64", &arm64)])
}

/// An index and a plain image, listed for a destination that selects only `linux/amd64`.
async fn place(destination: &InMemoryRegistry) -> Place {
    let place = Place::new().await;
    place.tag("team/app", "1", &both("1"));
    place.tag("team/tool", "2", &built_for("amd64", "2"));
    place.write(&format!(
        "[destinations.cluster]\nregistry = \"{}\"\nplatforms = [\"linux/amd64\"]\n\n\
         [[image]]\nsource = \"SOURCE/team/app\"\ntag = \"1\" # the app\n\n\
         # Small.\n[[image]]\nsource = \"SOURCE/team/tool\"\ntag = \"2\"\n",
        destination.address()
    ));
    place
}

/// The values of all lines that begin with `"linux/amd64" = `.
fn recorded(place: &Place) -> Vec<String> {
    let text = place.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("\"linux/amd64\" = "));
    lines.map(|digest| digest.trim_matches('"').to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_subsets_are_mirrored_and_verified_without_computing_them_again() {
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let place = place(&destination).await;
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--images", "images.toml"]].concat();
        tokio::task::block_in_place(|| place.xtask.run(&arguments, &[]))
    };
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 0, "{}{}", finished.stdout, finished.stderr);
    assert!(finished.stdout.contains("2 digests, 2 of some platforms"), "{}", finished.stdout);
    let tool = built_for("amd64", "2").top;
    let records = recorded(&place);
    assert_eq!(records.len(), 2);
    assert_ne!(records[0], both("1").top.as_str(), "an index of one platform has another digest");
    assert_eq!(records[1], tool.as_str(), "an image that is not an index keeps its digest");
    assert!(place.text().contains("tag = \"1\" # the app\ndigest = \""), "{}", place.text());
    assert!(place.text().contains("# Small.\n[[image]]\n"), "{}", place.text());

    let mirrored = run(&["mirror"]);
    assert!(mirrored.stdout.contains("2 copied, 0 up to date"), "{}", mirrored.stdout);
    let there = destination.store().manifest("team/app", "1").map(|(_, _, digest)| digest);
    assert_eq!(there.as_ref().map(Digest::as_str), Some(records[0].as_str()));
    destination.forget_requests();
    place.source.forget_requests();
    let again = run(&["mirror"]);
    assert!(again.stdout.contains("0 copied, 2 up to date"), "{}", again.stdout);
    assert_eq!(
        (request_counts(&place.source).as_str(), request_counts(&destination).as_str()),
        ("", "2 HEAD manifest")
    );
    let verified =
        run(&["verify", "--strict", "--only", "list", "--only", "source", "--only", "destination"]);
    assert_eq!(verified.exit_code, 0, "{}", verified.stdout);

    place.source.forget_requests();
    assert_eq!(place.pin(&["--check"]).exit_code, 0);
    assert_eq!(
        request_counts(&place.source),
        "2 HEAD manifest",
        "what is recorded is not computed again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_record_is_added_and_updated_with_an_accepted_tag() {
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let place = place(&destination).await;
    place.pin(&[]);
    let (text, records) = (place.text(), recorded(&place));
    let without = format!(
        "[image.subsets]\nindex = \"{}\"\n\"linux/amd64\" = \"{}\"\n",
        both("1").top,
        records[0]
    );
    assert!(text.contains(&without), "{text}");
    place.write(&text.replace(&without, ""));
    place.source.forget_requests();
    let checked = place.pin(&["--check"]);
    assert_eq!(checked.exit_code, 1, "{}", checked.stdout);
    assert_eq!(recorded(&place).len(), 1, "nothing was written");
    assert_eq!(place.pin(&[]).exit_code, 0);
    assert_eq!(place.text(), text);

    place.tag("team/app", "1", &both("newer"));
    assert_eq!(place.pin(&[]).exit_code, 1, "a moved tag keeps digest and record");
    assert_eq!(place.text(), text);
    assert_eq!(place.pin(&["--update"]).exit_code, 0);
    assert_eq!(place.digests()[0], both("newer").top.as_str());
    assert_ne!(recorded(&place)[0], records[0]);
    assert_eq!(recorded(&place)[1], records[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_a_selected_platform_is_pinned_with_a_warning() {
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let place = place(&destination).await;
    place.tag("team/tool", "2", &built_for("s390x", "2"));
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    let warning = "warning: no digest for linux/amd64, selected by `cluster`: the image is only for `linux/s390x`";
    assert!(finished.stdout.contains(warning), "{}", finished.stdout);
    assert_eq!((place.digests().len(), recorded(&place).len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_removed_if_the_accepted_image_lacks_the_platform() {
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let place = place(&destination).await;
    place.pin(&[]);
    let (before, old) = (place.text(), recorded(&place));
    let [app, tool] = [both("1"), built_for("amd64", "2")].map(|content| content.top);
    // The other record of the app is stale as well and can be updated.
    let others = format!("\"linux/amd64\" = \"{}\"\n", old[0]);
    let more = format!("{others}\"linux/arm64\" = \"{}\" # unused\n", Digest::of(b"stale"));
    place.write(&before.replace(&others, &more));
    let arm64 = index(&[("linux/arm64", &built_for("arm64", "newer"))]);
    place.tag("team/app", "1", &arm64);

    let finished = place.pin(&["--update"]);
    let expected = format!(
        "  linux/amd64: no longer recorded\n  linux/arm64: {}\n  warning: no digest for linux/amd64, \
         selected by `cluster`: the index has nothing for `linux/amd64`, but for `linux/arm64`\n",
        arm64.top
    );
    assert!(finished.stdout.contains(&expected), "{}", finished.stdout);
    let expected = before
        .replace(&others, &format!("\"linux/arm64\" = \"{}\" # unused\n", arm64.top))
        .replace(app.as_str(), arm64.top.as_str());
    assert_eq!(place.text(), expected);
    assert_eq!(recorded(&place), [tool.as_str()]);
    assert_eq!(place.pin(&["--check"]).exit_code, 0, "there is nothing to write");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_fetched_for_one_record_corrects_the_others() {
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let place = place(&destination).await;
    let app = both("1");
    place.tag("team/app", "1", &app);
    place.pin(&[]);
    let before = place.text();
    let right = format!("\"linux/amd64\" = \"{}\"\n", recorded(&place)[0]);
    let stale = format!("\"linux/amd64,linux/arm64\" = \"{}\"\n", Digest::of(b"stale"));
    place.write(&before.replace(&right, &stale));
    let report = place.pin_to_json(&[]);
    let both = &report["images"][0]["subsets"]["linux/amd64,linux/arm64"];
    assert_eq!(both, app.top.as_str(), "{report:#}");
    let expected = stale.replace(Digest::of(b"stale").as_str(), app.top.as_str()) + &right;
    assert_eq!(place.text(), before.replace(&right, &expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_another_index_are_reported_not_used_and_renewed() {
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let place = place(&destination).await;
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--images", "images.toml"]].concat();
        tokio::task::block_in_place(|| place.xtask.run(&arguments, &[]))
    };
    place.pin(&[]);
    assert_eq!(run(&["mirror"]).exit_code, 0);
    let old = recorded(&place);

    // A rebuild under the same tag: a program, or a person, writes the new digest and nothing else.
    let rebuilt = both("rebuilt");
    place.tag("team/app", "1", &rebuilt);
    let [old_pin, new_pin] = [&both("1"), &rebuilt].map(|it| format!("digest = \"{}\"", it.top));
    assert!(place.text().contains(&old_pin), "{}", place.text());
    place.write(&place.text().replace(&old_pin, &new_pin));
    let verified = run(&["verify", "--only", "list"]);
    assert_eq!(verified.exit_code, 1, "{}", verified.stdout);
    assert!(verified.stdout.contains("error[subsets-stale]"), "{}", verified.stdout);
    // The old image, whose digest is still recorded, does not pass for the new one.
    assert!(run(&["mirror"]).stdout.contains("1 copied, 1 up to date"));
    let there = destination.store().manifest("team/app", "1").map(|(_, _, digest)| digest);
    assert_ne!(there.as_ref().map(Digest::as_str), Some(old[0].as_str()));

    assert_eq!(place.pin(&["--check"]).exit_code, 1);
    assert_eq!(place.pin(&[]).exit_code, 0);
    assert_eq!(there.as_ref().map(Digest::as_str), Some(recorded(&place)[0].as_str()));
    assert_eq!(run(&["verify", "--strict", "--only", "list"]).exit_code, 0);
    assert_eq!(run(&["verify", "--only", "destination"]).exit_code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_has_the_digest_algorithm_of_the_pin() {
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let place = place(&destination).await;
    let app = both("1");
    let sha512 = format!("sha512:{}", "0".repeat(128)).parse::<Digest>().unwrap();
    let pin = sha512.of_same_kind(&app.manifests.last().unwrap().bytes);
    place.list(&[("team/app", "1", Some(&pin))]);
    let text = place.text();
    place.write(&format!(
        "[destinations.d]\nregistry = \"r.io\"\nplatforms = [\"linux/arm64\"]\n{text}"
    ));
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    assert!(place.text().contains("\"linux/arm64\" = \"sha512:"), "{}", place.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_config_of_an_image_is_fetched_once_for_all_selections() {
    let place = Place::new().await;
    let tool = place.tag("team/tool", "2", &built_for("amd64", "2"));
    let destination = |name: &str, platforms: &str| {
        format!("[destinations.{name}]\nregistry = \"{name}.io\"\nplatforms = [{platforms}]\n")
    };
    let [one, two] = [
        destination("one", "\"linux/amd64\""),
        destination("two", "\"linux/amd64\", \"linux/arm64\""),
    ];
    let entry = "[[image]]\nsource = \"SOURCE/team/tool\"\ntag = \"2\"\n";
    place.write(&format!("{one}{two}{entry}"));
    assert_eq!(place.pin(&[]).exit_code, 0);
    assert_eq!(place.text().matches(tool.as_str()).count(), 4);
    assert_eq!(request_counts(&place.source), "1 GET blob, 1 GET manifest, 1 HEAD manifest");
}
