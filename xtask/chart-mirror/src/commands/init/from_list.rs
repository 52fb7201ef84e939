//! `init --from-list`: makes a list from that of another tool. No chart is rendered, and no registry contacted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{NamedDestination, refuse_existing_list, schema_of, with_settings};
use crate::files::{create_all, folder_of};
use crate::formats::{
    self, KnownDestination, ListFormat, Placed, ReadChart, ReadError, ReadList, RefusedEntry,
    list_text, place,
};
use crate::list::edit::chart_section;
use crate::list::{Chart, ImageList};
use messages::Advice;
use oci::Reference;

/// What the list is made from.
#[derive(Debug)]
pub struct FromListOptions {
    pub file: PathBuf,
    /// `None`: it is recognised by the content.
    pub format: Option<ListFormat>,
    pub destinations: Vec<NamedDestination>,
}

/// What was written, and what was not taken over.
pub struct FromListReport {
    /// The new list.
    pub file: PathBuf,
    pub list: ImageList,
    /// The file that was read.
    pub source: PathBuf,
    pub format: ListFormat,
    pub refused: Vec<RefusedEntry>,
    pub notes: Vec<String>,
}

impl FromListReport {
    /// Whether every image was taken over.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty()
    }
}

/// Reads the list of another tool and writes images.toml. `empty` has the settings of the workspace, if the list
/// becomes a member of one.
///
/// # Errors
/// If the file cannot be read, is of no known format or has no image that can be listed, or the list exists already.
pub fn run(
    file: &Path,
    empty: &ImageList,
    options: &FromListOptions,
) -> anyhow::Result<FromListReport> {
    refuse_existing_list(file)?;
    let name = options.file.display().to_string();
    let text = regular_file::read_text(&options.file, regular_file::LARGEST).map_err(|error| {
        Advice::new(format!("cannot read `{name}`: {error}"))
            .with_hint("`--from-list` names a file with the images of another tool")
    })?;
    let (format, mut read) =
        formats::read(&text, options.format).map_err(|error| unreadable(&name, &error))?;
    let chart = only_chart(&mut read, empty);
    let mut placed = place(&read, &known_destinations(empty, options));
    let mut refused = std::mem::take(&mut read.refused);
    refused.append(&mut placed.refused);
    let schema = schema_of(folder_of(file));
    let source = options.file.file_name().unwrap_or_default().to_string_lossy();
    let text = |placed: &Placed| list_text(&source, format, placed, chart.as_ref(), schema);
    let settings = settings(empty, &text(&Placed { images: Vec::new(), ..placed.clone() }))?;
    refuse_collisions(&settings, &mut placed, &mut refused);
    if placed.images.is_empty() {
        return Err(nothing(&name, format, &refused).into());
    }
    let text = text(&placed);
    let list = with_settings(empty.parse_member("images.toml", &text)?, empty)?;
    create_all(&[(file, &text)])?;
    let mut notes = read.notes;
    notes.append(&mut placed.notes);
    let (file, source) = (file.to_path_buf(), options.file.clone());
    Ok(FromListReport { file, list, source, format, refused, notes })
}

fn unreadable(name: &str, error: &ReadError) -> Advice {
    let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
    let formats: Vec<&str> = ListFormat::ALL.iter().map(|format| format.name()).collect();
    Advice::new(format!("cannot read `{name}{line}`: {}", error.reason))
        .with_hint(format!("the formats are {}; `--list-format` names one", formats.join(", ")))
}

/// Those of the command line; otherwise, those of the workspace.
fn known_destinations(empty: &ImageList, options: &FromListOptions) -> Vec<KnownDestination> {
    if options.destinations.is_empty() {
        let of_workspace = empty.destinations().iter();
        let known = of_workspace
            .map(|(name, it)| KnownDestination::Workspace(name.clone(), Box::new(it.clone())));
        return known.collect();
    }
    let given = options.destinations.iter();
    given.map(|it| KnownDestination::Address(it.name.clone(), it.address.clone())).collect()
}

/// The chart of the file. A list is for one: others are not taken over.
fn only_chart(read: &mut ReadList, empty: &ImageList) -> Option<Chart> {
    let mut first: Option<Chart> = None;
    for ReadChart { chart, place } in std::mem::take(&mut read.charts) {
        let parsed = empty.parse_member_draft("images.toml", &chart_section(&chart));
        let reason = match (&first, parsed) {
            (Some(first), _) => {
                format!("a list is for one chart, which is `{}`", first.name.escape_debug())
            }
            (None, Ok(_)) => {
                first = Some(chart);
                continue;
            }
            (None, Err(problems)) => {
                let why = problems.iter().next().map_or("", |problem| problem.message.as_str());
                format!("it cannot be `[chart]`: {why}")
            }
        };
        read.refused.push(RefusedEntry { place, written: chart.name, reason });
    }
    first
}

/// The list without images, with all destinations that they have to fit.
fn settings(empty: &ImageList, draft: &str) -> anyhow::Result<ImageList> {
    Ok(with_settings(empty.parse_member_draft("images.toml", draft)?, empty)?)
}

/// Leaves out images that would have the target of another one.
fn refuse_collisions(settings: &ImageList, placed: &mut Placed, refused: &mut Vec<RefusedEntry>) {
    let mut targets: HashMap<(&str, Reference), Reference> = HashMap::new();
    placed.images.retain(|placed| {
        let image = &placed.image;
        let reference = image.source.tagged(&image.tag);
        let mut of_image = Vec::new();
        let mut reason = None;
        for (name, destination) in settings.destinations() {
            match destination.path(&image.source, placed.target.as_ref()) {
                Err(why) => reason = Some(format!("it has no valid target at {name}: {why}")),
                Ok(path) => {
                    let target = destination.repository(&path).tagged(&image.tag);
                    if let Some(other) = targets.get(&(name.as_str(), target.clone())) {
                        reason = Some(format!("it would have the target of `{other}` at {name}"));
                    }
                    of_image.push((name.as_str(), target));
                }
            }
        }
        if let Some(reason) = reason {
            let (place, written) = (image.place.clone(), reference.to_string());
            refused.push(RefusedEntry { place, written, reason });
            return false;
        }
        targets.extend(of_image.into_iter().map(|key| (key, reference.clone())));
        true
    });
}

fn nothing(name: &str, format: ListFormat, refused: &[RefusedEntry]) -> Advice {
    let mut message = format!("`{name}` ({format}) has no image that a list can have");
    for RefusedEntry { place, written, reason } in refused {
        message += &format!("\n  {place}: `{}`: {reason}", written.escape_debug());
    }
    Advice::new(message)
        .with_hint("write the images with their tags: `[[image]]`, `source` and `tag`")
}
