//! The digests of some platforms: computed once, recorded, and then relied on.

use serde_json::json;
use xtask::embedded::{EmbeddedRegistry, Options};
use xtask::oci::Digest;

use super::{Place, image, index};
use crate::mirror::support::done;

fn built_for(architecture: &str, version: &str) -> xtask::embedded::content::Content {
    image(&json!({"os": "linux", "architecture": architecture, "version": version}), 1000)
}

fn both(version: &str) -> xtask::embedded::content::Content {
    let (amd64, arm64) = (built_for("amd64", version), built_for("arm64", version));
    index(&[("linux/amd64", &amd64), ("linux/arm64", &arm64)])
}

/// An index and a plain image, listed for a destination that wants `linux/amd64` alone.
async fn place(destination: &EmbeddedRegistry) -> Place {
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

/// What stands behind `"linux/amd64" = ` in each line.
fn recorded(place: &Place) -> Vec<String> {
    let text = place.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("\"linux/amd64\" = "));
    lines.map(|digest| digest.trim_matches('"').to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pin_records_of_some_platforms_is_mirrored_verified_and_asked_for_once() {
    let destination = EmbeddedRegistry::start(Options::default()).await.unwrap();
    let place = place(&destination).await;
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--images", "images.toml"]].concat();
        tokio::task::block_in_place(|| place.xtask.run(&arguments, &[]))
    };
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 0, "{}{}", finished.stdout, finished.stderr);
    assert!(finished.stderr.contains("2 digests, 2 of some platforms"), "{}", finished.stderr);
    let tool = built_for("amd64", "2").top;
    let records = recorded(&place);
    assert_eq!(records.len(), 2);
    assert_ne!(records[0], both("1").top.as_str(), "an index of one platform is another one");
    assert_eq!(records[1], tool.as_str(), "what is no index stays what it is");
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
        (done(&place.source).as_str(), done(&destination).as_str()),
        ("", "2 HEAD manifest")
    );
    let verified =
        run(&["verify", "--strict", "--only", "list", "--only", "source", "--only", "destination"]);
    assert_eq!(verified.exit_code, 0, "{}", verified.stdout);

    place.source.forget_requests();
    assert_eq!(place.pin(&["--check"]).exit_code, 0);
    assert_eq!(done(&place.source), "2 HEAD manifest", "what is recorded is not computed again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_missing_is_added_and_follows_a_tag_that_is_accepted() {
    let destination = EmbeddedRegistry::start(Options::default()).await.unwrap();
    let place = place(&destination).await;
    place.pin(&[]);
    let (text, records) = (place.text(), recorded(&place));
    let without = format!("[image.subsets]\n\"linux/amd64\" = \"{}\"\n", records[0]);
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
async fn an_image_without_a_wanted_platform_is_pinned_with_a_warning() {
    let destination = EmbeddedRegistry::start(Options::default()).await.unwrap();
    let place = place(&destination).await;
    place.tag("team/tool", "2", &built_for("s390x", "2"));
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    let warning = "warning: no digest for linux/amd64: the image is for `linux/s390x` alone";
    assert!(finished.stdout.contains(warning), "{}", finished.stdout);
    assert_eq!((place.digests().len(), recorded(&place).len()), (2, 1));
}
