//! When runs last succeeded, according to the metrics of an earlier run.

use std::collections::BTreeMap;

use super::family::Labels;

/// The name of the metric.
pub(super) const LAST_SUCCESS: &str = "chart_mirror_last_success_timestamp_seconds";

/// The time of the last success by the labels of a run, as they are written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Successes(BTreeMap<String, f64>);

impl Successes {
    /// Those in a file of metrics. Lines of other metrics and of other programs do not matter.
    pub fn read(text: &str) -> Self {
        let success = |line: &str| {
            let sample = line.strip_prefix(LAST_SUCCESS)?.strip_prefix('{')?;
            let (labels, value) = sample.rsplit_once("} ")?;
            let value = value.parse::<f64>().ok().filter(|value| value.is_finite())?;
            Some((labels.to_owned(), value))
        };
        Self(text.lines().filter_map(success).collect())
    }

    pub(super) fn of(&self, labels: &Labels) -> Option<f64> {
        self.0.get(&labels.to_string()).copied()
    }
}
