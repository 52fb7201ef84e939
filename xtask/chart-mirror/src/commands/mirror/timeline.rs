//! `Timeline`: when the images of a run were copied, and the requests for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::copy::{Copied, Progress};
use crate::plan::Transfer;
use registry::{Error, Trace, TracedSpan};

/// Records the images and the requests of a run.
#[derive(Default)]
pub struct Timeline {
    pub trace: Arc<Trace>,
    images: Mutex<Images>,
}

#[derive(Default)]
struct Images {
    all: Vec<TimedImage>,
    /// The images that are being copied: their number in the run, and their position.
    open: BTreeMap<usize, usize>,
}

/// The copy of one image. Times are counted from the beginning of the run.
#[derive(Debug, Clone)]
pub struct TimedImage {
    pub source: String,
    pub target: String,
    pub start: Duration,
    /// `None`: the run ended before.
    pub end: Option<Duration>,
    pub error: Option<String>,
}

/// What was recorded.
pub struct RecordedTimeline {
    pub spans: Vec<TracedSpan>,
    pub images: Vec<TimedImage>,
    /// How long the run took.
    pub end: Duration,
}

impl Timeline {
    /// Records the images whose progress is reported, and reports it.
    pub fn observe(self: &Arc<Self>, progress: Arc<dyn Progress>) -> Arc<dyn Progress> {
        Arc::new(Observed { timeline: Arc::clone(self), progress })
    }

    /// What has been recorded so far.
    pub fn recorded(&self) -> RecordedTimeline {
        let (spans, images) = (self.trace.spans(), self.images().all.clone());
        RecordedTimeline { spans, images, end: self.trace.elapsed() }
    }

    fn images(&self) -> MutexGuard<'_, Images> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Observed {
    timeline: Arc<Timeline>,
    progress: Arc<dyn Progress>,
}

impl Progress for Observed {
    fn copying(&self, transfers: &[Transfer]) {
        self.progress.copying(transfers);
    }

    fn bytes_expected(&self, image: usize, bytes: u64) {
        self.progress.bytes_expected(image, bytes);
    }

    fn bytes_sent(&self, image: usize, bytes: u64) {
        self.progress.bytes_sent(image, bytes);
    }

    fn image_started(&self, image: usize, transfer: &Transfer) {
        let started = TimedImage {
            source: transfer.source_reference().to_string(),
            target: transfer.target_reference().to_string(),
            start: self.timeline.trace.elapsed(),
            end: None,
            error: None,
        };
        let mut images = self.timeline.images();
        let position = images.all.len();
        images.open.insert(image, position);
        images.all.push(started);
        drop(images);
        self.progress.image_started(image, transfer);
    }

    fn image_ended(&self, image: usize, transfer: &Transfer, result: &Result<Copied, Error>) {
        let end = self.timeline.trace.elapsed();
        let mut images = self.timeline.images();
        let position = images.open.remove(&image);
        if let Some(ended) = position.and_then(|position| images.all.get_mut(position)) {
            ended.end = Some(end);
            ended.error = result.as_ref().err().map(ToString::to_string);
        }
        drop(images);
        self.progress.image_ended(image, transfer, result);
    }

    fn checking(&self, check: &str, images: usize) {
        self.progress.checking(check, images);
    }

    fn image_checked(&self) {
        self.progress.image_checked();
    }
}
