//! The challenges of a 401 (RFC 9110, section 11.6.1), and the choice among them. `realm` decides whether
//! the token server that a challenge names is trusted.

use messages::Advice;
use messages::printable::printable;
use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use super::realm::Realm;

const OTHER_SCHEME: &str =
    "ask for an address of the registry, or an account, that accepts a user and a password";
/// Credentials are sent only as a challenge asks for them.
const NO_CHALLENGE: &str = "check that this is the address of a container registry, and that a proxy in front of it \
    passes on `WWW-Authenticate`";

/// The authentication scheme of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The host has not sent a challenge yet: requests go out without credentials.
    Unknown,
    Basic,
    Bearer(Realm),
}

impl Scheme {
    /// Chooses among all challenges of a response; Bearer comes first. `declared` is the token server
    /// that images.toml names, as `host[:port]`.
    ///
    /// # Errors
    /// If none of the challenges can be used.
    pub(crate) fn choose(
        headers: &HeaderMap,
        host: &Url,
        declared: Option<&str>,
    ) -> Result<Self, Advice> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let challenges: Vec<_> = values.flat_map(|value| challenges(&value)).collect();
        let named = |scheme: &str| {
            challenges.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
        };
        if let Some(challenge) = named("bearer") {
            let realm = challenge.parameter("realm").ok_or("the challenge has no realm")?;
            let service = challenge.parameter("service");
            return Realm::new(realm, service, host, declared).map(Self::Bearer);
        }
        if named("basic").is_some() {
            return Ok(Self::Basic);
        }
        let others: Vec<String> =
            challenges.iter().take(3).map(|challenge| printable(&challenge.scheme)).collect();
        if !others.is_empty() {
            let schemes = others.join(" or ");
            let why = format!("the registry requires {schemes}, which is neither Basic nor Bearer");
            return Err(Advice::new(why).with_hint(OTHER_SCHEME));
        }
        let why = match headers.contains_key(WWW_AUTHENTICATE) {
            true => "the registry sent a challenge without a scheme",
            false => "the registry sent no challenge",
        };
        Err(Advice::new(why).with_hint(NO_CHALLENGE))
    }
}

/// Whether a 401 is about the token itself and not about what it grants (RFC 6750, section 3.1).
pub(crate) fn is_about_invalid_token(headers: &HeaderMap) -> bool {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut challenges = values.flat_map(|value| challenges(&value));
    challenges.any(|challenge| challenge.parameter("error") == Some("invalid_token"))
}

#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Parses a header. Registries forget quotes and commas, so it accepts whatever it can make sense of.
fn challenges(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.is_empty() {
            return challenges;
        }
        let end = rest.find(|c: char| c == '=' || c == ',' || c.is_whitespace());
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        let value = after.trim_start().strip_prefix('=');
        match (value, challenges.last_mut()) {
            (Some(value), Some(challenge)) => {
                let (value, after) = read_value(value.trim_start());
                challenge.parameters.push((word.to_owned(), value));
                rest = after;
            }
            // A parameter before the first scheme belongs to no challenge.
            (Some(value), None) => rest = read_value(value.trim_start()).1,
            (None, _) => {
                challenges.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
                rest = after;
            }
        }
    }
}

/// A quoted or bare value at the start of a text, and the rest of the text.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[index + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().unwrap())).collect()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn challenges_are_parsed_as_registries_send_them() {
        let host = url("https://registry-1.docker.io/v2/");
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#;
        let table: [(&[&str], &str); 15] = [
            (&[hub], "https://auth.docker.io/token service=registry.docker.io"),
            (
                &[r#"Basic realm="x", Bearer realm="https://auth.docker.io/token""#],
                "https://auth.docker.io/token",
            ),
            (
                &[r#"Bearer realm="https://auth.docker.io/token", Basic realm="x""#],
                "https://auth.docker.io/token",
            ),
            (
                &[r#"Basic realm="x""#, r#"bearer realm="/token""#],
                "https://registry-1.docker.io/token",
            ),
            (&[r#"Bearer realm=https://auth.docker.io/token,service=x"#], "token service=x"),
            (&[r#"Bearer realm = "/t" service='x'"#], "https://registry-1.docker.io/t service='x'"),
            (&[r#"Bearer service="a \"b\", c",realm="/t""#], r#"/t service=a "b", c"#),
            (&[r#"BEARER Realm="/t",,scope="a:b,c",error="invalid_token""#], "/t"),
            (&[r#"Bearer realm="/t"#], "https://registry-1.docker.io/t"),
            (&[r#"Negotiate YII==, Basic realm="ECR""#], "basic"),
            (&[r#"Bearer realm="http://evil.example/token""#], "not https"),
            (&[r#"Bearer service="x""#], "has no realm"),
            (&[r#"Negotiate"#], "requires Negotiate, which is neither Basic nor Bearer"),
            (&[r#"NTLM, Negotiate"#], "requires NTLM or Negotiate"),
            (&[], "no challenge"),
        ];
        for (values, expected) in table {
            let found = match Scheme::choose(&headers(values), &host, None) {
                Ok(Scheme::Bearer(Realm { url, service, .. })) => match service {
                    Some(service) => format!("{url} service={service}"),
                    None => url.to_string(),
                },
                Ok(Scheme::Basic) => "basic".to_owned(),
                Ok(Scheme::Unknown) => "unknown".to_owned(),
                Err(why) => why.message,
            };
            assert!(found.contains(expected), "{values:?}: {found}");
        }
    }

    #[test]
    fn a_challenge_tells_an_invalid_token_from_one_that_grants_too_little() {
        for (error, expected) in [
            (r#",error="invalid_token""#, true),
            (r#",error="insufficient_scope""#, false),
            ("", false),
        ] {
            let value = format!(r#"Bearer realm="/t",service="x"{error}"#);
            assert_eq!(is_about_invalid_token(&headers(&[&value])), expected, "{error}");
        }
    }

    #[test]
    fn the_challenge_of_each_known_registry_is_parsed() {
        type Row<'a> = (&'a str, &'a [&'a str], &'a str);
        // Their responses to `GET /v2/`.
        let table: [Row<'_>; 12] = [
            (
                "https://registry-1.docker.io/",
                &[r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#],
                "https://auth.docker.io/token registry.docker.io Credentials",
            ),
            (
                "https://quay.io/",
                &[r#"Bearer realm="https://quay.io/v2/auth",service="quay.io""#],
                "https://quay.io/v2/auth quay.io Credentials",
            ),
            (
                "https://ghcr.io/",
                &[
                    r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#,
                ],
                "https://ghcr.io/token ghcr.io Credentials",
            ),
            (
                "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",
                &[
                    r#"Basic realm="https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#,
                ],
                "basic",
            ),
            (
                "https://public.ecr.aws/",
                &[
                    r#"Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws""#,
                ],
                "https://public.ecr.aws/token/ public.ecr.aws Credentials",
            ),
            (
                "https://europe-docker.pkg.dev/",
                &[
                    r#"Bearer realm="https://europe-docker.pkg.dev/v2/token",service="europe-docker.pkg.dev""#,
                ],
                "https://europe-docker.pkg.dev/v2/token europe-docker.pkg.dev Credentials",
            ),
            (
                "https://mine.azurecr.io/",
                &[
                    r#"Bearer realm="https://mine.azurecr.io/oauth2/token",service="mine.azurecr.io""#,
                ],
                "https://mine.azurecr.io/oauth2/token mine.azurecr.io Credentials",
            ),
            (
                "https://registry.gitlab.com/",
                &[r#"Bearer realm="https://gitlab.com/jwt/auth",service="container_registry""#],
                "https://gitlab.com/jwt/auth container_registry Credentials",
            ),
            (
                "https://harbor.example.com/",
                &[
                    r#"Bearer realm="https://harbor.example.com/service/token",service="harbor-registry""#,
                ],
                "https://harbor.example.com/service/token harbor-registry Credentials",
            ),
            (
                "https://mine.jfrog.io/",
                &[
                    r#"Bearer realm="https://mine.jfrog.io/artifactory/api/docker/docker/v2/token",service="mine.jfrog.io""#,
                ],
                "https://mine.jfrog.io/artifactory/api/docker/docker/v2/token mine.jfrog.io Credentials",
            ),
            (
                "https://nexus.example.com/",
                &[r#"BASIC realm="Sonatype Nexus Repository Manager""#],
                "basic",
            ),
            (
                "https://nvcr.io/",
                &[
                    r#"Bearer realm="https://nvcr.io/proxy_auth",scope="repository:library:pull,push""#,
                ],
                "https://nvcr.io/proxy_auth - Credentials",
            ),
        ];
        for (host, values, expected) in table {
            let found = match Scheme::choose(&headers(values), &url(host), None).unwrap() {
                Scheme::Bearer(Realm { url, service, trust }) => {
                    format!("{url} {} {trust:?}", service.as_deref().unwrap_or("-"))
                }
                scheme => format!("{scheme:?}").to_lowercase(),
            };
            assert_eq!(found, expected, "{host}");
        }
    }

    proptest! {
        #[test]
        fn well_formed_headers_are_parsed_like_http_auth_parses_them(
            schemes in proptest::collection::vec("[A-Za-z]{1,8}", 1..4),
            parameters in proptest::collection::vec(("[a-z]{1,8}", "[ -~]{0,12}"), 1..4),
        ) {
            let quoted = |(key, value): &(String, String)| {
                let value = value.replace('\\', r"\\").replace('"', "\\\"");
                format!("{key}=\"{value}\"")
            };
            let list = parameters.iter().map(quoted).collect::<Vec<_>>().join(", ");
            let header = schemes.iter().map(|scheme| format!("{scheme} {list}"));
            let header = header.collect::<Vec<_>>().join(", ");
            let ours = challenges(&header);
            let theirs = http_auth::parse_challenges(&header).unwrap();
            prop_assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(theirs) {
                prop_assert_eq!(ours.scheme.as_str(), theirs.scheme);
                let theirs: Vec<_> = theirs.params.iter()
                    .map(|(key, value)| ((*key).to_owned(), value.to_unescaped())).collect();
                prop_assert_eq!(&ours.parameters, &theirs);
            }
        }

        #[test]
        fn any_header_is_parsed_to_its_end(header in "\\PC*") {
            challenges(&header);
        }
    }
}
