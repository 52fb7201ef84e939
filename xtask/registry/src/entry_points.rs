//! The entry points of fuzzing to what is not public: foreign text in any form, and what must hold of the result.
//! `tests/fuzz` calls them without end, and the tests here a bounded number of times.

use std::path::Path;

use oci::Registry;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use crate::auth::challenge::{Scheme, is_about_invalid_token};
use crate::auth::credentials::auth_file::AuthFile;
use crate::auth::credentials::candidate::CredentialSource;
use crate::auth::realm::TokenServerTrust;

/// Lines are `WWW-Authenticate` headers of a 401. A token server never gets credentials without TLS, or those of
/// another owner.
pub fn challenges(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
    is_about_invalid_token(&headers);
    let Ok(host) = Url::parse("https://registry.example.com/") else { return };
    for declared in [None, Some("auth.example.org")] {
        let Ok(Scheme::Bearer(realm)) = Scheme::choose(&headers, &host, declared) else { continue };
        assert_eq!(realm.url.scheme(), "https", "{realm:?}");
        if realm.trust == TokenServerTrust::Credentials {
            let server = realm.url.host_str().unwrap_or_default();
            let is_own = server == "example.com" || server.ends_with(".example.com");
            assert!(is_own || declared == Some(server), "{realm:?}");
        }
    }
}

/// A file of `docker login` or `podman login`. Errors do not quote it, because it holds secrets, and a helper is
/// a program without a path.
pub fn docker_configs(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = match AuthFile::parse(Path::new("config.json"), text) {
        Ok(file) => file,
        Err(advice) => {
            assert!(advice.to_string().len() < 300, "{advice}");
            return;
        }
    };
    for host in ["docker.io", "quay.io", "registry.example.com:5000"] {
        let Ok(host) = host.parse::<Registry>() else { continue };
        for repository in [None, Some("team"), Some("team/app")] {
            for candidate in file.candidates(&host, repository) {
                if let CredentialSource::Helper(name) = &candidate.source {
                    let name = name.to_string();
                    assert!(!name.contains(['/', '\\', ' ', '\0']), "{name}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of a grammar in any order, and anything else between them.
    fn pieces(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => prop::sample::select(parts).prop_map(str::to_owned),
            1 => ".{0,6}",
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    const OF_CHALLENGES: &[&str] = &[
        "Bearer ",
        "Basic ",
        "realm=",
        "service=",
        "error=",
        "scope=",
        "\"",
        ",",
        " ",
        "\\",
        "=",
        "\n",
        "\"https://auth.example.com/token\"",
        "\"https://auth.example.org/\"",
        "http://",
        "https://",
        "registry.example.com",
        "evil.example",
        "@",
        ":",
        "//",
        "/token",
        "?",
        "#",
        "invalid_token",
    ];

    const OF_CONFIGS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "null",
        "\"auths\":{",
        "\"credHelpers\":{",
        "\"credsStore\":",
        "\"auth\":\"dTpw\"",
        "\"quay.io\"",
        "\"https://index.docker.io/v1/\"",
        "\"docker.io/team\"",
        "\"identitytoken\":\"x\"",
        "\"username\":\"u\"",
        "\"desktop\"",
        "\"../x\"",
        "{}",
    ];

    #[test]
    fn every_example_keeps_the_rules() {
        type EntryPoint = fn(&[u8]);
        let entry_points: [(&str, EntryPoint); 2] =
            [("challenges", challenges), ("docker_configs", docker_configs)];
        for (name, entry_point) in entry_points {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/fuzz");
            let files: Vec<_> = std::fs::read_dir(folder.join(name)).unwrap().collect();
            assert!(!files.is_empty(), "{name}");
            for file in files {
                entry_point(&std::fs::read(file.unwrap().path()).unwrap());
            }
        }
    }

    proptest! {
        #[test]
        fn no_challenge_breaks_the_rules(header in pieces(OF_CHALLENGES)) {
            challenges(header.as_bytes());
        }

        #[test]
        fn no_file_of_credentials_breaks_the_rules(text in pieces(OF_CONFIGS)) {
            docker_configs(text.as_bytes());
        }
    }
}
