//! `CloudCli`: the command of a cloud's own tool that prints credentials for its registry.
//!
//! These tools know how their users are authenticated (profiles, roles, federation), and none of that
//! is repeated here.

use std::fmt;
use std::time::Duration;

use super::Credentials;
use super::helper::LONGEST;
use crate::known::cloud::{CloudHost, EcrHost};
use messages::Advice;
use messages::printable::printable;
use oci::Registry;
use process::{Program, find_program};

/// A command that prints a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloudCli {
    /// The program and its arguments, which contain no spaces.
    command: String,
    variables: Vec<(&'static str, &'static str)>,
    tool: &'static Tool,
}

/// The tool of a cloud.
#[derive(Debug, PartialEq, Eq)]
struct Tool {
    /// The user name that belongs to the password.
    username: &'static str,
    /// The product's name, and the command that authenticates its user.
    product: &'static str,
    sign_in: &'static str,
}

const AWS: Tool =
    Tool { username: "AWS", product: "the AWS CLI", sign_in: "`aws sso login` or `aws configure`" };
const AZURE: Tool = Tool {
    // Azure's placeholder for the owner of the token.
    username: "00000000-0000-0000-0000-000000000000",
    product: "the Azure CLI",
    sign_in: "`az login`",
};
const GOOGLE: Tool = Tool {
    username: "oauth2accesstoken",
    product: "the Google Cloud CLI",
    sign_in: "`gcloud auth login`",
};

impl CloudCli {
    /// The command for a registry, if a cloud runs it.
    pub(crate) fn of(host: &Registry) -> Option<Self> {
        let aws = |service: &str, region: &str| {
            format!("aws {service} get-login-password --region {region}")
        };
        let (command, variables, tool) = match CloudHost::of(host.as_str())? {
            CloudHost::Ecr(host) => (aws("ecr", &host.region), host.variables(), &AWS),
            // Only this region issues credentials for the public registry.
            CloudHost::EcrPublic => (aws("ecr-public", EcrHost::OF_PUBLIC), Vec::new(), &AWS),
            CloudHost::Acr { name } => {
                let command = format!("az acr login --name {name} --expose-token --output json");
                (command, Vec::new(), &AZURE)
            }
            CloudHost::Google => {
                let variables = vec![("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")];
                ("gcloud auth print-access-token".to_owned(), variables, &GOOGLE)
            }
        };
        Some(Self { command, variables, tool })
    }

    pub(crate) fn program(&self) -> &str {
        self.command.split(' ').next().unwrap_or_default()
    }

    /// Runs the command. Blocks.
    ///
    /// # Errors
    /// If it prints no credentials. The reason never contains a secret.
    pub(crate) fn get(&self, search_path: &str, deadline: Duration) -> Result<Credentials, Advice> {
        let missing = || Advice::new(format!("`{}` is not on PATH", self.program()));
        let path = find_program(self.program(), search_path).ok_or_else(missing)?;
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
        let (program, Tool { product, sign_in, .. }) = (self.program(), self.tool);
        format!(
            "`{program}`, which can provide credentials, is not on PATH: install {product} and run \
             {sign_in}; or {alternative}"
        )
    }

    /// The hint if the command printed no credentials.
    pub(crate) fn hint_to_sign_in(&self, reason: &Advice, alternative: &str) -> String {
        let (sign_in, reason) = (self.tool.sign_in, &reason.message);
        format!("{self} gave no credentials ({reason}): run {sign_in}, or {alternative}")
    }

    fn parse(&self, stdout: &str) -> Result<Credentials, Advice> {
        let password = if *self.tool == AZURE {
            let output = serde_json::from_str::<serde_json::Value>(stdout).ok();
            let token = output.as_ref().and_then(|output| output["accessToken"].as_str());
            // The parser's message may contain a part of the text.
            token.ok_or("its output is not JSON with an `accessToken`")?.to_owned()
        } else {
            stdout.trim().to_owned()
        };
        if password.is_empty() {
            return Err(Advice::new("its output is empty"));
        }
        if password.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Advice::new("its output is more than a token"));
        }
        Ok(Credentials::new(self.tool.username, password))
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
            assert_eq!((cli.to_string().as_str(), cli.tool.username), (command, username));
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
                    assert_eq!(found, Credentials::new(cli.tool.username, token), "{output}");
                }
                (Err(Advice { message, .. }), Err(words)) => {
                    assert!(message.contains(words) && !message.contains("canary"), "{message}");
                }
                (found, _) => panic!("{output:?}: {found:?}"),
            }
        }
    }
}
