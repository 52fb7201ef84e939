//! The proof and the probing, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::list::edit::values::line;
use crate::values::probe::{Holds, Probed, Suggestion};
use crate::values::proof::Proof;
use messages::printable::{printable, printable_within};

/// Every warning and gap with what to do about it, then the sum.
pub fn proof(proof: &Proof, destination: &str) -> String {
    let mut text = String::new();
    for (level, found) in [("warning", &proof.warnings), ("error", &proof.gaps)] {
        for gap in found {
            let _ =
                writeln!(text, "{level}: {gap}\n  hint: {}", gap.advice().hint.unwrap_or_default());
        }
    }
    let are_pulled = match proof.proven.len() {
        1 => format!("1 image is pulled from {destination}"),
        proven => format!("{proven} images are pulled from {destination}"),
    };
    let _ = if !proof.gaps.is_empty() {
        writeln!(text, "not proven: {}; {are_pulled}", counted(proof.gaps.len(), "gap"))
    } else if proof.proven.is_empty() {
        writeln!(text, "error: no image reference was found: nothing is proven")
    } else {
        let renderings = counted(proof.renderings, "rendering");
        let all = if proof.proven.len() == 1 { "" } else { "all " };
        writeln!(
            text,
            "proven: in {renderings} {all}{are_pulled}, each from where the list is copied to"
        )
    };
    text
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
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
        let image = printable(image);
        let _ =
            writeln!(text, "{image} ({places} {})", if *places == 1 { "place" } else { "places" });
        for (holds, paths) in keys {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let _ = writeln!(
                text,
                "  {:22} {}",
                what(*holds),
                printable_within(usize::MAX - 1, &paths.join(", "))
            );
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
        let template = printable(template.as_deref().unwrap_or("a template of the chart"));
        let image = printable(image);
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
    for path in probed.refused.iter().map(|path| printable(path)) {
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
