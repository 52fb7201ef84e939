//! The one door to stdout and stderr: results to the one, progress and messages to the other.
//!
//! A bar is drawn on a terminal only; elsewhere each image that ends is a line. Nothing here decides
//! anything.

use crate::commands::mirror::result::ImageReport;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::commands::verify::Watch;
use crate::copy::{Copied, Observer};
use crate::plan::Transfer;
use crate::report::human;
use crate::report::verify::human::Style;
use registry::Error;

/// Writes a result. Whoever reads it may stop early (`| head`): that is no error.
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

/// Writes a line for people. Whoever does not want to read it any more need not: the work goes on,
/// where `eprintln!` would panic.
pub fn message(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(writeln!(stderr, "{text}"));
}

/// Whether messages may be coloured.
pub fn has_colour() -> bool {
    std::io::stderr().is_terminal() && wants_colour()
}

/// How a result may be decorated.
pub fn style_of_results() -> Style {
    if std::io::stdout().is_terminal() && wants_colour() { Style::Coloured } else { Style::Plain }
}

fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Shows how far a mirror run is.
pub struct Progress {
    bar: ProgressBar,
    /// Without a terminal, or with every request shown, a bar would only tear the text apart.
    lines: bool,
}

impl Progress {
    pub fn new(images: usize, verbose: bool) -> Self {
        let lines = verbose || !std::io::stderr().is_terminal();
        if lines {
            return Self { bar: ProgressBar::hidden(), lines };
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
        let form = "{spinner} {prefix} images {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}";
        let style =
            ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_prefix(format!("0/{images}"));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, lines }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Progress {
    fn expects(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    fn sent(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn ended(&self, transfer: &Transfer, result: &Result<Copied, Error>) {
        let line = human::image(&ImageReport::new(transfer, result.clone()));
        if self.lines {
            message(&line);
            return;
        }
        self.bar.println(line);
        let prefix = self.bar.prefix();
        if let Some((ended, all)) = prefix.split_once('/')
            && let Ok(ended) = ended.parse::<usize>()
        {
            self.bar.set_prefix(format!("{}/{all}", ended + 1));
        }
    }
}

/// Shows how far a verification is.
pub struct Looking {
    bar: ProgressBar,
    lines: bool,
    images: AtomicUsize,
    looked: AtomicUsize,
}

/// Of a long list, where there is no bar.
const IMAGES_PER_LINE: usize = 100;

impl Looking {
    pub fn new(verbose: bool) -> Self {
        let lines = verbose || !std::io::stderr().is_terminal();
        let target = if lines {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(None, target);
        Self { bar, lines, images: AtomicUsize::new(0), looked: AtomicUsize::new(0) }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Looking {
    fn begins(&self, check: &str, images: usize) {
        self.images.store(images, Ordering::Relaxed);
        let form =
            if images > 0 { "{spinner} {msg} {wide_bar} {pos}/{len}" } else { "{spinner} {msg}" };
        let style = ProgressStyle::with_template(form);
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.bar.set_length(images as u64);
        self.bar.set_message(check.to_owned());
        if !self.lines {
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    fn looked(&self) {
        self.bar.inc(1);
        let looked = self.looked.fetch_add(1, Ordering::Relaxed) + 1;
        let images = self.images.load(Ordering::Relaxed);
        if self.lines && looked.is_multiple_of(IMAGES_PER_LINE) && looked < images {
            message(&format!("asked for {looked} of {images} images"));
        }
    }
}
