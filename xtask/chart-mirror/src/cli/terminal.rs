//! The only file that writes to stdout (results) and stderr (messages and progress).
//!
//! On a terminal, progress is a bar; elsewhere it is lines. This file only writes: it decides nothing.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::commands::mirror::result::ImageReport;
use crate::copy::{Copied, Progress};
use crate::plan::Transfer;
use crate::report;
use crate::report::verify::human::Style;
use registry::Error;

/// Without a bar, a check writes a line each time it has finished this many images.
const IMAGES_PER_LINE: u64 = 100;

/// How much is written to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Normal,
    /// Each request is logged as well.
    Verbose,
}

/// Writes a result. A reader that stops early (`| head`) is not an error.
///
/// # Errors
/// When stdout cannot be written to for another reason, such as a full disk.
pub fn result(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a message. If stderr is closed, the message is lost and the work goes on; `eprintln!` would
/// panic.
pub fn message(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(writeln!(stderr, "{text}"));
}

/// Whether messages may have colours.
pub fn has_colour() -> bool {
    std::io::stderr().is_terminal() && allows_colour()
}

/// How results may be decorated.
pub fn style_of_results() -> Style {
    if std::io::stdout().is_terminal() && allows_colour() { Style::Coloured } else { Style::Plain }
}

fn allows_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Shows the progress of a run on stderr. The bar disappears when it is dropped.
pub struct Bar {
    bar: ProgressBar,
    /// The images to copy, and how many have ended. The bar itself counts their bytes.
    images: AtomicUsize,
    ended: AtomicUsize,
}

impl Bar {
    /// Without a terminal there is no bar. Logged requests would tear it apart.
    pub fn new(verbosity: Verbosity) -> Self {
        let target = if verbosity == Verbosity::Normal && std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        Self { bar, images: AtomicUsize::new(0), ended: AtomicUsize::new(0) }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn start(&self, template: &str) {
        let style = ProgressStyle::with_template(template);
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }
}

impl Progress for Bar {
    fn copying(&self, images: usize) {
        self.start(
            "{spinner} {prefix} images {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}",
        );
        self.images.store(images, Ordering::Relaxed);
        self.bar.set_prefix(format!("0/{images}"));
    }

    fn bytes_expected(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    fn bytes_sent(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn image_ended(&self, transfer: &Transfer, result: &Result<Copied, Error>) {
        let line = report::mirror::image(&ImageReport::new(transfer, result.clone()));
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        let images = self.images.load(Ordering::Relaxed);
        if self.bar.is_hidden() {
            message(&line);
        } else {
            self.bar.println(line);
            self.bar.set_prefix(format!("{ended}/{images}"));
        }
    }

    fn checking(&self, check: &str, images: usize) {
        let counter = if images > 0 { " {wide_bar} {pos}/{len}" } else { "" };
        self.start(&format!("{{spinner}} {{msg}}{counter}"));
        self.bar.set_position(0);
        self.bar.set_length(images as u64);
        self.bar.set_message(check.to_owned());
    }

    fn image_checked(&self) {
        self.bar.inc(1);
        let (ended, images) = (self.bar.position(), self.bar.length().unwrap_or_default());
        if self.bar.is_hidden() && ended.is_multiple_of(IMAGES_PER_LINE) && ended < images {
            message(&format!("checked {ended} of {images} images"));
        }
    }
}
