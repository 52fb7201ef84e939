//! The text of images.toml for the images of another file.

use std::fmt::Write as _;

use super::destinations::{DefinedIn, Placed, PlacedImage};
use super::format::ListFormat;
use crate::list::edit::{chart_section, image_entry};
use crate::list::{Attachments, Chart, Destination, Image, Place, TargetTemplate};
use messages::printable::printable_within;

/// The limit for a line of a comment, in characters.
const LONGEST: usize = 300;

/// A list with comments. `file` is where the images come from.
pub fn list_text(
    file: &str,
    format: ListFormat,
    placed: &Placed,
    chart: Option<&Chart>,
    schema: Option<&str>,
) -> String {
    let mut text = schema.map(|schema| format!("#:schema {schema}\n#\n")).unwrap_or_default();
    let head = format!(
        "The images of `{file}` ({format}): where each comes from, and what its tag must be."
    );
    let _ = write!(text, "# {}\n\n", printable_within(LONGEST, &head));
    match chart {
        Some(chart) => text += &chart_section(chart),
        None => {
            text += "# The chart that uses them. With it, the command `images` compares the list with the chart, and\n\
                     # `values` with `--probe --write` adds the Helm values that move each image.\n\
                     # [chart]\n# name = \"./chart\"\n";
        }
    }
    let new = placed.destinations.iter().filter(|it| it.defined_in == DefinedIn::NewList);
    text.extend(new.map(|it| destination_section(&it.name, &it.destination)));
    for image in &placed.images {
        let _ = write!(text, "\n{}", image_entry(&listed(image)));
    }
    text
}

fn destination_section(name: &str, destination: &Destination) -> String {
    let Destination { address, target, platforms, attachments, .. } = destination;
    let mut text = format!("\n[destinations.{name}]\nregistry = \"{address}\"\n");
    if *target != TargetTemplate::default() {
        let _ = writeln!(text, "target = \"{target}\"");
    }
    if let Some(platforms) = platforms {
        let names: Vec<String> =
            platforms.iter().map(|platform| format!("\"{platform}\"")).collect();
        let _ = writeln!(text, "platforms = [{}]", names.join(", "));
    }
    if *attachments != Attachments::Ignore {
        let _ = writeln!(text, "attachments = \"{attachments}\"");
    }
    text
}

/// The entry of an image.
fn listed(PlacedImage { image, target }: &PlacedImage) -> Image {
    Image {
        source: image.source.clone(),
        tag: image.tag.clone(),
        digest: image.digest.clone(),
        subsets: std::collections::BTreeMap::new(),
        subsets_index: None,
        target: target.clone(),
        values: Vec::new(),
        replaces: None,
        keep: None,
        place: Place::NOWHERE,
    }
}
