//! The values that flags take, where they are words or have parts.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use messages::Advice;

use crate::list::finding_code::Check;
use crate::report::verify::Format;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InventoryFormat {
    /// The lines of `plain`, and a summary
    Human,
    /// One reference per line, followed by a tab and `unlisted` or `unused` where that applies
    Plain,
    /// One document, with the places that name each image
    Json,
    /// Entries for images.toml
    Toml,
}

impl ValueEnum for Check {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::List => "images.toml itself: pins, tags, policy",
            Self::Values => "The files in values/ are up to date with the list",
            Self::Chart => {
                "The chart uses the images of the list, and with the values no others (needs helm)"
            }
            Self::Source => "The sources have the images of the list",
            Self::Destination => "The destination has them as well",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

pub(super) fn report_file(text: &str) -> Result<(Format, PathBuf), Advice> {
    let formats = Format::value_variants().iter().map(|format| format!("`{format}`"));
    let formats = formats.collect::<Vec<_>>().join(", ");
    let Some((name, file)) = text.split_once('=') else {
        let message = "write a format and a file, such as `junit=report.xml`; the formats are";
        return Err(format!("{message} {formats}").into());
    };
    let Ok(format) = Format::from_str(name, false) else {
        return Err(format!("there is no format `{name}`; the formats are {formats}").into());
    };
    if file.is_empty() {
        return Err(format!("there is no file after `{name}=`").into());
    }
    Ok((format, file.into()))
}
