//! `Subject`: the chart that is probed, with what all its renderings have in common.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::addresses::addresses;
use super::budget::{Budget, Purpose};
use super::observed::{Observed, Observer};
use super::origins::Origins;
use super::values_document::whole_values;
use super::visit::{Next, visit};
use crate::chart::{ChartValues, RenderError, Renderer, UnreadableManifest};
use crate::list::{Chart, Rendering, SetValue, ValuePath};
use messages::Advice;

pub struct Subject<'a> {
    renderer: &'a dyn Renderer,
    pub(super) renderings: &'a [Rendering],
    pub(super) charts: &'a [ChartValues],
    /// The values of the chart with its subcharts, from which lists are completed.
    pub(super) whole: Value,
    /// Values of the list without placeholders, which every rendering sets.
    pub(super) constants: Vec<(ValuePath, Value)>,
    pub(super) budgets: Vec<Budget>,
    pub(super) origins: Origins,
    /// The chart in images.toml, with rules about places.
    rules: Option<&'a Chart>,
    /// What each rendering sets, as text.
    set: Vec<BTreeMap<ValuePath, String>>,
    /// One for each rendering.
    observers: Vec<Observer>,
    pub(super) progress: &'a (dyn Fn(&str) + Sync),
}

/// By the number of a sentinel.
pub(super) type Addresses = BTreeMap<usize, BTreeSet<String>>;

/// Why a rendering of the chart cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error(transparent)]
    Unreadable(#[from] UnreadableManifest),
}

impl<'a> Subject<'a> {
    /// `progress` receives a line for each step.
    ///
    /// # Errors
    /// If the values of the chart are not valid YAML.
    pub fn new(
        renderer: &'a dyn Renderer,
        renderings: &'a [Rendering],
        charts: &'a [ChartValues],
        constants: Vec<(ValuePath, Value)>,
        progress: &'a (dyn Fn(&str) + Sync),
    ) -> Result<Self, Advice> {
        let budgets = renderings.iter().map(|_| Budget::default()).collect();
        let observers = renderings.iter().map(|_| Observer::default()).collect();
        let set = renderings.iter().map(values_set).collect();
        let whole = whole_values(charts)?;
        let origins = Origins::new(charts);
        Ok(Self {
            renderer,
            renderings,
            charts,
            whole,
            constants,
            budgets,
            origins,
            set,
            observers,
            rules: None,
            progress,
        })
    }

    /// Applies the rules about places of the chart in images.toml.
    #[must_use]
    pub fn with_rules(mut self, chart: Option<&'a Chart>) -> Self {
        self.rules = chart;
        self
    }

    /// Adds what the values files of each rendering set.
    #[must_use]
    pub fn with_values_files(mut self, files: &[Vec<Value>]) -> Self {
        for (set, files) in self.set.iter_mut().zip(files) {
            for file in files {
                visit(file, &mut Vec::new(), &mut |value, path| match value {
                    Value::Mapping(_) => Next::Below,
                    _ => {
                        let text = serde_json::to_string(value).unwrap_or_default();
                        set.extend(ValuePath::new(path.to_vec()).map(|path| (path, text)));
                        Next::Sibling
                    }
                });
            }
        }
        self
    }

    /// Whether a rendering sets a value.
    pub(super) fn is_set(&self, rendering: &str, path: &ValuePath) -> bool {
        let mut renderings = self.renderings.iter().zip(&self.set);
        renderings.any(|(of, set)| of.name == rendering && set.contains_key(path))
    }

    /// Whether a rendering sets the list or the map that contains a value as a whole.
    pub(super) fn is_below_set(&self, rendering: &str, path: &ValuePath) -> bool {
        let is_above = |set: &ValuePath| {
            let (set_keys, keys) = (set.keys(), path.keys());
            (set_keys.len() < keys.len() && keys.starts_with(set_keys))
                || (set.list().is_some() && set.list() == path.list())
        };
        let mut renderings = self.renderings.iter().zip(&self.set);
        renderings.any(|(of, set)| of.name == rendering && set.keys().any(is_above))
    }

    /// The values that a rendering sets and that contain a text.
    pub(super) fn set_with(&self, rendering: &str, text: &str) -> Vec<ValuePath> {
        let renderings = self.renderings.iter().zip(&self.set);
        let set = renderings.filter(|(of, _)| of.name == rendering).flat_map(|(_, set)| set);
        set.filter(|(_, it)| it.contains(text)).map(|(path, _)| path.clone()).collect()
    }

    /// How often the chart was rendered.
    pub fn renderings(&self) -> usize {
        self.budgets.iter().map(Budget::used).sum()
    }

    /// Renders one of the renderings of the chart, whatever is left of its budget.
    pub(super) fn render(
        &self,
        rendering: usize,
        values: Option<&str>,
    ) -> Result<Vec<Observed>, Failure> {
        let rendered = self.renderer.render(&self.renderings[rendering], values)?;
        Ok(self.observers[rendering].observe(&rendered, self.rules)?)
    }

    /// Renders with values that may replace what the rendering sets, for which helm would ignore a file.
    /// Returns the images, and the sentinels in addresses.
    pub(super) fn render_replacing(
        &self,
        rendering: usize,
        replaced: &BTreeSet<&ValuePath>,
        values: &str,
    ) -> Result<(Vec<Observed>, Addresses), Failure> {
        let mut without = self.renderings[rendering].clone();
        let stays =
            |path: &str| !path.parse::<ValuePath>().is_ok_and(|path| replaced.contains(&path));
        without.set.retain(|(path, _)| stays(path));
        without.set_string.retain(|(path, _)| stays(path));
        let rendered = self.renderer.render(&without, Some(values))?;
        let observed = self.observers[rendering].observe(&rendered, self.rules)?;
        Ok((observed, addresses(&rendered.text)))
    }

    /// Renders the chart as it is installed by someone who does not set the switches of a rendering. Returns
    /// what helm prints if it refuses these values, but not if it refuses the same without them: then the
    /// chart requires the switch by itself.
    pub(super) fn refusal_without_switches(
        &self,
        rendering: usize,
        values: &str,
    ) -> Option<String> {
        let mut without = self.renderings[rendering].clone();
        without.set.retain(|(_, value)| !matches!(value, SetValue::Boolean(_)));
        let has_switches = without.set.len() < self.renderings[rendering].set.len();
        if !has_switches || self.take(rendering, 2, Purpose::Proof) < 2 {
            return None;
        }
        let refusal = |values: Option<&str>| {
            self.renderer.render(&without, values).err().map(|error| error.output().to_owned())
        };
        let message = refusal(Some(values))?;
        (refusal(None).as_ref() != Some(&message)).then_some(message)
    }

    /// The number of renderings for a purpose, at most `number`.
    pub(super) fn take(&self, rendering: usize, number: usize, purpose: Purpose) -> usize {
        self.budgets.get(rendering).map_or(0, |budget| budget.take(number, purpose))
    }
}

fn values_set(rendering: &Rendering) -> BTreeMap<ValuePath, String> {
    let set = rendering.set.iter().map(|(path, value)| (path, value.to_string()));
    let texts = rendering.set_string.iter().map(|(path, text)| (path, text.clone()));
    set.chain(texts).filter_map(|(path, text)| Some((path.parse().ok()?, text))).collect()
}

impl Failure {
    /// What helm printed.
    pub(super) fn output(&self) -> String {
        match self {
            Self::Render(error) => error.output().to_owned(),
            Self::Unreadable(error) => error.to_string(),
        }
    }
}
