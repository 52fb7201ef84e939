//! Lists of images in the formats of other tools: written from an image list, and read. Pure.
//!
//! There is one file for each format, with both directions. A tool may have no place for something of a list, such
//! as a target; that is in the result (`left_out`). What a list cannot have, such as a pattern for tags, is in the
//! result of reading (`refused`). Nothing is dropped silently, and nothing invented.

mod charts;
mod destinations;
mod detect;
mod document;
mod dt;
mod export;
mod format;
mod hauler;
mod kustomize;
mod left_out;
mod list_text;
mod plain;
mod reading;
mod regsync;
mod skopeo;
#[cfg(test)]
mod tests;
mod words;
mod zarf;

pub use destinations::{
    DefinedIn, DerivedDestination, KnownDestination, Placed, PlacedImage, place,
};
pub use document::ReadError;
pub use export::{ListToWrite, NamedChart, WrittenList};
pub use format::ListFormat;
pub use left_out::{Loss, Omission};
pub use list_text::list_text;
pub use reading::{ReadChart, ReadImage, ReadList, ReadTarget, RefusedEntry, Where};

use document::Documents;
use export::Export;
use messages::Advice;
use reading::Reading;

/// Writes the images of lists in a format.
///
/// # Errors
/// If a list contradicts itself or another one, or a destination is an image layout.
pub fn write(format: ListFormat, lists: &[ListToWrite<'_>]) -> Result<WrittenList, Advice> {
    let export = Export::of(format, lists)?;
    Ok(match format {
        ListFormat::Regsync => regsync::write(&export),
        ListFormat::Skopeo => skopeo::write(&export),
        ListFormat::Hauler => hauler::write(&export),
        ListFormat::Zarf => zarf::write(&export),
        ListFormat::Plain => plain::write(&export),
        ListFormat::Dt => dt::write(&export),
        ListFormat::Kustomize => kustomize::write(&export),
    })
}

/// Reads the images of a text. Without a format, it is recognised by the content.
///
/// # Errors
/// If the text is not of the format, or of no known one.
pub fn read(text: &str, format: Option<ListFormat>) -> Result<(ListFormat, ReadList), ReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let format = match format {
        Some(format) => format,
        None => detect::detect(text)?,
    };
    let mut reading = Reading::new(text);
    if format == ListFormat::Plain {
        plain::read(text, &mut reading);
        return Ok((format, reading.finish()));
    }
    let documents = Documents::parse(text)?;
    match format {
        ListFormat::Regsync => regsync::read(&documents, &mut reading),
        ListFormat::Skopeo => skopeo::read(&documents, &mut reading),
        ListFormat::Hauler => hauler::read(&documents, &mut reading),
        ListFormat::Zarf => zarf::read(&documents, &mut reading),
        ListFormat::Dt => dt::read(&documents, &mut reading),
        ListFormat::Kustomize => kustomize::read(&documents, &mut reading),
        ListFormat::Plain => Ok(()),
    }?;
    Ok((format, reading.finish()))
}
