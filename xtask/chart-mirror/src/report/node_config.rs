//! The configuration of nodes as text, and what it does not do.

use std::fmt::Write as _;

use crate::commands::node_config::NodeFiles;
use messages::Advice;
use messages::program::command;

/// The files one after the other. If there are several, each begins with its name.
pub fn printed(config: &NodeFiles) -> String {
    if let [only] = config.files.as_slice() {
        return only.text.clone();
    }
    let text = config.files.iter().map(|file| {
        let folder = file.file.parent().and_then(|folder| folder.file_name());
        let name = file.file.file_name().unwrap_or_default().to_string_lossy();
        let folder = folder.unwrap_or_default().to_string_lossy();
        format!("# {folder}/{name}\n{}", file.text)
    });
    text.collect::<Vec<_>>().join("\n")
}

/// The images that are not redirected.
pub fn left_out(config: &NodeFiles) -> Option<Advice> {
    let images = &config.left_out;
    if images.is_empty() {
        return None;
    }
    let format = config.format;
    let count = match images.len() {
        1 => "1 image".to_owned(),
        count => format!("{count} images"),
    };
    let mut message = format!("{format} cannot redirect {count} to {}", config.destination);
    for left_out in images {
        let _ = write!(message, "\n  {}: {}", left_out.image, left_out.reason);
    }
    let other = command("values --format kyverno");
    Some(Advice::new(message).with_hint(format!(
        "set the Helm values of these images, or use {other}, which can redirect every image"
    )))
}

/// The images that cannot be pulled by the digests in the list.
pub fn other_digests(config: &NodeFiles) -> Option<Advice> {
    let other = config.other_digests.as_ref()?;
    let mut images: Vec<_> = other.images.iter().take(3).map(ToString::to_string).collect();
    if other.images.len() > images.len() {
        images.push(format!("and {} more", other.images.len() - images.len()));
    }
    let (destination, platforms) = (&config.destination, &other.platforms);
    let images = images.join(", ");
    let message = format!(
        "{destination} has other digests than the list, because it has only {platforms}: {images}"
    );
    Some(Advice::new(message).with_hint(
        "a pod that names an image by its digest at the source is not pulled from there: name the tag, or copy \
         all platforms",
    ))
}
