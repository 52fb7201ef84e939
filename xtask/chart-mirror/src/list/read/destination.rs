//! `[destinations]`, each held against the images that are to go there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;

use super::{Reader, listed};
use crate::list::fields::{Entries, Field, Table};
use crate::list::problems::{Problem, nearest};
use crate::list::raw::RawDestination;
use crate::list::target::{InvalidTarget, SourcePart};
use crate::list::template::InvalidTemplate;
use crate::list::{Attachments, Destination, TargetTemplate};
use messages::secret::holds_userinfo;
use oci::{Reference, Registry, RepositoryPath};
use registry::known::address::Address;

/// What has been reported of images: several destinations may have one mistake in common.
type Told = HashSet<(Range<usize>, Option<Range<usize>>)>;

impl Reader<'_> {
    pub(super) fn destinations(
        &mut self,
        entries: Spanned<Entries<Table<RawDestination>>>,
    ) -> Option<BTreeMap<String, Destination>> {
        if entries.get_ref().0.is_empty() {
            self.check_default_targets();
        }
        let mut told = Told::new();
        let destinations = self.all(entries.into_inner().0, |reader, (key, field)| {
            let name = reader.destination_name(&key);
            let destination = reader.destination(&key, field);
            if let Some(destination) = &destination {
                reader.check_targets(key.get_ref(), destination, &mut told);
            }
            Some((name?, destination?))
        });
        destinations.map(|destinations| destinations.into_iter().collect())
    }

    /// The name is an argument of `-d`, where a registry may stand as well, and a file name.
    fn destination_name(&mut self, key: &Spanned<String>) -> Option<String> {
        let name = key.get_ref();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if name == "localhost" || !starts_well || !name.chars().all(is_word) {
            let message = format!("`{}` cannot be the name of a destination", name.escape_debug());
            let hint = "names are letters, digits, `-` and `_`, so that `-d` can tell them from registries";
            self.report(key.span(), message, hint.to_owned());
            return None;
        }
        Some(name.clone())
    }

    fn destination(
        &mut self,
        key: &Spanned<String>,
        field: Field<Table<RawDestination>>,
    ) -> Option<Destination> {
        let entry = self.value(field)?;
        let table = Spanned::new(entry.span(), "`[destinations]`");
        let raw = self.keys(entry.into_inner(), table.get_ref());
        let hint = "write where to: `registry = \"mirror.example.com/team\"`";
        let address = |key| move |reader: &mut Self, text| reader.address(key, &text);
        let registry = self.required(raw.registry, &table, "registry", hint, address("registry"));
        let prefix = self.optional(raw.prefix, Self::prefix);
        let pull_registry = self.optional(raw.pull_registry, address("pull-registry"));
        let target = self.optional(raw.target, |reader, text| reader.target_template(&text));
        let depth_span = raw.max_path_depth.as_ref().map(|field| field.span.clone());
        let max_path_depth = self.optional(raw.max_path_depth, Self::max_path_depth);
        let platforms = self.optional(raw.platforms, Self::platforms);
        let attachments = self.optional(raw.attachments, |reader, text| reader.attachments(&text));

        let host = registry.as_ref().map(|address| address.registry.clone());
        let ecr = match raw.ecr {
            Some(field) => self.ecr(field, host.as_ref().map(Registry::as_str)).map(Some),
            None => Some(None),
        };

        let registry = joined(registry?, prefix?);
        let max_path_depth = max_path_depth?;
        let of_prefix =
            registry.prefix.as_ref().map_or(0, |prefix| prefix.as_str().split('/').count());
        if let Some(depth) = max_path_depth
            && depth.get() <= of_prefix
        {
            let message = format!("a path of {depth} parts has no room below `{registry}`");
            let hint = format!("the prefix counts: write at least {}", of_prefix + 1);
            self.report(depth_span.unwrap_or_else(|| key.span()), message, hint);
            return None;
        }
        Some(Destination {
            pull_registry: pull_registry?,
            target: target?.unwrap_or_default(),
            max_path_depth,
            platforms: platforms?,
            attachments: attachments?.unwrap_or_default(),
            ecr: ecr?.unwrap_or_default(),
            ..registry.into()
        })
    }

    pub(super) fn address(&mut self, key: &str, text: &Spanned<String>) -> Option<Address> {
        if holds_userinfo(text.get_ref()) {
            self.report_credentials(text.span());
            return None;
        }
        match text.get_ref().parse() {
            Ok(address) => Some(address),
            Err(error) => {
                let hint = format!("write it as in `{key} = \"mirror.example.com/team\"`");
                self.report(text.span(), format!("{error}"), hint);
                None
            }
        }
    }

    fn prefix(&mut self, text: Spanned<String>) -> Option<RepositoryPath> {
        // As harmless as behind an address.
        match text.get_ref().trim_end_matches('/').parse() {
            Ok(path) => Some(path),
            Err(reason) => {
                let message = format!("`prefix` is not the path of a repository: {reason}");
                let hint = "write it as in `prefix = \"team/mirror\"`, without registry and tag";
                self.report(text.span(), message, hint.to_owned());
                None
            }
        }
    }

    fn target_template(&mut self, text: &Spanned<String>) -> Option<TargetTemplate> {
        let error = match TargetTemplate::from_str(text.get_ref()) {
            Ok(template) => return Some(template),
            Err(error) => error,
        };
        let known = SourcePart::ALL.map(SourcePart::name);
        let meant = match &error {
            InvalidTarget::Template(InvalidTemplate::Unknown(name)) => nearest(name.trim(), &known),
            _ => None,
        };
        let hint = match meant {
            Some(meant) => format!("did you mean `{{{meant}}}`?"),
            None => "write a path with `{path}` or `{name}`, and `{registry}` if you like: \
                     `target = \"{registry}/{path}\"`"
                .to_owned(),
        };
        self.report(text.span(), error.to_string(), hint);
        None
    }

    fn max_path_depth(&mut self, number: Spanned<i64>) -> Option<NonZeroUsize> {
        let depth = usize::try_from(*number.get_ref()).ok().and_then(NonZeroUsize::new);
        if depth.is_none() {
            let hint =
                "write how many parts a path may have, or leave it out if any number will do";
            self.report(number.span(), "`max-path-depth` is at least 1", hint.to_owned());
        }
        depth
    }

    fn attachments(&mut self, text: &Spanned<String>) -> Option<Attachments> {
        let known = Attachments::ALL.map(Attachments::name);
        let attachments = Attachments::ALL.into_iter().find(|one| one.name() == text.get_ref());
        if attachments.is_none() {
            let message = format!("`attachments` cannot be `{}`", text.get_ref().escape_debug());
            let hint = match nearest(text.get_ref(), &known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("it is one of {}", listed(&known)),
            };
            self.report(text.span(), message, hint);
        }
        attachments
    }

    /// Every image has a place of its own at a destination.
    fn check_targets(&mut self, name: &str, destination: &Destination, told: &mut Told) {
        let mut seen: HashMap<Reference, Range<usize>> = HashMap::new();
        let mut problems = Vec::new();
        for image in &self.placed {
            let span = image.span.clone();
            let path = destination.path(&image.source, image.target.as_ref());
            let (problem, first) = match path {
                Ok(path) => {
                    let target = destination.repository(&path).tagged(&image.tag);
                    let message =
                        format!("two images would be `{target}`, at the destination `{name}`");
                    let Some(first) = seen.insert(target, span.clone()) else { continue };
                    let problem = Problem::new(self.text, span.clone(), message)
                        .first(first.clone())
                        .hint(hint_for_same(destination));
                    (problem, Some(first))
                }
                Err(why) => {
                    let message = format!("this has no place at the destination `{name}`: {why}");
                    let problem = Problem::new(self.text, span.clone(), message);
                    (problem.hint("give the image a shorter `target`"), None)
                }
            };
            if told.insert((span, first)) {
                problems.push(problem);
            }
        }
        self.problems.extend(problems);
    }

    /// Where a list names no destination, all of them are like `-d host`: every image keeps its path.
    pub(super) fn check_default_targets(&mut self) {
        let mut seen: HashMap<String, Range<usize>> = HashMap::new();
        for image in &self.placed {
            let path = image.target.as_ref().unwrap_or_else(|| image.source.path());
            let reference = format!("{path}:{}", image.tag);
            let message = format!("two images would be `{reference}` at the destination");
            if let Some(first) = seen.insert(reference, image.span.clone()) {
                let problem = Problem::new(self.text, image.span.clone(), message)
                    .first(first)
                    .hint("give one of them another `target`");
                self.problems.push(problem);
            }
        }
    }
}

/// What follows the host in `registry` and `prefix` are one path.
fn joined(registry: Address, prefix: Option<RepositoryPath>) -> Address {
    let prefix = match (registry.prefix, prefix) {
        (Some(first), Some(then)) => Some(then.below(&first)),
        (first, then) => first.or(then),
    };
    Address { prefix, ..registry }
}

fn hint_for_same(destination: &Destination) -> &'static str {
    if destination.max_path_depth.is_some() || destination.target != TargetTemplate::default() {
        "give one of them another `target`, or the destination another `target` or `max-path-depth`"
    } else {
        "give one of them another `target`, or the destination `target = \"{registry}/{path}\"`"
    }
}
