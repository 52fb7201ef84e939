//! Reads a TOML document as an image list: checks every key and value, and reports all problems.

use toml::Spanned;
use toml::de::DeTable;

use super::ImageList;
use super::problems::Problem;
use destination::Reported;
use reader::Reader;
use values::Scope;

mod chart;
mod chart_rules;
mod destination;
mod ecr;
mod image;
mod platform;
mod policy;
mod prune;
mod reader;
mod registry;
mod value;
mod values;
mod workspace;

pub(super) use reader::Extent;

/// The list, if nothing is wrong with it, and the problems. The destinations and registries of `settings` apply
/// as well.
pub(super) fn read<'t>(
    text: &'t str,
    document: Spanned<DeTable<'t>>,
    extent: Extent,
    settings: Option<&'t ImageList>,
) -> (Option<ImageList>, Vec<Problem>) {
    let mut reader = Reader::new(text, extent, settings);
    let list = reader.list(document);
    (list, reader.problems)
}

impl<'t> Reader<'t> {
    fn list(&mut self, document: Spanned<DeTable<'t>>) -> Option<ImageList> {
        let mut table = self.table(document, "the image list");
        self.may_lack_images = table.span_of("workspace").is_some();
        let workspace = self.optional(&mut table, "workspace", Self::workspace);
        // Images come before destinations: each destination is checked against all of them.
        let images = self.images(&mut table);
        if table.span_of("destinations").is_none() {
            self.check_other_targets(&[], &mut Reported::new());
        }
        let destinations = self.optional(&mut table, "destinations", Self::destinations);
        let values = self
            .optional(&mut table, "values", |reader, values| reader.values(values, Scope::List));
        let registries = self.optional(&mut table, "registries", Self::registries);
        let chart = self.optional(&mut table, "chart", Self::chart);
        let policy = self.optional(&mut table, "policy", Self::policy);
        self.finish(table)?;
        Some(ImageList {
            images: images?,
            values: values.unwrap_or_default(),
            registries: registries.unwrap_or_default(),
            destinations: destinations.unwrap_or_default(),
            chart,
            policy: policy.unwrap_or_default(),
            value_places: std::mem::take(&mut self.value_places),
            workspace,
        })
    }
}
