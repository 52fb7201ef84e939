//! Shows the progress of a run on stderr: on a terminal a few lines that change, elsewhere a line now and
//! then, without control characters.
//!
//! `state` records what happens, `screen` renders it; both are pure.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;

use super::streams::{self, ProgressFormat, Verbosity};
use crate::cli::exit::Exit;
use crate::commands::mirror::result::ImageReport;
use crate::copy::{Copied, Effects, Progress};
use crate::plan::Transfer;
use crate::report;
use crate::report::events::{Event, RunResult};
use crate::timestamp::Timestamp;
use registry::Error;
use state::{Activity, State};

pub use scope::RunScope;

mod scope;
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
    effects: Effects,
    screen: Mutex<Option<Screen>>,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// Lines that change. Not with a log of requests, which would push them away at once.
    Screen,
    Lines,
    /// Events as lines of JSON.
    Events,
    /// Only results and errors are requested, or no progress.
    Nothing,
}

impl ProgressDisplay {
    /// Begins the progress of a run on the terminal of this process.
    pub fn begin(scope: &RunScope) -> Self {
        let is_screen = Term::stderr().is_term()
            && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
        let means = match (streams::progress_format(), streams::verbosity()) {
            (ProgressFormat::Json, _) => Means::Events,
            (ProgressFormat::None, _) | (_, Verbosity::Quiet) => Means::Nothing,
            (_, Verbosity::Normal) if is_screen => Means::Screen,
            _ => Means::Lines,
        };
        if means == Means::Events {
            streams::event(&Event::RunStarted {
                time: Timestamp::now(),
                command: scope.command,
                list: scope.list.as_deref(),
                destinations: &scope.destinations,
                images: scope.images,
            });
        }
        let (state, screen) = (Arc::default(), Mutex::default());
        Self { state, began: Instant::now(), means, effects: scope.effects, screen }
    }

    /// Ends the display with the exit code of the run. Nothing is left of it on a terminal.
    pub fn finish(&self, exit: Exit) {
        if self.means == Means::Events {
            self.write_amounts(&self.state());
            let result = match exit {
                Exit::Done => RunResult::Done,
                Exit::Failed => RunResult::Failed,
                Exit::CouldNotRun => RunResult::CouldNotRun,
                Exit::Interrupted | Exit::Terminated => RunResult::Interrupted,
            };
            streams::event(&Event::RunEnded { seconds: self.seconds(), result });
        }
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
        match self.means {
            Means::Lines if state.is_line_due(now) => {
                let line = screen::line(&state, now);
                drop(state);
                streams::message(&line);
            }
            Means::Events if state.is_event_due(now) => self.write_amounts(&state),
            _ => {}
        }
    }

    /// Writes how far the run is.
    fn write_amounts(&self, state: &State) {
        let seconds = self.seconds();
        match &state.activity {
            Activity::Nothing => {}
            Activity::Copying(copying) => streams::event(&Event::Bytes {
                seconds,
                sent: copying.bytes.sent,
                expected: copying.bytes.expected,
            }),
            Activity::Checking(checking) => streams::event(&Event::CheckProgress {
                seconds,
                check: &checking.name,
                checked: checking.checked,
                images: checking.images,
            }),
        }
    }

    /// Since the beginning, to the millisecond.
    fn seconds(&self) -> f64 {
        self.began.elapsed().as_millis() as f64 / 1000.0
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

    fn image_started(&self, image: usize, transfer: &Transfer) {
        if self.means == Means::Events {
            streams::event(&Event::ImageStarted {
                seconds: self.seconds(),
                number: image,
                source: &transfer.source_reference(),
                target: &transfer.target_reference(),
            });
        }
    }

    fn image_ended(&self, image: usize, transfer: &Transfer, result: &Result<Copied, Error>) {
        let mut state = self.state();
        state.image_ended(image);
        state.line_written(self.began.elapsed());
        drop(state);
        let result = result.clone().map(|copied| Copied { content: None, ..copied });
        let report = ImageReport::new(transfer, result);
        match self.means {
            Means::Events => streams::event(&Event::ImageEnded {
                seconds: self.seconds(),
                number: image,
                image: &report,
            }),
            Means::Nothing => {}
            // The plan has them.
            _ if self.effects == Effects::Planned => {}
            Means::Screen | Means::Lines => streams::message(&report::mirror::image(&report)),
        }
    }

    fn checking(&self, check: &str, images: usize) {
        if self.means == Means::Events {
            streams::event(&Event::CheckStarted { seconds: self.seconds(), check, images });
        }
        self.record(|state| state.begin_checking(check, images));
        self.draw();
    }

    fn image_checked(&self) {
        self.record(State::image_checked);
    }
}
