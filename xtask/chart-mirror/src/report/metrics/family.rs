//! Families of samples, and how they are written.

use std::fmt::{self, Write as _};

/// The labels of a sample. Empty values are left out: Prometheus does not distinguish them from missing ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels(Vec<(String, String)>);

/// Samples with one name.
pub(super) struct Family {
    pub(super) name: &'static str,
    /// The last part of the name, if that is a unit.
    pub(super) unit: Option<&'static str>,
    pub(super) help: &'static str,
    pub(super) samples: Vec<(Labels, f64)>,
}

impl Labels {
    #[must_use]
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut labels = self.clone();
        if !value.is_empty() {
            labels.0.push((name.to_owned(), value.to_owned()));
        }
        labels
    }
}

/// As between braces: `list="images.toml",side="source"`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, value)) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{comma}{name}=\"{value}\"")?;
        }
        Ok(())
    }
}

impl Family {
    pub(super) fn add(&mut self, labels: Labels, value: f64) {
        self.samples.push((labels, value));
    }
}

/// Nothing without samples.
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, help, samples } = self;
        if samples.is_empty() {
            return Ok(());
        }
        writeln!(f, "# HELP {name} {help}\n# TYPE {name} gauge")?;
        if let Some(unit) = unit {
            writeln!(f, "# UNIT {name} {unit}")?;
        }
        for (labels, value) in samples {
            writeln!(f, "{name}{{{labels}}} {value}")?;
        }
        Ok(())
    }
}

/// Families in their order, and the end that OpenMetrics requires.
pub(super) fn text<'f>(families: impl IntoIterator<Item = &'f Family>) -> String {
    let mut text = String::new();
    for family in families {
        let _ = write!(text, "{family}");
    }
    text + "# EOF\n"
}
