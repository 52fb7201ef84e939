//! What surrounds a command: the asynchronous runtime, interruption, logging, and where the workspace is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Somebody wants the run to end: Ctrl-C, or a request to terminate.
#[derive(Debug)]
pub struct Interrupted;

/// Runs a command's future to its end, or until somebody interrupts it. Whatever was under way is
/// dropped then: connections close, and no tag was written for what is incomplete.
///
/// # Errors
/// [`Interrupted`], as an error; or that no runtime can be had.
pub fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = future => result,
            () = interruption() => Err(Interrupted.into()),
        }
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

/// Sends warnings to stderr, and every request with `verbose`.
pub fn show_requests(verbose: bool) {
    let ours = if verbose { LevelFilter::DEBUG } else { LevelFilter::WARN };
    let filter = Targets::new().with_target("chart_mirror", ours).with_target("registry", ours);
    let format = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .with_ansi(false);
    // Only a second call could fail, and would be as well served by the first one's settings.
    drop(tracing_subscriber::registry().with(format).with(filter).try_init());
}

/// The folder that holds Cargo.toml of the workspace: of the running cargo if there is one, else of
/// the one that built this program.
pub fn workspace_root() -> PathBuf {
    let (package, levels) = match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(running) => (PathBuf::from(running), 1),
        None => (PathBuf::from(env!("CARGO_MANIFEST_DIR")), 2),
    };
    package.ancestors().nth(levels).map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// A file as reports call it: from the root of the repository where a pipeline names that, else from
/// the current folder.
pub fn shown(file: &Path) -> String {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let named = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"].iter().filter_map(std::env::var_os);
    let roots = named.map(PathBuf::from).chain(std::env::current_dir());
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

#[cfg(unix)]
async fn interruption() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn interruption() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "interrupted; nothing incomplete has a tag\nhint: run the same command again to go on",
        )
    }
}

impl std::error::Error for Interrupted {}
