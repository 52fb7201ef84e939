//! `[destinations]`, each checked against all images.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::{PlacedImage, Reader};
use super::value::Value;
use super::values::hint_for_template;
use crate::list::problems::Problem;
use crate::list::target::{InvalidTarget, SourcePart};
use crate::list::{Attachments, Destination, ImageList, TargetTemplate};
use oci::InvalidReference;
use oci::RepositoryPath;
use registry::known::address::Address;

/// The images that were reported, with the first of two. Several destinations may share a mistake.
pub(super) type Reported = HashSet<(Range<usize>, Option<Range<usize>>)>;

impl<'t> Reader<'t> {
    pub(super) fn destinations(
        &mut self,
        table: Spanned<DeTable<'t>>,
    ) -> Option<BTreeMap<String, Destination>> {
        let entries = self.entries(table);
        let own: Vec<String> = entries.iter().map(|(key, _)| key.get_ref().clone()).collect();
        let mut reported = Reported::new();
        let destinations = self.all(entries, |reader, (key, value)| {
            let name = reader.destination_name(&key);
            let destination = reader.destination(&key, value);
            if let Some(destination) = &destination {
                let at = format!(", at the destination `{}`", key.get_ref());
                reader.check_targets_at(&at, destination, &mut reported);
            }
            Some((name?, destination?))
        });
        self.check_other_targets(&own, &mut reported);
        destinations
    }

    /// The name is an argument of `-d`, which also takes a registry, and the name of a file.
    fn destination_name(&mut self, key: &Spanned<String>) -> Option<String> {
        let name = key.get_ref();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if name == "localhost" || !starts_well || !name.chars().all(is_word) {
            let message = format!("`{}` cannot be the name of a destination", name.escape_debug());
            let hint = "names are letters, digits, `-` and `_`, so that `-d` can tell them from registries";
            self.report(key.span(), message, hint)?;
        }
        Some(name.clone())
    }

    fn destination(&mut self, key: &Spanned<String>, value: Value<'t>) -> Option<Destination> {
        let entry = self.value(value)?;
        let mut table = self.table(entry, "`[destinations]`");
        let hint = "write where to: `registry = \"mirror.example.com/team\"`";
        let address = self.required(&mut table, "registry", hint, |reader, text| {
            reader.address("registry", &text)
        });
        let prefix = self.optional(&mut table, "prefix", Self::prefix);
        let pull_registry = self.optional(&mut table, "pull-registry", |reader, text| {
            reader.address("pull-registry", &text)
        });
        let target = self.optional(&mut table, "target", |reader, text| {
            reader
                .parsed(&text, |error: InvalidTarget| (error.to_string(), hint_for_target(&error)))
        });
        let max_path_depth = self.optional(&mut table, "max-path-depth", Self::at_least_one);
        let platforms = self.optional(&mut table, "platforms", Self::platforms);
        let attachments = self.optional(&mut table, "attachments", |reader, text| {
            reader.one_of(&text, Attachments::ALL, Attachments::name)
        });
        let charts = self.optional(&mut table, "charts", Self::charts);
        let address = address.map(|address| joined(address, prefix));
        let ecr = self.optional(&mut table, "ecr", |reader, entry| {
            reader.ecr(entry, address.as_ref().map(|address| &address.registry))
        });
        let prune = self
            .optional(&mut table, "prune", |reader, entry| reader.prune(entry, address.as_ref()));

        let depth_span = table.span_of("max-path-depth").unwrap_or_else(|| key.span());
        self.finish(table)?;
        let destination = Destination {
            layout: None,
            address: address?,
            pull_registry,
            target: target.unwrap_or_default(),
            max_path_depth,
            platforms,
            attachments: attachments.unwrap_or_default(),
            charts,
            ecr: ecr.unwrap_or_default(),
            prune,
        };
        self.check_depth(&destination, depth_span)?;
        Some(destination)
    }

    /// Reports a limit that leaves no room below the prefix.
    fn check_depth(&mut self, destination: &Destination, span: Range<usize>) -> Option<()> {
        let of_prefix = destination.prefix_depth();
        if let Some(depth) = destination.max_path_depth.filter(|depth| *depth <= of_prefix) {
            let message = format!("a path of {depth} components has no room below `{destination}`");
            let hint = format!("the prefix counts: write at least {}", of_prefix + 1);
            self.report(span, message, hint)?;
        }
        Some(())
    }

    pub(super) fn address(&mut self, key: &str, text: &Spanned<String>) -> Option<Address> {
        self.without_credentials(text)?;
        self.parsed(text, |why: registry::known::address::InvalidAddress| {
            (why.to_string(), format!("write it like `{key} = \"mirror.example.com/team\"`"))
        })
    }

    fn charts(&mut self, text: Spanned<String>) -> Option<RepositoryPath> {
        self.path(text, |why| {
            let hint = "write it like `charts = \"charts\"`, without the name of the chart";
            (format!("`charts` is not the path of a repository: {why}"), hint)
        })
    }

    fn prefix(&mut self, text: Spanned<String>) -> Option<RepositoryPath> {
        self.path(text, |why| {
            let hint = "write it like `prefix = \"team/mirror\"`, without registry and tag";
            (format!("`prefix` is not the path of a repository: {why}"), hint)
        })
    }

    fn path(
        &mut self,
        text: Spanned<String>,
        explain: impl FnOnce(InvalidReference) -> (String, &'static str),
    ) -> Option<RepositoryPath> {
        // Trailing slashes are harmless, as after an address.
        let trimmed = text.get_ref().trim_end_matches('/').to_owned();
        self.parsed(&Spanned::new(text.span(), trimmed), explain)
    }

    /// Checks the targets at the destinations that the text does not define. Without any destination,
    /// `-d host` is assumed: every image keeps its path.
    pub(super) fn check_other_targets(&mut self, own: &[String], reported: &mut Reported) {
        let inherited = self.settings.map(ImageList::destinations).into_iter().flatten();
        let inherited: Vec<_> = inherited.filter(|(name, _)| !own.contains(name)).collect();
        if own.is_empty() && inherited.is_empty() {
            self.check_default_targets();
        }
        for (name, destination) in inherited {
            let at = format!(", at the destination `{name}` of the workspace");
            self.check_targets_at(&at, destination, reported);
        }
    }

    /// `at` ends the sentence about an image.
    fn check_targets_at(&mut self, at: &str, destination: &Destination, reported: &mut Reported) {
        let target = |image: &PlacedImage| {
            let path = destination.path(&image.source, image.target.as_ref())?;
            Ok(destination.repository(&path).tagged(&image.tag).to_string())
        };
        self.check_targets(target, at, hint_for_same(destination), reported);
    }

    fn check_default_targets(&mut self) {
        let target = |image: &PlacedImage| {
            let path = image.target.as_ref().unwrap_or_else(|| image.source.path());
            Ok(format!("{path}:{}", image.tag))
        };
        let hint = "give one of them another `target`";
        self.check_targets(target, "", hint, &mut Reported::new());
    }

    /// Reports images that have the target of another one, or no valid target.
    fn check_targets(
        &mut self,
        target: impl Fn(&PlacedImage) -> Result<String, InvalidReference>,
        at: &str,
        hint_for_same: &str,
        reported: &mut Reported,
    ) {
        let mut first_spans: HashMap<String, Range<usize>> = HashMap::new();
        for image in &self.placed {
            let span = image.span.clone();
            let (problem, first) = match target(image) {
                Ok(target) => {
                    let message = format!("two images have the target `{target}`{at}");
                    let Some(first) = first_spans.insert(target, span.clone()) else { continue };
                    let problem = Problem::new(span.clone(), message).first(first.clone());
                    (problem.hint(hint_for_same), Some(first))
                }
                Err(why) => {
                    let message = format!("this has no valid target{at}: {why}");
                    let problem = Problem::new(span.clone(), message);
                    (problem.hint("give the image a shorter `target`"), None)
                }
            };
            if reported.insert((span, first)) {
                self.problems.push(problem);
            }
        }
    }
}

/// The path after the host in `registry`, and `prefix`, are one path.
fn joined(registry: Address, prefix: Option<RepositoryPath>) -> Address {
    let prefix = match (registry.prefix, prefix) {
        (Some(first), Some(then)) => Some(then.below(&first)),
        (first, then) => first.or(then),
    };
    Address { prefix, ..registry }
}

fn hint_for_target(error: &InvalidTarget) -> String {
    let otherwise = "write a path with `{path}` or `{name}`, and optionally `{registry}`: \
                     `target = \"{registry}/{path}\"`";
    match error {
        InvalidTarget::Template(error) => {
            hint_for_template(error, &SourcePart::ALL.map(SourcePart::name), otherwise)
        }
        InvalidTarget::NotAPath(_) | InvalidTarget::SameForAll => otherwise.to_owned(),
    }
}

fn hint_for_same(destination: &Destination) -> &'static str {
    if destination.max_path_depth.is_some() || destination.target != TargetTemplate::default() {
        "give one of them another `target`, or the destination another `target` or `max-path-depth`"
    } else {
        "give one of them another `target`, or the destination `target = \"{registry}/{path}\"`"
    }
}
