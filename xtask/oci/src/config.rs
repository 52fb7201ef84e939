//! `ImageConfig`: the config of an image (image-spec `config.md`), also in Docker's format.

use std::collections::{BTreeMap, BTreeSet};

use oci_distribution::manifest::{IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::platform::DeclaredPlatform;

/// The media types of image configs. Charts, signatures and other artifacts have other configs.
pub const IMAGE_CONFIG_MEDIA_TYPES: [&str; 2] =
    [IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE];

/// The largest config worth fetching, in bytes. Real ones have some kilobytes.
pub const LARGEST_CONFIG: usize = 4 << 20;

/// What an image declares about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    pub platform: DeclaredPlatform,
    pub created: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub user: String,
    /// The names of environment variables. Their values may be secrets.
    pub variables: BTreeSet<String>,
    pub ports: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(flatten)]
    platform: DeclaredPlatform,
    created: Option<String>,
    config: Option<Process>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Process {
    labels: Option<BTreeMap<String, String>>,
    entrypoint: Option<Words>,
    cmd: Option<Words>,
    user: Option<String>,
    env: Option<Vec<String>>,
    exposed_ports: Option<BTreeMap<String, IgnoredAny>>,
}

/// Old tools wrote a single word without brackets.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Several(Vec<String>),
}

impl ImageConfig {
    /// Parses a config.
    ///
    /// # Errors
    /// If the bytes are not the config of an image.
    pub fn parse(config: &[u8]) -> serde_json::Result<Self> {
        let document: Document = serde_json::from_slice(config)?;
        let process = document.config.unwrap_or_default();
        let name = |variable: String| match variable.split_once('=') {
            Some((name, _)) => name.to_owned(),
            None => variable,
        };
        Ok(Self {
            platform: document.platform,
            created: document.created,
            labels: process.labels.unwrap_or_default(),
            entrypoint: process.entrypoint.map(Words::list).unwrap_or_default(),
            cmd: process.cmd.map(Words::list).unwrap_or_default(),
            user: process.user.unwrap_or_default(),
            variables: process.env.unwrap_or_default().into_iter().map(name).collect(),
            ports: process.exposed_ports.unwrap_or_default().into_keys().collect(),
        })
    }
}

impl Words {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word],
            Self::Several(words) => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_may_be_empty_but_must_be_an_object() {
        let empty = ImageConfig::parse(b"{}").unwrap();
        assert_eq!(empty, ImageConfig::default());
        let nulls =
            br#"{"config":{"Labels":null,"Env":null,"Entrypoint":null,"ExposedPorts":null}}"#;
        assert_eq!(ImageConfig::parse(nulls).unwrap(), empty);
        for bad in ["", "[]", "<html>", r#"{"config":{"Labels":{"a":1}}}"#] {
            assert!(ImageConfig::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_values_of_variables_are_dropped_and_a_single_word_is_a_list() {
        let config = br#"{"os":"linux","architecture":"arm64","variant":"v8","novel":1,
            "config":{"Cmd":"serve","Env":["PATH=/bin","TOKEN=secret","BARE"],"ExposedPorts":{"80/tcp":{}}}}"#;
        let config = ImageConfig::parse(config).unwrap();
        assert_eq!(config.platform.name().as_deref(), Some("linux/arm64/v8"));
        assert_eq!(config.cmd, ["serve"]);
        assert_eq!(Vec::from_iter(&config.variables), ["BARE", "PATH", "TOKEN"]);
        assert_eq!(Vec::from_iter(&config.ports), ["80/tcp"]);
    }
}
