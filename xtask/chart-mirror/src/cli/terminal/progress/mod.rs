//! Shows the progress of a run on stderr: on a terminal a few lines that change, elsewhere a line now and
//! then, without control characters.
//!
//! `state` records what happens, `screen` renders it; both are pure.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::streams::{self, Verbosity};
use crate::commands::mirror::result::ImageReport;
use crate::copy::{Copied, Progress};
use crate::plan::Transfer;
use crate::report;
use registry::Error;
use state::State;

mod screen;
mod state;

/// How often the screen is drawn.
const INTERVAL: Duration = Duration::from_millis(100);
/// The width of a terminal that does not report one.
const USUAL_WIDTH: u16 = 80;

/// The progress of one run.
pub struct ProgressDisplay {
    state: Arc<Mutex<State>>,
    began: Instant,
    means: Means,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// Lines that change. Not with a log of requests, which would push them away at once.
    Screen,
    Lines,
    /// Only results and errors are requested.
    Nothing,
}

impl ProgressDisplay {
    pub fn new() -> Self {
        let is_screen = Term::stderr().is_term()
            && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
        let means = match streams::verbosity() {
            Verbosity::Quiet => Means::Nothing,
            Verbosity::Normal if is_screen => Means::Screen,
            _ => Means::Lines,
        };
        Self { state: Arc::default(), began: Instant::now(), means }
    }

    /// Ends the display. Nothing is left of it on a terminal.
    pub fn finish(&self) {
        streams::end_progress();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an event. Off a terminal, writes a line if the last one is long ago.
    fn record(&self, event: impl FnOnce(&mut State)) {
        let mut state = self.state();
        event(&mut state);
        let now = self.began.elapsed();
        state.tick(now);
        if self.means == Means::Lines && state.is_line_due(now) {
            let line = screen::line(&state, now);
            drop(state);
            streams::message(&line);
        }
    }

    /// Begins to draw, if that has not begun.
    fn draw(&self) {
        if self.means != Means::Screen || streams::has_progress() {
            return;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let (state, began) = (Arc::clone(&self.state), self.began);
        let write = move |_: &ProgressState, text: &mut dyn std::fmt::Write| {
            let width = Term::stderr().size_checked().map_or(USUAL_WIDTH, |(_, columns)| columns);
            let now = began.elapsed();
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.tick(now);
            let lines = screen::lines(&state, now, usize::from(width));
            // A screen that cannot be written to shows nothing.
            let _ = text.write_str(&lines.join("\n"));
        };
        let style = ProgressStyle::with_template("{screen}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.with_key("screen", write));
        bar.enable_steady_tick(INTERVAL);
        streams::begin_progress(bar);
    }
}

impl Progress for ProgressDisplay {
    fn copying(&self, transfers: &[Transfer]) {
        let name = |transfer: &Transfer| format!("{}:{}", transfer.target.path(), transfer.tag);
        let names: Vec<String> = transfers.iter().map(name).collect();
        self.record(|state| state.begin_copying(names));
        self.draw();
    }

    fn bytes_expected(&self, image: usize, bytes: u64) {
        self.record(|state| state.expect(image, bytes));
    }

    fn bytes_sent(&self, image: usize, bytes: u64) {
        self.record(|state| state.sent(image, bytes));
    }

    fn image_ended(&self, image: usize, transfer: &Transfer, result: &Result<Copied, Error>) {
        let mut state = self.state();
        state.image_ended(image);
        state.line_written(self.began.elapsed());
        drop(state);
        streams::message(&report::mirror::image(&ImageReport::new(transfer, result.clone())));
    }

    fn checking(&self, check: &str, images: usize) {
        self.record(|state| state.begin_checking(check, images));
        self.draw();
    }

    fn image_checked(&self) {
        self.record(State::image_checked);
    }
}
