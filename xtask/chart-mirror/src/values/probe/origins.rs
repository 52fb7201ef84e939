//! Where the images of a chart come from, as its templates show it, in terms of its values.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::observed::Observed;
use super::values_document::GLOBAL;
use super::visit::{Next, visit};
use crate::chart::{ChartValues, ImageOrigin, Role, Step, Templates, Use};
use crate::list::{Key, ValuePath};

/// The templates of a chart and its subcharts.
pub(super) struct Origins {
    templates: Templates,
    /// The keys of each subchart by the folder of its templates.
    charts: BTreeMap<String, Vec<String>>,
}

/// What an image comes from.
pub(super) enum Source {
    /// Every value that can become a part of it, or decides about it.
    Values(Vec<ValueUse>),
    Unknown,
}

/// A value that a template uses for an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ValueUse {
    /// `None` for all values, or for one whose key depends on more than the templates.
    pub(super) path: Option<ValuePath>,
    /// The template with the line.
    pub(super) used_at: String,
    pub(super) extent: Extent,
    pub(super) role: Role,
}

/// How a template uses a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    ByItself,
    /// With all of the map or list around it.
    WithOthers,
}

/// Custom resources are not templates.
const CRDS: &str = "crds/";

impl Origins {
    pub(super) fn new(charts: &[ChartValues]) -> Self {
        let mut templates = Templates::default();
        let mut folders = BTreeMap::new();
        for chart in charts {
            let folder = folder(&chart.path);
            for (path, text) in &chart.files {
                templates.add(&format!("{folder}{path}"), text);
            }
            folders.insert(folder, chart.path.clone());
        }
        Self { templates, charts: folders }
    }

    /// What an image comes from.
    pub(super) fn source(&self, observed: &Observed, whole: &Value) -> Source {
        let Some((_, template)) =
            observed.place.template.as_deref().and_then(|it| it.split_once('/'))
        else {
            return Source::Unknown;
        };
        let Some((folder, chart)) =
            self.charts.iter().rev().find(|(folder, _)| template.starts_with(folder.as_str()))
        else {
            return Source::Unknown;
        };
        if template[folder.len()..].starts_with(CRDS) {
            return Source::Values(Vec::new());
        }
        match self.templates.origin(template, &observed.place.path, &observed.written) {
            ImageOrigin::Unknown => Source::Unknown,
            ImageOrigin::Values(uses) => {
                let all: BTreeSet<ValueUse> =
                    uses.iter().flat_map(|used| values(used, chart, whole)).collect();
                Source::Values(all.into_iter().collect())
            }
        }
    }

    /// The values that are used for an image, as far as they are known.
    pub(super) fn uses(&self, observed: &Observed, whole: &Value) -> Vec<ValueUse> {
        match self.source(observed, whole) {
            Source::Values(uses) => uses,
            Source::Unknown => Vec::new(),
        }
    }
}

/// `charts/a/charts/b/`, as helm names the folder of a subchart.
fn folder(chart: &[String]) -> String {
    chart.iter().map(|key| format!("charts/{key}/")).collect()
}

/// The values that a template of a chart uses in one place.
fn values(used: &Use, chart: &[String], whole: &Value) -> Vec<ValueUse> {
    let used_at = format!("{}:{}", used.file, used.line);
    let new = |path: Option<ValuePath>, extent: Extent| ValueUse {
        path,
        used_at: used_at.clone(),
        extent,
        role: used.role,
    };
    let is_global = used.path.first() == Some(&Step::Key(GLOBAL.to_owned()));
    let prefix: Vec<Key> = chart.iter().filter(|_| !is_global).cloned().map(Key::Name).collect();
    let below = prefix.iter().try_fold(whole, |value, key| match key {
        Key::Name(name) => value.get(name.as_str()),
        Key::Index(_) => None,
    });
    let mut found = Vec::new();
    if used.path.is_empty() {
        return vec![new(None, Extent::WithOthers)];
    }
    follow(&used.path, prefix, below, &mut found);
    found.into_iter().map(|(keys, extent)| new(ValuePath::new(keys), extent)).collect()
}

/// Collects the scalars, and the keys without a value, that a path leads to.
fn follow(
    steps: &[Step],
    path: Vec<Key>,
    value: Option<&Value>,
    found: &mut Vec<(Vec<Key>, Extent)>,
) {
    let Some((step, rest)) = steps.split_first() else {
        return scalars(path, value, found);
    };
    let below = |key: Key| path.iter().cloned().chain([key]).collect::<Vec<Key>>();
    match (step, value) {
        (Step::Key(name), Some(Value::Mapping(_) | Value::Null) | None) => {
            let value = value.and_then(|value| value.get(name.as_str()));
            follow(rest, below(Key::Name(name.clone())), value, found);
        }
        (Step::Any, Some(Value::Mapping(entries))) if !entries.is_empty() => {
            for (key, value) in entries {
                if let Value::String(name) = key {
                    follow(rest, below(Key::Name(name.clone())), Some(value), found);
                }
            }
        }
        // Nothing is printed for the items of an empty list.
        (Step::Any, Some(Value::Sequence(items))) => {
            for (index, item) in items.iter().enumerate() {
                follow(rest, below(Key::Index(index)), Some(item), found);
            }
        }
        // A text has no keys: it decides by itself.
        _ => found.push((path, Extent::ByItself)),
    }
}

fn scalars(path: Vec<Key>, value: Option<&Value>, found: &mut Vec<(Vec<Key>, Extent)>) {
    let is_scalar = |value: &Value| !matches!(value, Value::Mapping(_) | Value::Sequence(_));
    let Some(value) = value.filter(|value| !is_scalar(value)) else {
        return found.push((path, Extent::ByItself));
    };
    let before = found.len();
    visit(value, &mut path.clone(), &mut |value, path| {
        if is_scalar(value) {
            found.push((path.to_vec(), Extent::WithOthers));
        }
        Next::Below
    });
    if found.len() == before {
        found.push((path, Extent::WithOthers));
    }
}
