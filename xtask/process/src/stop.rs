//! Ends the programs that run, when this one is interrupted.
//!
//! Each program leads a process group, so that its children end with it. A terminal sends Ctrl-C to another group
//! then, so code that notices an interruption calls [`stop_programs`].

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

struct State {
    is_stopped: bool,
    /// The programs that run, by the identifier of their group.
    running: BTreeSet<u32>,
}

static STATE: Mutex<State> = Mutex::new(State { is_stopped: false, running: BTreeSet::new() });

/// A program that runs.
pub(crate) struct Running {
    group: u32,
}

/// Ends all programs with their children. From now on, no program runs to its end.
pub fn stop_programs() {
    let mut state = state();
    state.is_stopped = true;
    state.running.iter().copied().for_each(end_group);
}

pub(crate) fn is_stopped() -> bool {
    state().is_stopped
}

impl Running {
    /// Ends the program at once if programs were stopped already.
    pub(crate) fn new(group: u32) -> Self {
        let mut state = state();
        state.running.insert(group);
        if state.is_stopped {
            end_group(group);
        }
        Self { group }
    }
}

impl Drop for Running {
    /// Also ends what the program has left behind.
    fn drop(&mut self) {
        end_group(self.group);
        state().running.remove(&self.group);
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing happens if the group has ended.
#[cfg(unix)]
fn end_group(group: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        kill_process_group(group, Signal::KILL).ok();
    }
}

#[cfg(not(unix))]
fn end_group(_: u32) {}
