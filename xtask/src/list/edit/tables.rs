//! Adds pairs to a table of an image list, or the table with them if it is not there.

use std::ops::Range;

use toml::de::DeTable;

use super::lines::{below, indent, line_end, separator};
use super::{end_of, is_section};

/// Whose table it is, which decides where it goes if there is none yet.
pub(super) enum Owner {
    List,
    Image { header: usize },
    ImageInBraces,
}

/// What is put into the text, and where.
pub(super) type Addition = (usize, String);

impl Owner {
    /// The image whose entry begins at a place.
    pub(super) fn of_image(text: &str, start: usize) -> Self {
        if text[start..].starts_with('{') {
            Self::ImageInBraces
        } else {
            Self::Image { header: start }
        }
    }

    /// What adds pairs, each `key = value`, to the table `name` of the owner.
    pub(super) fn added(
        &self,
        text: &str,
        owner: &DeTable<'_>,
        name: &str,
        lines: Vec<String>,
    ) -> Addition {
        let own = owner.get(name).and_then(|own| Some((own.span(), own.get_ref().as_table()?)));
        match own {
            _ if lines.is_empty() => (text.len(), String::new()),
            Some((span, table)) => self.added_to(text, span, table, &lines),
            None => self.new_table(text, owner, name, lines),
        }
    }

    /// To a table that is there, in the form that it has.
    fn added_to(
        &self,
        text: &str,
        span: Range<usize>,
        table: &DeTable<'_>,
        lines: &[String],
    ) -> Addition {
        let last = table.iter().map(|(key, value)| (end_of(value), key.span().start)).max();
        let written = &text[span.clone()];
        match last {
            Some((end, key)) if written.starts_with('{') => {
                pairs(end, &separator(text, key), lines)
            }
            None if written.starts_with('{') => (span.start + 1, format!(" {} ", lines.join(", "))),
            Some((end, key)) if written.starts_with('[') => {
                rows(text, end, indent(text, key), lines)
            }
            None => rows(text, span.end, indent(text, span.start), lines),
            Some((end, key)) => {
                let lines: Vec<String> =
                    lines.iter().map(|line| format!("{written}.{line}")).collect();
                match self {
                    Self::ImageInBraces => pairs(end, &separator(text, span.start), &lines),
                    Self::List | Self::Image { .. } => rows(text, end, indent(text, key), &lines),
                }
            }
        }
    }

    fn new_table(
        &self,
        text: &str,
        owner: &DeTable<'_>,
        name: &str,
        mut lines: Vec<String>,
    ) -> Addition {
        let own = owner.iter().filter(|(_, value)| !is_section(text, value));
        let last = own.map(|(key, value)| (end_of(value), key.span().start)).max();
        match self {
            Self::List => {
                lines.splice(0..0, [String::new(), format!("[{name}]")]);
                rows(text, text.len(), "", &lines)
            }
            Self::Image { header } => {
                lines.insert(0, format!("[image.{name}]"));
                let end = last.map_or(*header, |(end, _)| end);
                rows(text, end, indent(text, *header), &lines)
            }
            Self::ImageInBraces => {
                let (end, key) = last.unwrap_or_default();
                let table = format!("{name} = {{ {} }}", lines.join(", "));
                pairs(end, &separator(text, key), &[table])
            }
        }
    }
}

/// Lines below the one that a place is in.
fn rows(text: &str, at: usize, indent: &str, lines: &[String]) -> Addition {
    let line_end = line_end(text);
    let (at, before) = below(text, at);
    let rows: String = lines
        .iter()
        .map(|line| format!("{}{line}{line_end}", if line.is_empty() { "" } else { indent }))
        .collect();
    (at, format!("{before}{rows}"))
}

/// Pairs in braces, behind one that ends at a place.
fn pairs(at: usize, separator: &str, lines: &[String]) -> Addition {
    (at, lines.iter().map(|line| format!("{separator}{line}")).collect())
}
