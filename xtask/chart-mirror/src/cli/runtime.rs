//! What surrounds a command: the asynchronous runtime, interruption, logging, and facts about the workspace
//! and the pipeline from the environment.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::exit::Exit;
use super::terminal::{self, LogWriter, Verbosity};
use messages::Advice;

/// The user or the system ended the run: Ctrl-C, or SIGTERM.
#[derive(Debug, thiserror::Error)]
#[error("{}", Advice::new("interrupted; no tag points to an incomplete image")
    .with_hint("run the same command again to continue"))]
pub struct Interrupted;

/// The exit code of the first interruption; 0 without one.
static INTERRUPTION: AtomicU8 = AtomicU8::new(0);

/// From now on, an interruption does not end this program by itself. The programs that it runs are ended, what
/// it has begun is undone or reported, and temporary files are deleted. A second interruption ends it at once.
/// Without a thread for it, nothing changes.
pub fn remember_interruptions() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    let wait = move || {
        runtime.block_on(async {
            let exit = interruption().await;
            remember(exit);
            let exit = interruption().await;
            end(exit)
        });
    };
    drop(std::thread::Builder::new().name("interruption".to_owned()).spawn(wait));
}

fn remember(exit: Exit) {
    INTERRUPTION.store(exit as u8, Ordering::SeqCst);
    process::stop_programs();
}

#[expect(clippy::exit, reason = "the user does not wait for the regular end")]
fn end(exit: Exit) {
    std::process::exit(i32::from(exit as u8));
}

/// Whether there was an interruption since [`remember_interruptions`].
pub fn is_interrupted() -> bool {
    interrupted_by().is_some()
}

/// How an interruption ends this program.
pub fn interrupted_by() -> Option<Exit> {
    let all = [Exit::Interrupted, Exit::Terminated];
    all.into_iter().find(|exit| *exit as u8 == INTERRUPTION.load(Ordering::SeqCst))
}

/// Runs a command's future to its end or until an interruption, which drops everything in progress:
/// connections close, and no tag has been written for an incomplete image.
///
/// # Errors
/// [`Interrupted`], or when the runtime cannot start.
pub fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    if is_interrupted() {
        return Err(Interrupted.into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = future => result,
            exit = interruption() => {
                remember(exit);
                Err(Interrupted.into())
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

/// Runs a service until an interruption, which is its regular end: the future that it gets is ready then.
///
/// # Errors
/// When the service fails, or the runtime cannot start.
pub fn block_on_service(
    service: impl AsyncFnOnce(Pin<Box<dyn Future<Output = ()>>>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async { service(Box::pin(interruption().map(drop))).await });
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

/// Sends warnings to stderr, every request if that is requested, and only errors if nothing else is.
pub fn start_logging() {
    let level = match terminal::verbosity() {
        Verbosity::Quiet => LevelFilter::ERROR,
        Verbosity::Normal => LevelFilter::WARN,
        Verbosity::Verbose => LevelFilter::DEBUG,
    };
    let filter = Targets::new().with_target("chart_mirror", level).with_target("registry", level);
    let format = tracing_subscriber::fmt::layer()
        .with_writer(|| LogWriter)
        .with_target(false)
        .without_time()
        .with_ansi(false);
    // Only a second call could fail, and the settings of the first suit it as well.
    drop(tracing_subscriber::registry().with(format).with(filter).try_init());
}

/// The name of a file in reports: relative to the root of the repository if a pipeline names that, or
/// else to the current folder.
pub fn name_in_reports(file: &Path) -> String {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let variables = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"].iter().filter_map(std::env::var_os);
    let roots = variables.map(PathBuf::from).chain(std::env::current_dir());
    let below = roots
        .filter(|root| root.is_absolute())
        .find_map(|root| absolute.strip_prefix(&root).ok().map(Path::to_path_buf));
    below.unwrap_or(absolute).to_string_lossy().replace('\\', "/")
}

/// The file that GitHub Actions shows as the summary of a job.
pub fn step_summary() -> Option<PathBuf> {
    let file = std::env::var_os("GITHUB_STEP_SUMMARY")?;
    (!file.is_empty()).then(|| file.into())
}

/// Ready at an interruption. From the call on, one does not end this program by itself, even if nothing waits for the
/// future yet: it must be called inside of a runtime.
#[cfg(unix)]
fn interruption() -> impl Future<Output = Exit> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async {
        let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => Exit::Interrupted,
            _ = terminate.recv() => Exit::Terminated,
        }
    }
}

#[cfg(not(unix))]
async fn interruption() -> Exit {
    match tokio::signal::ctrl_c().await {
        Ok(()) => Exit::Interrupted,
        Err(_) => std::future::pending().await,
    }
}
