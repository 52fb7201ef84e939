//! Programs that give a login: docker's credential helpers, `docker-credential-NAME get`.
//!
//! The server is told on stdin and the answer read from stdout, so that no secret is an argument.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Credentials;
use messages::printable::printable;
use process::{Output, Program, find_program};

/// A keychain may ask its user; what takes longer than this does not end.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Of either output, in bytes: tokens have a few thousand.
pub(crate) const LONGEST: u64 = 256 << 10;

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
        let program = Program::new(program, deadline, LONGEST).arguments(["get"]).stdin(server);
        let output = program.run().map_err(|error| failed(&error.to_string()))?;
        read(&output).map_err(|why| failed(&why))
    }
}

/// What an answer means. What may hold a secret is never in the error.
fn read(output: &Output) -> Result<Option<Credentials>, String> {
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        // The words of docker-credential-helpers, which all programs use for this; on stdout.
        let says = |text: &str| text.to_lowercase().contains("credentials not found");
        if says(&stdout) || says(&stderr) {
            return Ok(None);
        }
        // Some programs print the answer and fail all the same, some tell it to stderr.
        let holds_login = |text: &str| text.to_lowercase().contains("\"secret\"");
        if holds_login(&stdout) || holds_login(&stderr) {
            return Err("it fails, and what it says holds a login".to_owned());
        }
        let words = [&stderr, &stdout].map(|text| printable(text));
        let words = words.into_iter().find(|words| !words.is_empty());
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
        let table: [Row<'_>; 10] = [
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
            (false, r#"{"Secret":"canary"}"#, "", Err("what it says holds a login")),
            (false, "", r#"debug: {"Secret":"canary"}"#, Err("what it says holds a login")),
            (true, "canary", "", Err("not the JSON of a login")),
        ];
        for (success, stdout, stderr, expected) in table {
            let program = if success { "true" } else { "false" };
            let status = Program::new(program, DEADLINE, LONGEST).run().unwrap().status;
            let output = Output { status, stdout: stdout.into(), stderr: stderr.into() };
            match (read(&output), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{stdout}"),
                (Err(why), Err(words)) => {
                    assert!(why.contains(words) && !why.contains("canary"), "{why}");
                }
                (found, _) => panic!("{stdout} {stderr}: {found:?}"),
            }
        }
    }
}
