//! Runs a program to its end and keeps what it says: the only place that starts helpers of logins and
//! the command lines of clouds.
//!
//! No shell takes part, nothing is waited for without end, and no more is read than was expected.

use std::io::{self, PipeReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// What a program that has ended left in its pipes is there at once, unless a child of it lives on.
const REST: Duration = Duration::from_secs(1);

/// A program, and how much of it is borne.
#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    pub deadline: Duration,
    /// Of either output, in bytes.
    pub longest: u64,
}

/// What a program left behind.
pub struct Ended {
    pub success: bool,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Where a program is, among the folders of a `PATH`. Relative ones do not count: what they hold
/// depends on where the tool was started.
pub fn find_program(name: &str, search_path: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let folders = std::env::split_paths(search_path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&name)).find(|program| is_executable(program))
}

impl Program {
    /// Runs it to its end, whatever that is. Blocks.
    ///
    /// # Errors
    /// When it cannot be run, does not end, or says more than it should.
    pub fn run(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        stdin: &str,
    ) -> Result<Ended, String> {
        match run(self, arguments, variables, stdin) {
            Ok(Some(ended)) if ended.stdout.len() as u64 > self.longest => {
                Err("its answer is too long".to_owned())
            }
            Ok(Some(ended)) => Ok(ended),
            Ok(None) => Err(format!("no end after {} s: stopped", self.deadline.as_secs_f32())),
            Err(error) => Err(format!("{} cannot be run: {error}", self.path.display())),
        }
    }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|of| of.is_file() && of.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

/// `None` when it was stopped at the deadline.
#[expect(clippy::disallowed_methods, reason = "the door for programs with a deadline")]
fn run(
    program: &Program,
    arguments: &[&str],
    variables: &[(&str, &str)],
    question: &str,
) -> io::Result<Option<Ended>> {
    let (stdin, mut asking) = io::pipe()?;
    let (answer, stdout) = io::pipe()?;
    let (complaint, stderr) = io::pipe()?;
    // Short enough for the pipe to take all of it before anybody reads.
    asking.write_all(question.as_bytes())?;
    drop(asking);
    let mut command = duct::cmd(&program.path, arguments)
        .stdin_file(stdin)
        .stdout_file(stdout)
        .stderr_file(stderr)
        .unchecked();
    for (name, value) in variables {
        command = command.env(name, value);
    }
    let running = command.start()?;
    // It holds the ends of the pipes that the program writes to.
    drop(command);
    let (answer, complaint) =
        (collect(answer, program.longest), collect(complaint, program.longest));
    let Some(output) = running.wait_timeout(program.deadline)? else {
        running.kill()?;
        running.wait_timeout(REST)?;
        return Ok(None);
    };
    let success = output.status.success();
    let whole = |from: &Receiver<Vec<u8>>| from.recv_timeout(REST).unwrap_or_default();
    Ok(Some(Ended { success, stdout: whole(&answer), stderr: whole(&complaint) }))
}

/// Reads a pipe beside the wait for the program. A child of it that lives on may hold the pipe open,
/// so nobody waits for this thread.
fn collect(from: PipeReader, longest: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.take(longest + 1).read_to_end(&mut bytes));
        drop(sender.send(bytes));
    });
    receiver
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Ended, String> {
        let path = find_program("sh", "relative:/usr/bin:/bin").ok_or("there is no `sh`")?;
        let program = Program { path, deadline: Duration::from_millis(500), longest: 1000 };
        program.run(&["-c", script, "name", "a b"], &[("ADDED", "x")], "asked")
    }

    #[test]
    fn a_program_is_told_and_tells_without_a_shell_in_between() {
        let ended = shell("cat; printf '/%s/%s' \"$1\" \"$ADDED\"; echo why >&2; exit 3").unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!((ended.success, said(&ended.stdout)), (false, "asked/a b/x".to_owned()));
        assert_eq!(said(&ended.stderr), "why\n");
    }

    #[test]
    fn a_program_that_does_not_end_or_says_too_much_is_an_error() {
        let table = [
            ("sleep 9", "no end after 0.5 s: stopped"),
            ("head -c 1001 /dev/zero", "its answer is too long"),
        ];
        for (script, expected) in table {
            assert_eq!(shell(script).map(|_| ()), Err(expected.to_owned()));
        }
    }
}
