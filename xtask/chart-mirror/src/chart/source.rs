//! `ChartSource`: where a chart comes from; pure.

use std::fmt;

use super::image_reference::{ImageReference, InvalidImageReference};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSource {
    /// A name in `repository`, the path of a directory or an archive, or `oci://...`.
    pub chart: String,
    /// `https://...` or `oci://...`.
    pub repository: Option<String>,
    /// `None` is the newest version.
    pub version: Option<String>,
}

const OCI: &str = "oci://";

impl ChartSource {
    /// The reference of a chart in an OCI registry, with what its address names of tag and digest. `None` for
    /// other charts.
    ///
    /// # Errors
    /// If it is not a reference.
    pub(super) fn oci_reference(&self) -> Option<Result<ImageReference, InvalidImageReference>> {
        let address = match &self.repository {
            Some(repository) => format!("{}/{}", repository.trim_end_matches('/'), self.chart),
            None => self.chart.clone(),
        };
        address.strip_prefix(OCI).map(|reference| reference.parse())
    }

    /// The last part of its name, unless it is on disk: only Chart.yaml names it then.
    pub(super) fn last_name(&self) -> &str {
        self.chart.rsplit('/').next().unwrap_or(&self.chart)
    }

    /// The version, if it names exactly one. For charts in OCI registries, `1.2` is a tag as well; elsewhere it
    /// is a range.
    pub(super) fn exact_version(&self) -> Option<&str> {
        let version = self.version.as_deref()?;
        let numbers = version.split(['-', '+']).next().unwrap_or(version);
        let is_in_registry = self.oci_reference().is_some();
        let numbers = match numbers.strip_prefix('v') {
            Some(rest) if is_in_registry => rest,
            _ => numbers,
        };
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let parts: Vec<&str> = numbers.split('.').collect();
        let is_whole = parts.len() == 3 || (is_in_registry && parts.len() < 3);
        (is_whole && parts.into_iter().all(is_number)).then_some(version)
    }
}

/// In one word, like a reference: `https://helm.stackstate.io/stackstate:4.5.6`.
impl fmt::Display for ChartSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(repository) = &self.repository {
            write!(f, "{}/", repository.trim_end_matches('/'))?;
        }
        f.write_str(&self.chart)?;
        self.version.iter().try_for_each(|version| write!(f, ":{version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(chart: &str, repository: Option<&str>, version: Option<&str>) -> ChartSource {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        ChartSource {
            chart: chart.to_owned(),
            repository: owned(repository),
            version: owned(version),
        }
    }

    #[test]
    fn only_a_version_that_names_one_chart_is_exact() {
        let (http, oci) = (Some("https://c.example"), Some("oci://c.example/charts/"));
        let table = [
            (http, "4.5.6", true),
            (http, "4.5.6-rc.1+b", true),
            (http, "v4.5.6", false),
            (http, "4.5", false),
            (http, "^4.5.6", false),
            (http, "4.5.x", false),
            (oci, "4.5.6", true),
            (oci, "v4.5.6", true),
            (oci, "4.5", true),
            (oci, ">=4.5.6", false),
            (oci, "4.*", false),
        ];
        for (repository, version, expected) in table {
            let source = source("a", repository, Some(version));
            assert_eq!(source.exact_version(), expected.then_some(version), "{source}");
        }
        assert_eq!(source("a", http, None).exact_version(), None);
    }

    #[test]
    fn a_chart_in_a_registry_has_a_reference() {
        let table = [
            (source("a", Some("oci://c.example/x/"), None), Some("c.example/x/a")),
            (source("oci://c.example:5000/a:1", None, None), Some("c.example:5000/a:1")),
            (source("a", Some("https://c.example"), None), None),
            (source("./a", None, None), None),
        ];
        for (source, expected) in table {
            let reference = source.oci_reference().map(|parsed| parsed.unwrap().to_string());
            assert_eq!(reference.as_deref(), expected, "{source}");
        }
        assert!(source("oci://c.example//a", None, None).oci_reference().unwrap().is_err());
    }

    #[test]
    fn a_chart_is_named_in_one_word() {
        let chart = source("a", Some("https://c.example/"), Some("1.0.0"));
        assert_eq!(chart.to_string(), "https://c.example/a:1.0.0");
        assert_eq!(source("./charts/a", None, None).to_string(), "./charts/a");
    }
}
