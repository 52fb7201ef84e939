//! `CloudCli`: the command of a cloud's own tool that prints credentials for its registry.
//!
//! These tools know how their users are authenticated (profiles, roles, federation), and none of that
//! is repeated here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Credentials;
use super::helper::LONGEST;
use crate::known::cloud::{CloudHost, EcrHost};
use messages::Advice;
use messages::printable::printable;
use oci::Registry;
use process::Program;

/// A command that prints a password, and the user name that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloudCli {
    /// The program and its arguments, which contain no spaces.
    command: String,
    variables: Vec<(&'static str, &'static str)>,
    username: &'static str,
    output: OutputFormat,
    /// The product's name, and the command that authenticates its user.
    product: &'static str,
    sign_in: &'static str,
}

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputFormat {
    /// The password on a line.
    Line,
    /// The JSON of `az`, with the password as `accessToken`.
    AccessToken,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessToken {
    access_token: String,
}

impl CloudCli {
    /// The command for a registry, if a cloud runs it.
    pub(crate) fn of(host: &Registry) -> Option<Self> {
        Some(match CloudHost::of(host.as_str())? {
            CloudHost::Ecr(host) => {
                Self { variables: host.variables(), ..amazon("ecr", &host.region) }
            }
            // Only this region issues credentials for the public registry.
            CloudHost::EcrPublic => amazon("ecr-public", EcrHost::OF_PUBLIC),
            CloudHost::Acr { name } => Self {
                command: format!("az acr login --name {name} --expose-token --output json"),
                variables: Vec::new(),
                // Azure's placeholder for the owner of the token.
                username: "00000000-0000-0000-0000-000000000000",
                output: OutputFormat::AccessToken,
                product: "the Azure CLI",
                sign_in: "`az login`",
            },
            CloudHost::Google => Self {
                command: "gcloud auth print-access-token".to_owned(),
                variables: vec![("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")],
                username: "oauth2accesstoken",
                output: OutputFormat::Line,
                product: "the Google Cloud CLI",
                sign_in: "`gcloud auth login`",
            },
        })
    }

    pub(crate) fn program(&self) -> &str {
        self.command.split(' ').next().unwrap_or_default()
    }

    /// Runs the command. Blocks.
    ///
    /// # Errors
    /// If it prints no credentials. The reason never contains a secret.
    pub(crate) fn get(&self, path: PathBuf, deadline: Duration) -> Result<Credentials, Advice> {
        let program = Program::new(path, deadline, LONGEST)
            .arguments(self.command.split(' ').skip(1))
            .variables(&self.variables);
        let output = program.run().map_err(|error| Advice::new(error.to_string()))?;
        if !output.status.success() {
            let reason = printable(&String::from_utf8_lossy(&output.stderr));
            return Err(Advice::new(match reason.as_str() {
                "" => "it failed without any output",
                reason => reason,
            }));
        }
        self.parse(&String::from_utf8_lossy(&output.stdout))
    }

    /// The hint if the program is not installed. `alternative` is another way to get credentials.
    pub(crate) fn hint_to_install(&self, alternative: &str) -> String {
        let (program, Self { product, sign_in, .. }) = (self.program(), self);
        format!(
            "`{program}`, which can provide credentials, is not on PATH: install {product} and run \
             {sign_in}; or {alternative}"
        )
    }

    /// The hint if the command printed no credentials.
    pub(crate) fn hint_to_sign_in(&self, reason: &Advice, alternative: &str) -> String {
        let (sign_in, reason) = (self.sign_in, &reason.message);
        format!("{self} gave no credentials ({reason}): run {sign_in}, or {alternative}")
    }

    fn parse(&self, stdout: &str) -> Result<Credentials, Advice> {
        let password = match self.output {
            OutputFormat::Line => stdout.trim().to_owned(),
            OutputFormat::AccessToken => {
                // The parser's message may contain a part of the text.
                let parsed: AccessToken = serde_json::from_str(stdout)
                    .map_err(|_| Advice::new("its output is not JSON with an `accessToken`"))?;
                parsed.access_token
            }
        };
        if password.is_empty() {
            return Err(Advice::new("its output is empty"));
        }
        if password.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Advice::new("its output is more than a token"));
        }
        Ok(Credentials::new(self.username, password))
    }
}

fn amazon(service: &str, region: &str) -> CloudCli {
    CloudCli {
        command: format!("aws {service} get-login-password --region {region}"),
        variables: Vec::new(),
        username: "AWS",
        output: OutputFormat::Line,
        product: "the AWS CLI",
        sign_in: "`aws sso login` or `aws configure`",
    }
}

/// The command line, in backticks.
impl fmt::Display for CloudCli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli(host: &str) -> Option<CloudCli> {
        CloudCli::of(&host.parse().unwrap())
    }

    #[test]
    fn each_cloud_has_a_command_and_a_user_name() {
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
            let cli = cli(host).unwrap();
            assert_eq!((cli.to_string().as_str(), cli.username), (command, username));
        }
        assert_eq!(cli("quay.io"), None);
        let fips = cli("1.dkr-ecr-fips.us-east-1.on.aws").unwrap();
        let expected = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
        assert_eq!(fips.variables, expected);
    }

    #[test]
    fn output_is_a_token_or_an_error_that_does_not_contain_it() {
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
        for (host, output, expected) in table {
            let cli = cli(host).unwrap();
            match (cli.parse(output), expected) {
                (Ok(found), Ok(token)) => {
                    assert_eq!(found, Credentials::new(cli.username, token), "{output}");
                }
                (Err(Advice { message, .. }), Err(words)) => {
                    assert!(message.contains(words) && !message.contains("canary"), "{message}");
                }
                (found, _) => panic!("{output:?}: {found:?}"),
            }
        }
    }
}
