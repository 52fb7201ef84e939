//! Images.lock of the Distribution Tooling for Helm (`helm dt`).

use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::charts::ExportedChart;
use super::document::{Documents, ReadError};
use super::export::{Export, ExportedImage, WrittenList};
use super::left_out::Loss;
use super::reading::Reading;
use crate::values::quoted;
use messages::program::command;

/// Writes the images of one list. The digests of their platforms are in their indexes, at the registry.
pub(super) fn write(export: &Export<'_>) -> WrittenList {
    let mut text = export.header("For helm dt: an Images.lock in the folder of the chart.");
    let chart = export.lists.first().and_then(ExportedChart::of);
    let name = quoted(chart.map_or("", ExportedChart::name));
    let version = chart.and_then(ExportedChart::version).unwrap_or_default();
    let _ = write!(
        text,
        "apiVersion: v0\nkind: ImagesLock\nmetadata:\n  generatedBy: chart-mirror\nchart:\n  name: {name}\n  \
         version: {}\n  appVersion: \"\"\nimages:\n",
        quoted(version)
    );
    for exported in &export.images {
        let image = exported.image;
        let _ = write!(
            text,
            "  - name: {}\n    image: {}\n    chart: {name}\n    digests: []\n",
            quoted(image.source.path().name()),
            quoted(&exported.reference())
        );
    }
    let mut losses = export.losses();
    losses.add(
        Loss::PlatformDigests,
        export.images.iter().map(ExportedImage::reference),
        "a list has none, and without them `helm dt` pulls nothing: `helm dt images lock CHART` finds them for the \
         images in the annotations of a chart",
    );
    export.lose_digests(
        &mut losses,
        "`helm dt` has a digest for each platform, and none for an index",
    );
    export.lose_values(&mut losses);
    export.lose_destinations(&mut losses);
    WrittenList { text, left_out: losses.into_all() }
}

#[derive(Deserialize)]
struct Lock {
    chart: Option<LockedChart>,
    images: Option<Vec<LockedImage>>,
}

#[derive(Deserialize)]
struct LockedChart {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct LockedImage {
    #[serde(default)]
    image: String,
    digests: Option<Vec<IgnoredAny>>,
}

/// Reads the images. The digests are of single platforms, not of what the tag names.
pub(super) fn read(documents: &Documents<'_>, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    for lock in documents.read::<Lock>()? {
        let images = lock.images.unwrap_or_default();
        for (position, image) in images.iter().enumerate() {
            let place = reading.place(&image.image, format!("images[{position}]"));
            reading.add_reference(place, &image.image);
        }
        if images.iter().any(|image| image.digests.as_ref().is_some_and(|all| !all.is_empty())) {
            reading.note(&format!(
                "`digests` are of single platforms: {} records the digests of the whole images",
                command("pin")
            ));
        }
        if let Some(LockedChart { name, version }) = lock.chart.filter(|it| !it.name.is_empty()) {
            let parts = [name, version].map(|part| part.escape_debug().to_string());
            let chart = parts.join(" ");
            let chart = chart.trim();
            reading.note(&format!("the chart is `{chart}`; the file does not say where it is"));
        }
    }
    Ok(())
}
