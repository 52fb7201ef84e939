//! Image layouts in the place of registries: opens them for a run, and completes the one that it wrote.

mod bundled;
mod export;

pub use bundled::{BundleStorage, missing_parts_of};
pub use export::{ExportStorage, MeasuredBlob, MeasuredImages};

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use layout::{Layout, LayoutLocation, Strictness};
use messages::Advice;
use messages::program::command;
use registry::Settings;
use registry_server::{LayoutStorage, ServedRegistry, WritableLayout};

/// Reads all sources of a run from a layout.
///
/// # Errors
/// When it cannot be opened.
pub fn read_sources(location: &LayoutLocation, settings: &mut Settings) -> Result<(), Advice> {
    settings.source = Some(location.registry());
    read(location, settings)
}

/// Opens a layout for reading.
///
/// # Errors
/// When it cannot be opened.
pub fn read(location: &LayoutLocation, settings: &mut Settings) -> Result<(), Advice> {
    let layout = Arc::new(Layout::open(location, Strictness::Foreign)?);
    let served = ServedRegistry::new(Arc::new(LayoutStorage::new(layout)));
    settings.embedded.insert(location.registry(), Arc::new(served));
    Ok(())
}

/// A layout that a run writes.
pub struct WrittenLayout {
    location: LayoutLocation,
    /// `None` for a complete archive, which cannot be changed.
    writable: Option<Arc<WritableLayout>>,
}

/// Opens a layout for writing: a new one, one that an interrupted run left, or a complete directory. A complete
/// archive is opened for reading, because all may be there.
///
/// # Errors
/// When something else has the name, another run writes it, or it cannot be written.
pub fn write(location: &LayoutLocation, settings: &mut Settings) -> Result<WrittenLayout, Advice> {
    let is_complete_archive =
        matches!(location, LayoutLocation::Archive(path) if path.symlink_metadata().is_ok());
    let (served, writable) = if is_complete_archive {
        let layout = Arc::new(Layout::open(location, Strictness::Foreign)?);
        let export = command("bundle export");
        let why = Advice::new("the archive is complete, and nothing can be added to it").with_hint(
            format!(
                "write a new one with {export}, or a directory, which can be extended: `-d oci:DIR`"
            ),
        );
        (ServedRegistry::read_only(Arc::new(LayoutStorage::new(layout)), why), None)
    } else {
        let threads = threads();
        let writable = Arc::new(WritableLayout::open(location, threads)?);
        (ServedRegistry::new(Arc::clone(&writable) as Arc<_>), Some(writable))
    };
    settings.embedded.insert(location.registry(), Arc::new(served));
    Ok(WrittenLayout { location: location.clone(), writable })
}

impl WrittenLayout {
    /// Writes the index, and gives the layout its name.
    ///
    /// # Errors
    /// When something cannot be written. What was written stays, and the next run continues.
    pub fn finish(&self) -> Result<(), Advice> {
        self.writable.as_ref().map_or(Ok(()), |writable| writable.finish())
    }

    /// Where an unfinished layout is until another run completes it.
    pub fn unfinished(&self) -> Option<String> {
        self.writable.as_ref().map(|_| self.location.unfinished().to_string())
    }
}

/// How many threads hash the content of a layout.
pub fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Refuses to copy a layout to itself.
///
/// # Errors
/// When both are the same.
pub fn check_different(
    source: Option<&LayoutLocation>,
    destination: Option<&LayoutLocation>,
) -> Result<(), Advice> {
    let absolute = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    match (source, destination) {
        (Some(source), Some(destination))
            if absolute(source.path()) == absolute(destination.path()) =>
        {
            Err(Advice::new(format!("{destination} would be copied onto itself"))
                .with_hint("name another layout with `-d` or with `--source`"))
        }
        _ => Ok(()),
    }
}
