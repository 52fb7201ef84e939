//! The reports of `values --prove` and `--probe`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::list::edit::value_line;
use crate::report::common::count;
use crate::values::probe::{ProbeResult, ReferencePart, Suggestion};
use crate::values::proof::Proof;
use messages::printable::{printable, printable_within};

/// Every warning and gap with its hint, then the conclusion.
pub fn proof(proof: &Proof, destination: &str) -> String {
    let mut text = String::new();
    for (level, gaps) in [("warning", &proof.warnings), ("error", &proof.gaps)] {
        for gap in gaps {
            let hint = gap.advice().hint.unwrap_or_default();
            let _ = writeln!(text, "{level}: {gap}\n  hint: {hint}");
        }
    }
    let are_pulled = match proof.proven.len() {
        1 => format!("1 image is pulled from {destination}"),
        proven => format!("{proven} images are pulled from {destination}"),
    };
    let renderings = count(proof.renderings as u64, "rendering");
    text + &match (proof.gaps.len() as u64, proof.proven.len()) {
        (0, 0) => "error: nothing is proven, because no image reference was found\n".to_owned(),
        (0, proven) => {
            let all = if proven == 1 { "" } else { "all " };
            format!("proven: in {renderings} {all}{are_pulled}, each from its target in the list\n")
        }
        (gaps, _) => format!("not proven: {}; {are_pulled}\n", count(gaps, "gap")),
    }
}

/// The values that move each image, then what images.toml lacks, and values that have no effect.
pub fn probed(probed: &ProbeResult, suggestion: &Suggestion) -> String {
    let mut text = String::new();
    let mut images: BTreeMap<&str, (usize, BTreeMap<ReferencePart, BTreeSet<String>>)> =
        BTreeMap::new();
    for place in &probed.places {
        let (places, keys) = images.entry(&place.image).or_default();
        *places += 1;
        for key in &place.keys {
            keys.entry(key.part).or_default().insert(key.path.to_string());
        }
    }
    for (image, (places, keys)) in &images {
        let image = printable(image);
        let _ = writeln!(text, "{image} ({})", count(*places as u64, "place"));
        for (part, paths) in keys {
            let paths = Vec::from_iter(paths.iter().map(String::as_str)).join(", ");
            let paths = printable_within(usize::MAX - 1, &paths);
            let _ = writeln!(text, "  {:22} {paths}", part_name(*part));
        }
        if keys.is_empty() {
            let _ = writeln!(text, "  no value moves it");
        }
    }
    let images = count(images.len() as u64, "image");
    let candidates = count(probed.candidates as u64, "candidate");
    let renderings = count(probed.renderings as u64, "rendering");
    text += &format!("\n{images}, {candidates}, {renderings}\n");
    text + &problems(probed, suggestion) + &missing_values(suggestion)
}

fn problems(probed: &ProbeResult, suggestion: &Suggestion) -> String {
    let mut text = String::new();
    for (image, template) in &suggestion.hard_coded {
        let template = printable(template.as_deref().unwrap_or("a template of the chart"));
        let image = printable(image);
        text +=
            &format!("warning: no value moves `{image}` in {template}: it is hard-coded there\n");
    }
    for (image, path) in &suggestion.inseparable {
        text += &format!(
            "warning: only `{path}` moves `{image}`, and it would give other images the same name; if that \
             is intended, add the value by hand\n"
        );
    }
    for image in &suggestion.unlisted {
        let _ = writeln!(text, "warning: images.toml does not list `{image}`");
    }
    if !suggestion.unlisted.is_empty() {
        let _ = writeln!(text, "  hint: `cargo xtask images --write` adds the images of the chart");
    }
    for (list, values) in &suggestion.unsupported {
        text += &format!(
            "warning: the list `{list}` has to be set as a whole, and images.toml cannot express all of it\n"
        );
        for value in values {
            let _ = writeln!(text, "  `{}`: {}", value.path, value.reason);
        }
        let _ = writeln!(text, "  hint: set the whole list in a values file of your own");
    }
    for path in &suggestion.dead {
        let _ = writeln!(text, "warning: `{path}` in images.toml moves no image");
    }
    for (path, others) in &suggestion.broad {
        let others = Vec::from_iter(others.iter().map(String::as_str)).join(", ");
        let _ = writeln!(text, "warning: `{path}` of one image also moves others: {others}");
    }
    for path in probed.refused.iter().map(|path| printable(path)) {
        let _ = writeln!(text, "note: the chart does not render with a probe value in `{path}`");
    }
    text
}

fn missing_values(suggestion: &Suggestion) -> String {
    if suggestion.values.is_empty() && suggestion.image_values.is_empty() {
        return String::new();
    }
    let mut text = "images.toml lacks:\n".to_owned();
    for (path, value) in &suggestion.values {
        let _ = writeln!(text, "  [values] {}", value_line(path, value));
    }
    for (image, values) in &suggestion.image_values {
        for (path, value) in values {
            let _ = writeln!(text, "  {image}: [image.values] {}", value_line(path, value));
        }
    }
    text
}

fn part_name(part: ReferencePart) -> &'static str {
    match part {
        ReferencePart::Registry => "registry",
        ReferencePart::Repository => "repository",
        ReferencePart::RegistryAndRepository => "registry + repository",
        ReferencePart::Reference => "reference",
        ReferencePart::Tag => "tag",
        ReferencePart::Digest => "digest",
    }
}
