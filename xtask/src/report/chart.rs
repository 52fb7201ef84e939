//! The proof and the probing, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::list::edit_values::line;
use crate::values::probe::{Holds, Probed, Suggestion};
use crate::values::proof::Proof;

/// Every gap with what to do about it, then the sum.
pub fn proof(proof: &Proof, destination: &str) -> String {
    let mut text = String::new();
    for gap in &proof.gaps {
        let _ = writeln!(text, "error: {gap}\n  hint: {}", gap.hint());
    }
    let (proven, gaps) = (proof.proven.len(), proof.gaps.len());
    let _ = match gaps {
        0 => writeln!(
            text,
            "proven: in {} renderings all {proven} images are pulled from {destination}, each from where \
             the list is copied to",
            proof.renderings
        ),
        _ => {
            writeln!(text, "not proven: {gaps} gaps; {proven} images are pulled from {destination}")
        }
    };
    text
}

/// The values that move each image, then what images.toml lacks and has in vain.
pub fn probed(probed: &Probed, suggestion: &Suggestion) -> String {
    let mut text = String::new();
    let mut images: BTreeMap<&str, (usize, BTreeMap<Holds, BTreeSet<String>>)> = BTreeMap::new();
    for place in &probed.places {
        let (places, keys) = images.entry(&place.image).or_default();
        *places += 1;
        for key in &place.keys {
            keys.entry(key.holds).or_default().insert(key.path.to_string());
        }
    }
    for (image, (places, keys)) in &images {
        let _ =
            writeln!(text, "{image} ({places} {})", if *places == 1 { "place" } else { "places" });
        for (holds, paths) in keys {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let _ = writeln!(text, "  {:22} {}", what(*holds), paths.join(", "));
        }
        if keys.is_empty() {
            let _ = writeln!(text, "  no value moves it");
        }
    }
    let _ = writeln!(
        text,
        "\n{} images, {} candidates, {} renderings",
        images.len(),
        probed.candidates,
        probed.renderings
    );
    text + &suggested(probed, suggestion)
}

fn suggested(probed: &Probed, suggestion: &Suggestion) -> String {
    let mut text = String::new();
    for (image, template) in &suggestion.hard_coded {
        let template = template.as_deref().unwrap_or("a template of the chart");
        let _ =
            writeln!(text, "warning: no value moves `{image}` in {template}: it is fixed there");
    }
    for (image, path) in &suggestion.tangled {
        let _ = writeln!(
            text,
            "warning: `{image}` moves only by `{path}`, which gives others the same name: if that is right, \
             write it by hand"
        );
    }
    for image in &suggestion.unlisted {
        let _ = writeln!(text, "warning: images.toml does not list `{image}`");
    }
    if !suggestion.unlisted.is_empty() {
        let _ = writeln!(text, "  hint: `cargo xtask images --write` adds what the chart has");
    }
    for (list, obstacles) in &suggestion.unwritable {
        let _ = writeln!(
            text,
            "warning: the list `{list}` has to be said as a whole, and images.toml cannot say all of it"
        );
        for obstacle in obstacles {
            let _ = writeln!(text, "  `{}`: {}", obstacle.path, obstacle.reason);
        }
        let _ = writeln!(text, "  hint: give helm the whole list in a values file of your own");
    }
    for path in &suggestion.dead {
        let _ = writeln!(text, "warning: `{path}` of images.toml moves nothing");
    }
    for (path, others) in &suggestion.broad {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let _ = writeln!(
            text,
            "warning: `{path}` of one image moves others, too: {}",
            others.join(", ")
        );
    }
    for path in &probed.refused {
        let _ = writeln!(text, "note: the chart does not render with a probe in `{path}`");
    }
    if suggestion.values.is_empty() && suggestion.image_values.is_empty() {
        return text;
    }
    let _ = writeln!(text, "images.toml lacks:");
    for (path, value) in &suggestion.values {
        let _ = writeln!(text, "  [values] {}", line(path, value));
    }
    for (image, values) in &suggestion.image_values {
        for (path, value) in values {
            let _ = writeln!(text, "  {image}: [image.values] {}", line(path, value));
        }
    }
    text
}

fn what(holds: Holds) -> &'static str {
    match holds {
        Holds::Registry => "registry",
        Holds::Repository => "repository",
        Holds::RegistryAndRepository => "registry + repository",
        Holds::Reference => "reference",
        Holds::Tag => "tag",
        Holds::Digest => "digest",
    }
}
