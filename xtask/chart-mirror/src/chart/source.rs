//! `ChartSource`: where a chart comes from.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSource {
    /// A name in `repository`, the path of a directory or an archive, or `oci://...`.
    pub chart: String,
    /// `https://...` or `oci://...`.
    pub repository: Option<String>,
    /// `None` is the newest version.
    pub version: Option<String>,
}
