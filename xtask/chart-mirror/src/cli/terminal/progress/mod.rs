//! Shows the progress of a run on stderr: on a terminal a few lines that change, elsewhere a line now and
//! then, without control characters.
//!
//! `state` records what happens, `screen` renders it; both are pure.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;

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
    screen: Mutex<Option<Screen>>,
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
    /// For the terminal of this process.
    pub fn of_terminal() -> Self {
        let is_screen = Term::stderr().is_term()
            && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
        let means = match streams::verbosity() {
            Verbosity::Quiet => Means::Nothing,
            Verbosity::Normal if is_screen => Means::Screen,
            _ => Means::Lines,
        };
        Self { state: Arc::default(), began: Instant::now(), means, screen: Mutex::default() }
    }

    /// Ends the display. Nothing is left of it on a terminal.
    pub fn finish(&self) {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Screen { is_shown, thread }) = screen {
            drop(is_shown);
            thread.thread().unpark();
            // If it has panicked, there is nothing to end.
            drop(thread.join());
        }
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
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.means == Means::Screen && screen.is_none() {
            let is_shown = Arc::new(());
            let (state, began, shown) =
                (Arc::clone(&self.state), self.began, Arc::downgrade(&is_shown));
            let thread = thread::spawn(move || draw_until_ended(&state, began, &shown));
            *screen = Some(Screen { is_shown, thread });
        }
    }
}

/// The thread that draws, for as long as `is_shown` exists.
struct Screen {
    is_shown: Arc<()>,
    thread: thread::JoinHandle<()>,
}

fn draw_until_ended(state: &Mutex<State>, began: Instant, is_shown: &Weak<()>) {
    while is_shown.strong_count() > 0 {
        let width = Term::stderr().size_checked().map_or(USUAL_WIDTH, |(_, columns)| columns);
        let now = began.elapsed();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tick(now);
        let lines = screen::lines(&state, now, usize::from(width));
        drop(state);
        if streams::show_progress(&lines).is_err() {
            return;
        }
        thread::park_timeout(INTERVAL);
    }
    let _ = streams::show_progress(&[]);
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
