//! Runs the program that is measured, and reads what it used.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How often the process is looked at. Its peak can have grown for this long before its end.
const INTERVAL: Duration = Duration::from_millis(2);

/// No run takes this long.
const DEADLINE: Duration = Duration::from_secs(300);

/// The ticks of a second in `/proc/PID/stat`: 100 for every program on Linux, whatever the kernel uses itself.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a run used. Where the system does not say it, there is no value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usage {
    pub(super) time: Duration,
    /// User and system, in seconds.
    pub(super) cpu: Option<f64>,
    /// The peak of the resident memory, in bytes.
    pub(super) memory: Option<u64>,
}

/// Runs this program with other arguments. `home` is its current folder and its home, and it gets no settings or
/// credentials of the machine.
///
/// # Errors
/// If the program cannot be started, fails, or does not end.
pub(super) async fn run(arguments: &[String], home: &Path) -> anyhow::Result<Usage> {
    let (mut child, began) = start(arguments, home)?;
    let mut stderr = child.stderr.take();
    // It is read meanwhile: a full pipe would stop the program.
    let messages = std::thread::spawn(move || {
        let mut text = String::new();
        // What is not UTF-8 is left out of an error message.
        let _ = stderr.as_mut().map(|stderr| stderr.read_to_string(&mut text));
        text
    });
    let ended = wait(&mut child, began).await;
    if ended.is_err() {
        // It may have ended just now.
        let _ = child.kill();
        let _ = child.wait();
    }
    let messages = messages.join().unwrap_or_default();
    let (status, usage) = ended?;
    if !status.success() {
        bail!("`{}` failed: {status}\n{}", arguments.join(" "), messages.trim_end());
    }
    Ok(usage)
}

#[expect(clippy::disallowed_methods, reason = "its process id is needed, to read what it uses")]
fn start(arguments: &[String], home: &Path) -> anyhow::Result<(Child, Instant)> {
    let program = std::env::current_exe().context("cannot find the program itself")?;
    let inherited = ["PATH", "TMPDIR", "SystemRoot"]
        .into_iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (OsString::from(name), value)));
    let mut command = Command::new(&program);
    command.args(arguments).current_dir(home).env_clear().envs(inherited);
    command.env("HOME", home).env("DOCKER_CONFIG", home.join(".docker"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start `{}`", program.display()))?;
    Ok((child, began))
}

async fn wait(child: &mut Child, began: Instant) -> anyhow::Result<(ExitStatus, Usage)> {
    let (mut cpu, mut memory) = (None, None);
    loop {
        let observed = observe(child.id());
        if let Some(observed) = observed {
            cpu = Some(observed.cpu);
            memory = memory.max(observed.memory);
        }
        // A process that has ended shows the time that it used until its parent has waited for it.
        if observed.is_none_or(|observed| observed.has_ended)
            && let Some(status) = child.try_wait().context("cannot wait for the program")?
        {
            return Ok((status, Usage { time: began.elapsed(), cpu, memory }));
        }
        if began.elapsed() > DEADLINE {
            bail!("the program did not end within {} s", DEADLINE.as_secs());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What the system shows about a process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Observed {
    has_ended: bool,
    cpu: f64,
    /// There is no value any more once it has ended.
    memory: Option<u64>,
}

/// Looks at a process. Only Linux shows it.
fn observe(id: u32) -> Option<Observed> {
    let folder = Path::new("/proc").join(id.to_string());
    let (has_ended, cpu) = state_and_cpu(&std::fs::read_to_string(folder.join("stat")).ok()?)?;
    let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
    Some(Observed { has_ended, cpu, memory: peak(&status) })
}

/// Whether the process has ended, and the seconds of CPU time that it used, from the text of `stat`.
fn state_and_cpu(stat: &str) -> Option<(bool, f64)> {
    // The name before may contain anything, also parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((fields.first()? == &"Z", (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND))
}

/// The peak of the resident memory in bytes, from the text of `status`.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_shows_about_a_process_is_understood() {
        let stat = |name: &str, state: &str| {
            format!("17 ({name}) {state} 1 17 17 0 -1 4194304 100 0 0 0 123 45 6 7 20 0 1 0 99\n")
        };
        assert_eq!(state_and_cpu(&stat("xtask", "S")), Some((false, 1.68)));
        assert_eq!(state_and_cpu(&stat(") Z (", "Z")), Some((true, 1.68)));
        assert_eq!(state_and_cpu("17 (xtask) S 1"), None);
        let status = "Name:\txtask\nVmPeak:\t  300 kB\nVmHWM:\t   24004 kB\nVmRSS:\t 20 kB\n";
        assert_eq!(peak(status), Some(24004 * 1024));
        assert_eq!(peak("Name:\txtask\nState:\tZ (zombie)\n"), None);
    }
}
