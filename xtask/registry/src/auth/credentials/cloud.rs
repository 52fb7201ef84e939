//! `CloudLogin`: the command that gives a login for a registry of a cloud, and what its answer means.
//!
//! The tools of the clouds know where their users are logged in: profiles, roles, federations. None of
//! that is repeated here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Credentials;
use super::helper::LONGEST;
use crate::known::cloud::{CloudHost, EcrHost};
use messages::printable::printable;
use process::Program;

/// A command that prints a password, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloudLogin {
    program: &'static str,
    arguments: Vec<String>,
    variables: Vec<(&'static str, &'static str)>,
    username: &'static str,
    answer: AnswerForm,
    /// What the program belongs to, and how to log in there.
    tool: (&'static str, &'static str),
}

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerForm {
    Line,
    /// What `az` prints, with the token among other things.
    AccessToken,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessToken {
    access_token: String,
}

impl CloudLogin {
    /// The command for a registry, if it is one of a cloud.
    pub(crate) fn of(host: &str) -> Option<Self> {
        Some(match CloudHost::of(host)? {
            CloudHost::Ecr(host) => Self {
                variables: host.variables(),
                ..amazon(&["ecr", "get-login-password", "--region", &host.region])
            },
            // Logins for the public registry come from this region alone.
            CloudHost::EcrPublic => {
                amazon(&["ecr-public", "get-login-password", "--region", EcrHost::OF_PUBLIC])
            }
            CloudHost::Acr { name } => Self {
                program: "az",
                arguments: owned(&[
                    "acr",
                    "login",
                    "--name",
                    &name,
                    "--expose-token",
                    "--output",
                    "json",
                ]),
                variables: Vec::new(),
                // Azure's name for "whoever this token is of".
                username: "00000000-0000-0000-0000-000000000000",
                answer: AnswerForm::AccessToken,
                tool: ("the Azure CLI", "`az login`"),
            },
            CloudHost::Google => Self {
                program: "gcloud",
                arguments: owned(&["auth", "print-access-token"]),
                variables: vec![("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")],
                username: "oauth2accesstoken",
                answer: AnswerForm::Line,
                tool: ("the Google Cloud CLI", "`gcloud auth login`"),
            },
        })
    }

    pub(crate) fn program(&self) -> &'static str {
        self.program
    }

    /// Asks for the login. Blocks.
    ///
    /// # Errors
    /// When there is none to be had, with the reason. No part of a secret is in it.
    pub(crate) fn ask(&self, path: PathBuf, deadline: Duration) -> Result<Credentials, String> {
        let program = Program::new(path, deadline, LONGEST)
            .arguments(&self.arguments)
            .variables(&self.variables);
        let output = program.run().map_err(|error| error.to_string())?;
        if !output.status.success() {
            let words = printable(&String::from_utf8_lossy(&output.stderr));
            return Err(if words.is_empty() {
                "it fails without a word".to_owned()
            } else {
                words
            });
        }
        self.read(&String::from_utf8_lossy(&output.stdout))
    }

    /// What to do where the command gives no login, and why it gives none.
    pub(crate) fn advice(&self, why: &str, otherwise: &str) -> String {
        let Self { program, tool: (tool, log_in), .. } = self;
        if why.is_empty() {
            format!(
                "`{program}`, which could give a login, is not on PATH: install {tool}, and log in \
                 there by {log_in}; or {otherwise}"
            )
        } else {
            format!("{self} gives no login ({why}): log in there by {log_in}; or {otherwise}")
        }
    }

    fn read(&self, stdout: &str) -> Result<Credentials, String> {
        let password = match self.answer {
            AnswerForm::Line => stdout.trim().to_owned(),
            AnswerForm::AccessToken => {
                // What the parser says may show the text.
                let answer: AccessToken = serde_json::from_str(stdout)
                    .map_err(|_| "its answer is not JSON with an `accessToken`")?;
                answer.access_token
            }
        };
        if password.is_empty() {
            return Err("its answer is empty".to_owned());
        }
        if password.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("its answer is more than a token".to_owned());
        }
        Ok(Credentials::new(self.username, password))
    }
}

fn amazon(arguments: &[&str]) -> CloudLogin {
    CloudLogin {
        program: "aws",
        arguments: owned(arguments),
        variables: Vec::new(),
        username: "AWS",
        answer: AnswerForm::Line,
        tool: ("the AWS CLI", "`aws sso login` or `aws configure`"),
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// As one would type it.
impl fmt::Display for CloudLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`", self.program, self.arguments.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_command_and_its_user() {
        let table = [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "`aws ecr get-login-password --region eu-west-1`",
                "AWS",
            ),
            (
                "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
                "`aws ecr get-login-password --region us-east-1`",
                "AWS",
            ),
            ("public.ecr.aws", "`aws ecr-public get-login-password --region us-east-1`", "AWS"),
            (
                "mine.azurecr.io",
                "`az acr login --name mine --expose-token --output json`",
                "00000000-0000-0000-0000-000000000000",
            ),
            ("europe-docker.pkg.dev", "`gcloud auth print-access-token`", "oauth2accesstoken"),
            ("gcr.io", "`gcloud auth print-access-token`", "oauth2accesstoken"),
        ];
        for (host, command, username) in table {
            let login = CloudLogin::of(host).unwrap();
            assert_eq!((login.to_string().as_str(), login.username), (command, username));
        }
        assert_eq!(CloudLogin::of("quay.io"), None);
        let fips = CloudLogin::of("1.dkr-ecr-fips.us-east-1.on.aws").unwrap();
        let expected = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
        assert_eq!(fips.variables, expected);
    }

    #[test]
    fn an_answer_is_a_token_or_an_error_that_does_not_show_it() {
        let (line, json) = ("gcr.io", "mine.azurecr.io");
        let table = [
            (line, "t0ken\n", Ok("t0ken")),
            (line, "\n", Err("empty")),
            (line, "canary\ncanary", Err("more than a token")),
            (line, "can\u{1b}ary", Err("more than a token")),
            (json, r#"{"accessToken": "t0ken", "loginServer": "x"}"#, Ok("t0ken")),
            (json, r#"{"accessToken": ""}"#, Err("empty")),
            (json, r#"{"token": "canary"}"#, Err("not JSON with an `accessToken`")),
            (json, "canary", Err("not JSON with an `accessToken`")),
        ];
        for (host, answer, expected) in table {
            let login = CloudLogin::of(host).unwrap();
            match (login.read(answer), expected) {
                (Ok(found), Ok(token)) => {
                    assert_eq!(found, Credentials::new(login.username, token), "{answer}");
                }
                (Err(why), Err(words)) => {
                    assert!(why.contains(words) && !why.contains("canary"), "{why}");
                }
                (found, _) => panic!("{answer:?}: {found:?}"),
            }
        }
    }
}
