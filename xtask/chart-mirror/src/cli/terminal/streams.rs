//! The only code that writes to stdout (results) and stderr (messages, errors, and the log). Progress on
//! stderr makes room for them.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use clap::ColorChoice;
use console::Term;

use super::colour::{StreamKind, style_for};
use crate::report::events::Event;
use crate::report::presentation::{Detail, Presentation, Style};

/// How much is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Only results and errors.
    Quiet,
    #[default]
    Normal,
    /// Each request is logged as well, and reports leave nothing out.
    Verbose,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressFormat {
    /// On a terminal lines that change, elsewhere a line now and then
    #[default]
    Auto,
    /// Events as lines of JSON, for programs; messages become events as well
    Json,
    /// No progress; warnings and errors are written
    None,
}

/// What the flags require of both streams.
#[derive(Debug, Clone, Copy, Default)]
pub struct Appearance {
    pub colour: ColorChoice,
    pub verbosity: Verbosity,
    pub progress: ProgressFormat,
}

/// The streams belong to the process, so this does as well.
static APPEARANCE: OnceLock<Appearance> = OnceLock::new();

/// How many lines of progress are above the cursor. They make room when something else is written.
static PROGRESS: Mutex<usize> = Mutex::new(0);

/// Sets the appearance. The first call decides.
pub fn appear_as(appearance: Appearance) {
    let _ = APPEARANCE.set(appearance);
}

pub fn verbosity() -> Verbosity {
    appearance().verbosity
}

pub(super) fn progress_format() -> ProgressFormat {
    appearance().progress
}

/// Writes a result. A reader that stops early (`| head`) is not an error.
///
/// # Errors
/// When stdout cannot be written to for another reason, such as a full disk.
pub fn result(text: &str) -> std::io::Result<()> {
    match write_result(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes what a command has changed or removed. It must not get lost, so it goes to stderr if stdout cannot be
/// written to.
///
/// # Errors
/// As for [`result`].
pub fn record(text: &str) -> std::io::Result<()> {
    let written = write_result(text);
    if written.is_err() {
        message(text.trim_end());
    }
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write_result(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| {
        std::io::Error::new(
            error.kind(),
            format!("the result cannot be written to stdout: {error}"),
        )
    })
}

/// Writes a result that programs read. People find its summary on stderr.
///
/// # Errors
/// As for [`result`].
pub fn result_for_programs(text: &str, summary: &str) -> std::io::Result<()> {
    result(text)?;
    message(summary.trim_end());
    Ok(())
}

/// Writes a message, unless only results and errors are requested.
pub fn message(text: &str) {
    if verbosity() != Verbosity::Quiet {
        error(text);
    }
}

/// Writes a message that is never left out. If stderr is closed, it is lost and the work goes on;
/// `eprintln!` would panic.
pub fn error(text: &str) {
    match progress_format() {
        ProgressFormat::Json => event(&Event::Message { text }),
        _ => above_progress(|| drop(writeln!(std::io::stderr().lock(), "{text}"))),
    }
}

/// Writes an event. If stderr is closed, it is lost and the work goes on.
pub(super) fn event(event: &Event<'_>) {
    // In one piece: lines of several threads must not mix.
    let line = event.line() + "\n";
    drop(std::io::stderr().lock().write_all(line.as_bytes()));
}

/// How reports for people look on stdout.
pub fn presentation() -> Presentation {
    let detail = if verbosity() == Verbosity::Verbose { Detail::Full } else { Detail::Short };
    Presentation { style: style_of(&std::io::stdout()), detail }
}

/// How messages look on stderr.
pub fn message_style() -> Style {
    match progress_format() {
        ProgressFormat::Json => Style::default(),
        _ => style_of(&std::io::stderr()),
    }
}

/// Shows lines of progress below everything else, in place of those before.
pub(super) fn show_progress(lines: &[String]) -> std::io::Result<()> {
    let mut shown = progress();
    let terminal = Term::buffered_stderr();
    clear(&terminal, *shown)?;
    for line in lines {
        terminal.write_line(line)?;
    }
    *shown = lines.len();
    terminal.flush()
}

/// The log's way to stderr.
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if progress_format() == ProgressFormat::Json {
            event(&Event::Log { text: String::from_utf8_lossy(bytes).trim_end() });
            return Ok(bytes.len());
        }
        above_progress(|| std::io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// Writes where progress is now. The progress comes back when it is shown the next time.
fn above_progress<T>(write: impl FnOnce() -> T) -> T {
    let mut shown = progress();
    let terminal = Term::buffered_stderr();
    // A terminal that cannot be written to has nothing to clear.
    drop(clear(&terminal, *shown).and_then(|()| terminal.flush()));
    *shown = 0;
    write()
}

/// Clears the lines above the cursor, and what was typed since.
fn clear(terminal: &Term, lines: usize) -> std::io::Result<()> {
    if lines == 0 {
        return Ok(());
    }
    terminal.clear_line()?;
    terminal.move_cursor_up(lines)?;
    terminal.clear_to_end_of_screen()
}

fn progress() -> MutexGuard<'static, usize> {
    PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn appearance() -> Appearance {
    APPEARANCE.get().copied().unwrap_or_default()
}

fn style_of(stream: &impl IsTerminal) -> Style {
    let kind = if stream.is_terminal() { StreamKind::Terminal } else { StreamKind::Other };
    style_for(appearance().colour, kind, &|name| std::env::var_os(name))
}
