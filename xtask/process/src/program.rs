//! `Program`: runs a program to its end and captures its output.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::stop::{self, Running};

pub use std::process::Output;

/// How long output is awaited after the program has ended. What the program wrote is in the pipe by
/// then; only a background process that it left behind keeps the pipe open.
const DRAIN: Duration = Duration::from_secs(1);

const CHUNK: usize = 64 << 10;

/// A program to run, with a deadline and an output limit. It inherits the environment.
#[derive(Debug, Clone)]
pub struct Program {
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    stdin: Vec<u8>,
    folder: Option<PathBuf>,
    deadline: Duration,
    output_limit: u64,
}

/// Why a program could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("`{}` could not be started: {error}", .program.display())]
    Start { program: OsString, error: io::Error },
    #[error("it did not end within {} s and was stopped", .0.as_secs_f32())]
    Deadline(Duration),
    #[error("its output is longer than {0} bytes")]
    OutputLimit(u64),
    #[error("it was stopped, because there was an interruption")]
    Stopped,
}

impl Program {
    /// `program` is a path or a name to look up in `PATH`. `output_limit` is in bytes and applies to
    /// stdout and stderr separately.
    pub fn new(program: impl Into<OsString>, deadline: Duration, output_limit: u64) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            stdin: Vec::new(),
            folder: None,
            deadline,
            output_limit,
        }
    }

    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets environment variables in addition to the inherited ones.
    #[must_use]
    pub fn variables(mut self, variables: &[(&str, &str)]) -> Self {
        self.variables.extend(variables.iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// The folder to run in; by default the current one.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Runs the program to its end, whatever its exit status. Blocks.
    ///
    /// # Errors
    /// If the program cannot be started, misses its deadline, exceeds the output limit, or is stopped by
    /// [`stop_programs`](crate::stop_programs).
    pub fn run(&self) -> Result<Output, ProcessError> {
        let output = self
            .run_until_deadline()
            .map_err(|error| ProcessError::Start { program: self.program.clone(), error })?
            .ok_or(ProcessError::Deadline(self.deadline));
        if stop::is_stopped() {
            return Err(ProcessError::Stopped);
        }
        let output = output?;
        if output.stdout.len().max(output.stderr.len()) as u64 > self.output_limit {
            return Err(ProcessError::OutputLimit(self.output_limit));
        }
        Ok(output)
    }

    /// `None` if the program misses its deadline. The output may be longer than the limit.
    #[expect(clippy::disallowed_methods, reason = "the only place that starts programs")]
    fn run_until_deadline(&self) -> io::Result<Option<Output>> {
        let (stdin, mut input) = io::pipe()?;
        let (stdout, stdout_writer) = io::pipe()?;
        let (stderr, stderr_writer) = io::pipe()?;
        let mut command = duct::cmd(&self.program, &self.arguments)
            .stdin_file(stdin)
            .stdout_file(stdout_writer)
            .stderr_file(stderr_writer)
            .unchecked();
        if let Some(folder) = &self.folder {
            command = command.dir(folder);
        }
        for (name, value) in &self.variables {
            command = command.env(name, value);
        }
        #[cfg(unix)]
        {
            command = command.before_spawn(|command| {
                std::os::unix::process::CommandExt::process_group(command, 0);
                Ok(())
            });
        }
        let program = command.start()?;
        let running = Running::new(program.pids().first().copied().unwrap_or_default());
        // It holds the program's ends of the pipes, which have to end with the program.
        drop(command);
        // The threads for the pipes are not joined: a background process that the program leaves
        // behind may keep its ends open.
        let text = self.stdin.clone();
        std::thread::spawn(move || drop(input.write_all(&text)));
        let limit = self.output_limit + 1;
        let (stdout, stderr) = (chunks(stdout, limit), chunks(stderr, limit));
        let Some(ended) = program.wait_timeout(self.deadline)? else {
            program.kill()?;
            program.wait_timeout(DRAIN)?;
            return Ok(None);
        };
        let status = ended.status;
        // What the program has left behind keeps its pipes open.
        drop(running);
        Ok(Some(Output { status, stdout: drain(&stdout), stderr: drain(&stderr) }))
    }
}

/// Reads a pipe up to a limit. A program that goes on writing gets an error for the closed pipe.
fn chunks(pipe: PipeReader, limit: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    let mut pipe = pipe.take(limit);
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        loop {
            match pipe.read(&mut buffer) {
                Ok(length @ 1..) => drop(sender.send(buffer[..length].to_vec())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
    });
    receiver
}

/// What a program that has ended wrote to a pipe.
fn drain(chunks: &Receiver<Vec<u8>>) -> Vec<u8> {
    let end = Instant::now() + DRAIN;
    let mut bytes = Vec::new();
    while let Ok(chunk) = chunks.recv_timeout(end.saturating_duration_since(Instant::now())) {
        bytes.extend(chunk);
    }
    bytes
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::{TempFolder, find_program};

    fn shell(script: &str) -> Program {
        within(Duration::from_secs(60), script)
    }

    fn within(deadline: Duration, script: &str) -> Program {
        let path = find_program("sh", "/usr/bin:/bin").expect("a shell");
        Program::new(path, deadline, 1000).arguments(["-c", script, "name", "a b"])
    }

    #[test]
    fn input_reaches_the_program_and_its_output_comes_back() {
        let folder = TempFolder::new().unwrap();
        folder.write("file", "in the folder").unwrap();
        let output = shell("cat; printf '/%s/%s/' \"$1\" \"$ADDED\"; cat file; echo x >&2; exit 3")
            .variables(&[("ADDED", "variable")])
            .stdin("input")
            .folder(folder.path())
            .run()
            .unwrap();
        assert_eq!(output.status.code(), Some(3));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        assert_eq!(text(output.stdout), "input/a b/variable/in the folder");
        assert_eq!(text(output.stderr), "x\n");
    }

    #[test]
    fn long_input_that_is_not_read_blocks_nothing() {
        let output = shell("printf x").stdin(vec![b'i'; 1 << 20]).run().unwrap();
        assert!(output.status.success() && output.stdout == b"x", "{output:?}");
    }

    #[test]
    fn output_is_kept_if_a_background_process_holds_the_pipe_open() {
        let output = shell("printf x; sleep 60 & exit 0").run().unwrap();
        assert_eq!(output.stdout, b"x");
    }

    /// Whether a process whose number a script has written still runs.
    fn runs(folder: &TempFolder) -> bool {
        let number = std::fs::read_to_string(folder.path().join("number"));
        let number = number.expect("the script has written it");
        let state = std::fs::read_to_string(format!("/proc/{}/stat", number.trim()));
        state.is_ok_and(|state| !state.contains(") Z "))
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn children_end_with_their_program_however_it_ends() {
        for (script, deadline) in [("exit 0", 60), ("sleep 60", 1)] {
            let folder = TempFolder::new().unwrap();
            let script = format!("sleep 60 & echo $! > number; {script}");
            let program = within(Duration::from_secs(deadline), &script).folder(folder.path());
            assert_eq!(program.run().is_ok(), script.ends_with("exit 0"));
            shell("sleep 0.1").run().unwrap();
            assert!(!runs(&folder), "{script}");
        }
    }

    #[test]
    fn a_program_that_misses_its_deadline_is_stopped() {
        let error = within(Duration::from_millis(500), "exec sleep 60").run().unwrap_err();
        assert!(matches!(error, ProcessError::Deadline(_)), "{error}");
        assert!(error.to_string().contains("within 0.5 s"), "{error}");
    }

    #[test]
    fn output_up_to_the_limit_is_kept_and_more_is_an_error() {
        assert_eq!(shell("head -c 1000 /dev/zero").run().unwrap().stdout.len(), 1000);
        for script in ["head -c 1001 /dev/zero", "cat /dev/zero", "cat /dev/zero >&2"] {
            let error = shell(script).run().unwrap_err();
            assert!(matches!(error, ProcessError::OutputLimit(1000)), "{script}: {error}");
            assert!(error.to_string().contains("1000 bytes"), "{error}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_with_its_name() {
        let error = Program::new("/no/such/program", Duration::ZERO, 0).run().unwrap_err();
        assert!(error.to_string().contains("`/no/such/program` could not be started"), "{error}");
    }
}
