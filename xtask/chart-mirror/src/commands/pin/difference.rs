//! How two images with the same tag differ, judged by manifests and configs alone. Pure.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use messages::printable::printable;
use oci::ImageConfig;

/// What is compared of an image, or of an index and its image for one platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    pub platforms: BTreeSet<String>,
    /// `None` if it is not compared.
    pub image: Option<ImageDescription>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageDescription {
    /// The sum of the compressed blobs.
    pub bytes: u64,
    pub config: ImageConfig,
}

/// A property that differs. Without `old` it was added, without `new` removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImageDifference {
    pub what: Property,
    /// The name of a label.
    pub name: Option<String>,
    pub old: Option<PropertyValue>,
    pub new: Option<PropertyValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    Platform,
    Size,
    Created,
    User,
    Entrypoint,
    Cmd,
    Port,
    Env,
    Label,
}

/// The value of a property, with unprintable characters removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PropertyValue {
    Text(String),
    Bytes(u64),
    Words(Vec<String>),
}

/// Every property in which the new image differs from the old one.
pub fn differences(old: &Description, new: &Description) -> Vec<ImageDifference> {
    let mut found = Differences(Vec::new());
    found.sets(Property::Platform, &old.platforms, &new.platforms);
    let (Some(old), Some(new)) = (&old.image, &new.image) else { return found.0 };
    for ((what, old), (_, new)) in single_values(old).into_iter().zip(single_values(new)) {
        found.compare(what, None, old, new);
    }
    let (old, new) = (&old.config, &new.config);
    found.sets(Property::Port, &old.ports, &new.ports);
    found.sets(Property::Env, &old.variables, &new.variables);
    let names: BTreeSet<&String> = old.labels.keys().chain(new.labels.keys()).collect();
    for name in names {
        let label =
            |config: &ImageConfig| config.labels.get(name).cloned().map(PropertyValue::Text);
        found.compare(Property::Label, Some(name), label(old), label(new));
    }
    found.0
}

/// The properties that have at most one value.
fn single_values(image: &ImageDescription) -> [(Property, Option<PropertyValue>); 5] {
    let ImageConfig { created, user, entrypoint, cmd, .. } = &image.config;
    let user = Some(user.clone()).filter(|user| !user.is_empty());
    let words = |words: &Vec<String>| {
        Some(words.clone()).filter(|words| !words.is_empty()).map(PropertyValue::Words)
    };
    [
        (Property::Size, Some(PropertyValue::Bytes(image.bytes))),
        (Property::Created, created.clone().map(PropertyValue::Text)),
        (Property::User, user.map(PropertyValue::Text)),
        (Property::Entrypoint, words(entrypoint)),
        (Property::Cmd, words(cmd)),
    ]
}

struct Differences(Vec<ImageDifference>);

impl Differences {
    fn compare(
        &mut self,
        what: Property,
        name: Option<&str>,
        old: Option<PropertyValue>,
        new: Option<PropertyValue>,
    ) {
        if old != new {
            let [old, new] = [old, new].map(|value| value.map(PropertyValue::printable));
            self.0.push(ImageDifference { what, name: name.map(printable), old, new });
        }
    }

    fn sets(&mut self, what: Property, old: &BTreeSet<String>, new: &BTreeSet<String>) {
        let text = |text: &String| Some(PropertyValue::Text(text.clone()));
        for gone in old.difference(new) {
            self.compare(what, None, text(gone), None);
        }
        for added in new.difference(old) {
            self.compare(what, None, None, text(added));
        }
    }
}

impl PropertyValue {
    fn printable(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(printable(&text)),
            Self::Words(words) => Self::Words(words.iter().map(|word| printable(word)).collect()),
            Self::Bytes(_) => self,
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"os":"linux","architecture":"arm64","variant":"v8","created":"2024-01-01T00:00:00Z",
        "config":{"Labels":{"a":"1","b":"1"},"Entrypoint":["/run","x"],"Cmd":["serve"],"User":"1000",
        "Env":["PATH=/bin","TOKEN=secret"],"ExposedPorts":{"80/tcp":{}}},"rootfs":{},"novel":1}"#;

    fn described(config: &str) -> Description {
        let config = ImageConfig::parse(config.as_bytes()).unwrap();
        let platforms = config.platform.name().into_iter().collect();
        Description { platforms, image: Some(ImageDescription { bytes: 1000, config }) }
    }

    /// `what name: old > new`, with `-` for null.
    fn line(difference: &ImageDifference) -> String {
        let json = serde_json::to_value(difference).unwrap();
        let text = |key: &str| match &json[key] {
            serde_json::Value::Null => "-".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        format!("{} {}: {} > {}", text("what"), text("name"), text("old"), text("new"))
    }

    #[test]
    fn each_changed_property_is_reported_once_and_nothing_else() {
        let table: [(&str, &str, &[&str]); 12] = [
            ("rootfs", "rootsf", &[]),
            (
                ":\"arm64\"",
                ":\"riscv\"",
                &["platform -: linux/arm64/v8 > -", "platform -: - > linux/riscv/v8"],
            ),
            (
                "2024-01-01",
                "2024-01-02",
                &["created -: 2024-01-01T00:00:00Z > 2024-01-02T00:00:00Z"],
            ),
            (r#""a":"1""#, r#""a":"2""#, &["label a: 1 > 2"]),
            (r#""a":"1","#, r#""c":"3","#, &["label a: 1 > -", "label c: - > 3"]),
            (r#""a":"1""#, "\"a\":\"\\u001b[31m\\u202e\\n1\"", &["label a: 1 > [31m 1"]),
            (r#"["/run","x"]"#, r#"["/run x"]"#, &[r#"entrypoint -: ["/run","x"] > ["/run x"]"#]),
            (r#"["serve"]"#, "null", &[r#"cmd -: ["serve"] > -"#]),
            (r#"["serve"]"#, r#""serve""#, &[]),
            (r#""1000""#, r#""""#, &["user -: 1000 > -"]),
            ("TOKEN=secret", "KEY=geheim", &["env -: TOKEN > -", "env -: - > KEY"]),
            ("80/tcp", "8080/tcp", &["port -: 80/tcp > -", "port -: - > 8080/tcp"]),
        ];
        let old = described(CONFIG);
        for (from, to, expected) in table {
            let changed = CONFIG.replace(from, to);
            assert!(changed != CONFIG, "{from}");
            let lines: Vec<String> =
                differences(&old, &described(&changed)).iter().map(line).collect();
            assert_eq!(lines, expected, "{from} > {to}");
        }
        assert_eq!(differences(&old, &described(&CONFIG.replace("=secret", "=other"))), []);
    }

    #[test]
    fn sizes_are_compared_only_if_both_images_are_described() {
        let old = described(CONFIG);
        let mut new = old.clone();
        new.image.as_mut().unwrap().bytes = 2000;
        let lines: Vec<String> = differences(&old, &new).iter().map(line).collect();
        assert_eq!(lines, ["size -: 1000 > 2000"]);
        new.image = None;
        assert_eq!(differences(&old, &new), []);
    }
}
