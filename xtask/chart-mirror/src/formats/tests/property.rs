//! A list that is written and read again keeps what the format can express.

use proptest::prelude::*;

use super::*;
use crate::list::Attachments;

/// An entry of a list.
fn image() -> impl Strategy<Value = String> {
    let source = "(q\\.io|localhost:5000|docker\\.io)/[a-c]{1,2}(/[a-c]{1,2}){0,2}";
    let tag = "[1-3](\\.[0-9]{1,2}){0,2}";
    let target = proptest::option::weighted(0.3, "[x-z]{1,2}(/[x-z]{1,2}){0,2}");
    (source, tag, any::<Option<u8>>(), target).prop_map(|(source, tag, pin, target)| {
        let pin = pin.map(|pin| format!("digest = \"{}\"\n", Digest::of(&[pin])));
        let target = target.map(|target| format!("target = \"{target}\"\n"));
        format!(
            "[[image]]\nsource = \"{source}\"\ntag = \"{tag}\"\n{}{}",
            pin.unwrap_or_default(),
            target.unwrap_or_default()
        )
    })
}

fn list() -> impl Strategy<Value = String> {
    let settings = (
        prop_oneof![Just(""), Just("/m"), Just("/m/n")],
        prop_oneof![Just("{path}"), Just("{name}"), Just("{registry}/{path}"), Just("x-{name}")],
        prop_oneof![
            Just(""),
            Just("platforms = ['linux/amd64']\n"),
            Just("platforms = ['linux/amd64', 'linux/arm64']\n")
        ],
        any::<bool>(),
    );
    (settings, prop::collection::vec(image(), 1..8)).prop_map(
        |((prefix, template, platforms, is_attached), images)| {
            let attachments = if is_attached { "attachments = \"copy\"\n" } else { "" };
            format!(
                "[destinations.d]\nregistry = \"r.io{prefix}\"\ntarget = \"{template}\"\n{platforms}{attachments}{}",
                images.concat()
            )
        },
    )
}

/// The items of a loss.
fn lost(written: &WrittenList, what: Loss) -> Vec<String> {
    let of_kind = written.left_out.iter().filter(|left_out| left_out.what == what);
    of_kind.flat_map(|left_out| left_out.items.clone()).collect()
}

fn without(
    mut pins: BTreeMap<String, Option<Digest>>,
    lost: &[String],
) -> BTreeMap<String, Option<Digest>> {
    pins.retain(|reference, _| !lost.contains(reference));
    pins
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn images_tags_digests_and_targets_survive(text in list()) {
        let Ok(list) = ImageList::parse("images.toml", &text) else { return Ok(()) };
        let destination = &list.destinations()["d"];
        for format in ListFormat::ALL {
            let written = written(&list, format, &["d"]);
            let images = [lost(&written, Loss::Images), lost(&written, Loss::Tags)].concat();
            if images.len() == list.images().len() {
                continue;
            }
            let (found, again, mut refused) = taken(&written.text);
            prop_assert_eq!(found, format);
            // Entries of kustomize that keep the tags of manifests.
            refused.retain(|it| format != ListFormat::Kustomize || !it.reason.contains("no tag"));
            prop_assert_eq!(&refused, &vec![], "{}", written.text);

            let digests = lost(&written, Loss::Digests);
            let mut expected = without(pins(&list), &images);
            for (reference, digest) in &mut expected {
                if digests.contains(reference) {
                    *digest = None;
                }
            }
            prop_assert_eq!(pins(&again), expected, "{}", written.text);

            let moved = lost(&written, Loss::Targets);
            let all = targets(&list, destination);
            let kept = |(reference, _): &(String, Repository)| !images.contains(reference);
            let expected: BTreeMap<_, _> = all.into_iter().filter(kept).collect();
            match format {
                ListFormat::Regsync | ListFormat::Kustomize => {
                    let derived = &again.destinations()["r"];
                    prop_assert_eq!(targets(&again, derived), expected, "{}", written.text);
                    if format == ListFormat::Regsync {
                        prop_assert_eq!(&derived.platforms, &destination.platforms);
                        prop_assert_eq!(derived.attachments, destination.attachments);
                        prop_assert!(derived.attachments <= Attachments::Copy);
                    }
                }
                ListFormat::Hauler => {
                    let paths = destination.paths(list.images()).unwrap();
                    for (image, path) in list.images().iter().zip(paths) {
                        let reference = image.reference();
                        let same = |other: &&crate::list::Image| other.reference() == reference;
                        let other = again.images().iter().find(same).unwrap();
                        prop_assert!(other.path() == &path || moved.contains(&reference.to_string()));
                    }
                }
                _ => prop_assert!(again.destinations().is_empty()),
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(\\PC|\n){0,200}", format in 0..ListFormat::ALL.len()) {
        let _ = read(&text, None);
        let _ = read(&text, Some(ListFormat::ALL[format]));
    }
}
