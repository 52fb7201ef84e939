//! Programs that give a login: docker's credential helpers, `docker-credential-NAME get`. The only
//! place that starts them.
//!
//! The server is told on stdin and the answer read from stdout, so that no secret is an argument. No
//! shell takes part, nothing is waited for without end, and no more is read than an answer can be.

use std::fmt;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde::Deserialize;

use super::Credentials;
use crate::printable::printable;

/// A keychain may ask its user; what takes longer than this does not end.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Of either output, in bytes: tokens have a few thousand.
const LONGEST: u64 = 256 << 10;
/// What a program that has ended left in its pipes is there at once, unless a child of it lives on.
const REST: Duration = Duration::from_secs(1);

/// The name of a program, without a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ProgramName(String);

/// The documented answer of a credential helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: Option<String>,
    secret: Option<String>,
}

/// What a program left behind.
struct Ended {
    success: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl ProgramName {
    /// # Errors
    /// When the name may be anything else than the end of a program's name.
    pub(crate) fn of_helper(name: &str) -> Result<Self, String> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || !name.chars().all(is_word) {
            let shown = printable(name);
            return Err(format!("`{shown}` is no name of a credential helper"));
        }
        Ok(Self(format!("docker-credential-{name}")))
    }

    /// Where it is, among the folders of a `PATH`. Relative ones do not count: what they hold depends
    /// on where the tool was started.
    pub(crate) fn find(&self, search_path: &str) -> Option<PathBuf> {
        find_program(&self.0, search_path)
    }

    /// Asks for the login at a server; `None` if the program has none. Blocks.
    ///
    /// # Errors
    /// When the program is not there, fails for another reason, does not end, or answers nonsense.
    pub(crate) fn ask(
        &self,
        server: &str,
        search_path: &str,
        deadline: Duration,
    ) -> Result<Option<Credentials>, String> {
        let Some(program) = self.find(search_path) else {
            return Err(format!(
                "`{self}` is asked for the login at `{server}`, and is not on PATH"
            ));
        };
        let failed = |why: &str| format!("`{self}` gives no login for `{server}`: {why}");
        match run(&program, server, deadline) {
            Ok(Some(ended)) => read(&ended).map_err(|why| failed(&why)),
            Ok(None) => Err(failed(&format!("no end after {} s: stopped", deadline.as_secs_f32()))),
            Err(error) => Err(failed(&format!("{} cannot be run: {error}", program.display()))),
        }
    }
}

/// Where a program is, among the folders of a `PATH`.
pub(crate) fn find_program(name: &str, search_path: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let folders = std::env::split_paths(search_path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&name)).find(|program| is_executable(program))
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

/// Runs a program to its end; `None` when it was stopped at the deadline.
#[expect(clippy::disallowed_methods, reason = "the door for programs that give a login")]
fn run(program: &Path, server: &str, deadline: Duration) -> io::Result<Option<Ended>> {
    let (stdin, mut question) = io::pipe()?;
    let (answer, stdout) = io::pipe()?;
    let (complaint, stderr) = io::pipe()?;
    // Short enough for the pipe to take all of it before anybody reads.
    question.write_all(server.as_bytes())?;
    drop(question);
    let command = duct::cmd(program, ["get"])
        .stdin_file(stdin)
        .stdout_file(stdout)
        .stderr_file(stderr)
        .unchecked();
    let running = command.start()?;
    // It holds the ends of the pipes that the program writes to.
    drop(command);
    let (answer, complaint) = (collect(answer), collect(complaint));
    let Some(output) = running.wait_timeout(deadline)? else {
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
fn collect(from: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.take(LONGEST + 1).read_to_end(&mut bytes));
        drop(sender.send(bytes));
    });
    receiver
}

/// What an answer means. What may hold a secret is never in the error.
fn read(ended: &Ended) -> Result<Option<Credentials>, String> {
    if ended.stdout.len() as u64 > LONGEST {
        return Err("its answer is too long".to_owned());
    }
    let (stdout, stderr) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    if !ended.success {
        // The words of docker-credential-helpers, which all programs use for this; on stdout.
        let says = |text: &str| text.to_lowercase().contains("credentials not found");
        if says(&stdout) || says(&stderr) {
            return Ok(None);
        }
        let is_answer = stdout.trim_start().starts_with('{');
        let words = [&stderr, &stdout]
            .into_iter()
            .enumerate()
            .filter(|(place, _)| *place == 0 || !is_answer)
            .map(|(_, text)| printable(text))
            .find(|words| !words.is_empty());
        return Err(words.unwrap_or_else(|| "it fails without a word".to_owned()));
    }
    let answer: Answer =
        serde_json::from_str(&stdout).map_err(|_| "its answer is not the JSON of a login")?;
    let (username, secret) =
        (answer.username.unwrap_or_default(), answer.secret.unwrap_or_default());
    if secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(Credentials::of_user(&username, &secret)))
}

impl fmt::Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_credential_helpers_are_logins_none_or_errors_without_secrets() {
        let login = r#"{"ServerURL":"q.io","Username":"u","Secret":"p"}"#;
        type Row<'a> = (bool, &'a str, &'a str, Result<Option<Credentials>, &'a str>);
        let table: [Row<'_>; 9] = [
            (true, login, "a warning", Ok(Some(Credentials::new("u", "p")))),
            (
                true,
                r#"{"Username":"<token>","Secret":"t"}"#,
                "",
                Ok(Some(Credentials::of_user("<token>", "t"))),
            ),
            (true, r#"{"Username":"","Secret":""}"#, "", Ok(None)),
            (false, "credentials not found in native keychain\n", "", Ok(None)),
            (false, "", "Error: Credentials not found", Ok(None)),
            (false, "", "the keychain\n is \u{1b}[31mlocked", Err("the keychain is [31mlocked")),
            (false, "cannot reach the daemon", "", Err("cannot reach the daemon")),
            (false, r#"{"Secret":"canary"}"#, "", Err("fails without a word")),
            (true, "canary", "", Err("not the JSON of a login")),
        ];
        for (success, stdout, stderr, expected) in table {
            let ended = Ended { success, stdout: stdout.into(), stderr: stderr.into() };
            match (read(&ended), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{stdout}"),
                (Err(why), Err(words)) => {
                    assert!(why.contains(words) && !why.contains("canary"), "{why}");
                }
                (found, _) => panic!("{stdout} {stderr}: {found:?}"),
            }
        }
        let endless =
            Ended { success: true, stdout: vec![b' '; LONGEST as usize + 1], stderr: Vec::new() };
        assert!(read(&endless).unwrap_err().contains("too long"));
    }
}
