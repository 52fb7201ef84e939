//! Docker's credential helpers: programs that print credentials, `docker-credential-NAME get`.
//!
//! The server's name is passed on stdin and the credentials are read from stdout, so no secret is ever an
//! argument.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::Credentials;
use messages::Advice;
use messages::printable::printable;
use oci::Registry;
use process::{Output, Program, find_program};

/// A keychain may ask its user for permission; a program that takes longer is stopped.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Limit of each output, in bytes. Tokens have a few thousand.
pub(crate) const LONGEST: u64 = 256 << 10;

/// The name of a helper program, without a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct HelperName(String);

/// The documented output of a credential helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperOutput {
    username: Option<String>,
    secret: Option<String>,
}

impl HelperName {
    /// # Errors
    /// If the name contains anything that could change which program is started, such as a path.
    pub(crate) fn new(name: &str) -> Result<Self, Advice> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || !name.chars().all(is_word) {
            let name = printable(name);
            return Err(Advice::new(format!("`{name}` is not the name of a credential helper")));
        }
        Ok(Self(format!("docker-credential-{name}")))
    }

    /// Runs the program to get the credentials for a server; `None` if it has none. Blocks.
    ///
    /// # Errors
    /// If the program is missing, fails for another reason, runs too long, or prints anything else.
    pub(crate) fn get(
        &self,
        server: &str,
        search_path: &str,
        deadline: Duration,
    ) -> Result<Option<Credentials>, Advice> {
        let failed = |why: &str| {
            Advice::new(format!("`{self}` gave no credentials for `{server}`: {why}")).with_hint(
                "fix it, or remove it from the file that names it; environment variables take \
                 precedence over files",
            )
        };
        let path = find_program(&self.0, search_path);
        let path = path.ok_or_else(|| failed("it is not on PATH"))?;
        let program = Program::new(path, deadline, LONGEST).arguments(["get"]).stdin(server);
        let output = program.run().map_err(|error| failed(&error.to_string()))?;
        parse(&output).map_err(|why| failed(&why.message))
    }
}

/// The name under which docker stores the credentials of a registry.
pub(crate) fn server_of(host: &Registry) -> &str {
    if host.is_docker_hub() { "https://index.docker.io/v1/" } else { host.as_str() }
}

/// Reads the output of a helper. Text that may contain a secret never gets into the error.
fn parse(output: &Output) -> Result<Option<Credentials>, Advice> {
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        let either_contains =
            |words: &str| [&stdout, &stderr].iter().any(|text| text.to_lowercase().contains(words));
        // The message that docker-credential-helpers defines for this case, on stdout.
        if either_contains("credentials not found") {
            return Ok(None);
        }
        // Some programs print credentials and still fail; some print them to stderr.
        if either_contains("\"secret\"") {
            return Err(Advice::new("it failed, and its output contains credentials"));
        }
        let output = [&stderr, &stdout].map(|text| printable(text));
        let output = output.into_iter().find(|text| !text.is_empty());
        return Err(Advice::new(output.as_deref().unwrap_or("it failed without any output")));
    }
    let output: HelperOutput = serde_json::from_str(&stdout)
        .map_err(|_| Advice::new("its output is not the JSON of a credential helper"))?;
    let (username, secret) =
        (output.username.unwrap_or_default(), output.secret.unwrap_or_default());
    if secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(Credentials::from_stored(&username, &secret)))
}

impl fmt::Display for HelperName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_a_helper_is_credentials_or_nothing_or_an_error_without_secrets() {
        let output = r#"{"ServerURL":"q.io","Username":"u","Secret":"p"}"#;
        type Row<'a> = (bool, &'a str, &'a str, Result<Option<Credentials>, &'a str>);
        let table: [Row<'_>; 10] = [
            (true, output, "a warning", Ok(Some(Credentials::new("u", "p")))),
            (
                true,
                r#"{"Username":"<token>","Secret":"t"}"#,
                "",
                Ok(Some(Credentials::from_stored("<token>", "t"))),
            ),
            (true, r#"{"Username":"","Secret":""}"#, "", Ok(None)),
            (false, "credentials not found in native keychain\n", "", Ok(None)),
            (false, "", "Error: Credentials not found", Ok(None)),
            (false, "", "the keychain\n is \u{1b}[31mlocked", Err("the keychain is [31mlocked")),
            (false, "cannot reach the daemon", "", Err("cannot reach the daemon")),
            (false, r#"{"Secret":"canary"}"#, "", Err("its output contains credentials")),
            (false, "", r#"debug: {"Secret":"canary"}"#, Err("its output contains credentials")),
            (true, "canary", "", Err("not the JSON of a credential helper")),
        ];
        for (success, stdout, stderr, expected) in table {
            let program = if success { "true" } else { "false" };
            let status = Program::new(program, DEADLINE, LONGEST).run().unwrap().status;
            let output = Output { status, stdout: stdout.into(), stderr: stderr.into() };
            match (parse(&output), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{stdout}"),
                (Err(Advice { message, .. }), Err(words)) => {
                    assert!(message.contains(words) && !message.contains("canary"), "{message}");
                }
                (found, _) => panic!("{stdout} {stderr}: {found:?}"),
            }
        }
    }
}
