//! Which fields of manifests hold an image, by their keys; pure. Add a field that holds images here.

use super::words::words;
use crate::chart::image_reference::ImageReference;

/// What the value of a key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Other,
    /// `containers` of a pod, with their `image`.
    Containers,
    /// An item of `containers`.
    Container,
    /// `image` of a container: certainly a reference.
    ContainerImage,
    /// `image`, `waitImage`, `sidecar-image`: a reference, also without a tag if it is a path.
    Image,
    /// `imageName`, `imageRef`, `images`, or a variable named like an image: a reference if it has a
    /// version or a registry.
    NamedImage,
    /// `registry`, `db-repository`, `IMAGE_HUB`: may be a part of a reference.
    Repository,
    /// `args` or `command`.
    Arguments,
    /// `env`: variables with a name and a value.
    Variables,
    /// A value of a variable, or of `data` in a ConfigMap or Secret.
    Value,
}

/// Words before `image` of fields that hold no container image: `osImage`, `backgroundImage`.
const OTHER_IMAGES: [&str; 24] = [
    "ami",
    "avatar",
    "background",
    "banner",
    "base64",
    "boot",
    "cloud",
    "cover",
    "disk",
    "favicon",
    "header",
    "hero",
    "icon",
    "logo",
    "machine",
    "node",
    "os",
    "picture",
    "preview",
    "profile",
    "root",
    "splash",
    "thumbnail",
    "vm",
];
/// Values of `image` that are not references: a controller replaces `auto`, and `none` means no image.
const NO_IMAGES: [&str; 8] = ["auto", "none", "null", "nil", "true", "false", "default", "scratch"];
/// Words after `image` that leave it a reference: `imageName`, `imageRef`.
const NAME_WORDS: [&str; 9] =
    ["name", "ref", "reference", "url", "uri", "path", "repository", "source", "spec"];
const REPOSITORY_WORDS: [&str; 7] =
    ["hub", "registries", "registry", "repo", "repos", "repositories", "repository"];
/// Words beside them in keys of repositories that hold no images.
const OTHER_REPOSITORIES: [&str; 10] =
    ["apt", "chart", "charts", "code", "git", "github", "helm", "maven", "npm", "schema"];
/// Keys of an image's parts, in a map below an image key.
const PARTS_OF_IMAGE: [&str; 6] = ["name", "ref", "reference", "repository", "uri", "url"];
/// Keys of a container beside its image.
const CONTAINER_KEYS: [&str; 7] =
    ["args", "command", "env", "envFrom", "ports", "script", "volumeMounts"];
/// Keys of an image in parts.
const PARTS: [&str; 6] = ["repository", "registry", "hub", "tag", "version", "digest"];
/// The last words of variables that hold the start of several images: `IMAGE_REGISTRY`.
const STARTS: [&str; 5] = ["registry", "hub", "host", "prefix", "mirror"];
const PICTURES: [&str; 8] = [".png", ".svg", ".jpg", ".jpeg", ".gif", ".ico", ".webp", ".bmp"];

impl Field {
    /// What the value of a key is, in a map that is the value of a field itself.
    pub(super) fn of_key(self, key: &str) -> Self {
        let words = words(key);
        let Some(last) = words.last() else { return Self::Other };
        let joined = words.concat();
        match joined.as_str() {
            "containers" | "initcontainers" | "ephemeralcontainers" => return Self::Containers,
            "image" if self == Self::Container => return Self::ContainerImage,
            "env" | "envs" | "environment" | "variables" => return Self::Variables,
            _ if key.contains(char::is_whitespace) => return Self::Other,
            _ => {}
        }
        match (last.as_str(), self) {
            ("image", _) if holds_container_image(&words) => Self::Image,
            ("images", _) => Self::NamedImage,
            (part, _) if is_name_of_image(&words, part) => Self::NamedImage,
            (part, Self::Image | Self::NamedImage)
                if words.len() == 1 && PARTS_OF_IMAGE.contains(&part) =>
            {
                Self::NamedImage
            }
            ("args" | "arguments" | "argv" | "command" | "commands" | "cmd" | "flags", _) => {
                Self::Arguments
            }
            (_, Self::Arguments) => Self::Arguments,
            (_, Self::Variables) => Self::of_variable(key),
            // `images: {wait: quay.io/a/wait:1}`.
            (_, Self::NamedImage) => Self::NamedImage,
            _ if is_repository(&words) => Self::Repository,
            _ => Self::Other,
        }
    }

    /// What an item of a list is, by the field of the list.
    pub(super) fn of_items(self) -> Self {
        match self {
            Self::Containers => Self::Container,
            Self::Image | Self::ContainerImage | Self::NamedImage => Self::NamedImage,
            Self::Arguments | Self::Variables | Self::Repository => self,
            Self::Other | Self::Container | Self::Value => Self::Other,
        }
    }

    /// What the value of a variable is, or of a key in the data of a ConfigMap or Secret.
    pub(super) fn of_variable(name: &str) -> Self {
        let words = words(name);
        let is_image = words.iter().any(|word| word == "image" || word == "images");
        let is_start = words.last().is_some_and(|last| STARTS.contains(&last.as_str()));
        if is_image && !is_start && holds_container_image(&words) {
            Self::NamedImage
        } else if is_repository(&words) {
            Self::Repository
        } else {
            Self::Value
        }
    }

    /// Whether a text that is a valid reference is an image in this field.
    pub(super) fn accepts(self, reference: &ImageReference) -> bool {
        let is_versioned = reference.tag.is_some() || reference.digest.is_some();
        match self {
            Self::ContainerImage => true,
            // A bare word may be a part of a name, with its registry and tag elsewhere.
            Self::Image => {
                is_versioned || (reference.path.contains('/') && !is_picture(&reference.path))
            }
            Self::NamedImage => {
                is_versioned || (reference.registry.is_some() && !is_picture(&reference.path))
            }
            _ => false,
        }
    }

    /// Whether the field holds an image or its parts.
    pub(super) fn is_image(self) -> bool {
        matches!(self, Self::ContainerImage | Self::Image | Self::NamedImage)
    }
}

/// Whether a map is a container, wherever it stands: custom resources have them under many keys. The keys
/// of an image in parts belong to no container.
pub(super) fn is_container<'k>(keys: impl Iterator<Item = &'k str>) -> bool {
    let (mut has_image, mut has_more) = (false, false);
    for key in keys {
        has_image |= key == "image";
        has_more |= CONTAINER_KEYS.contains(&key);
        if PARTS.contains(&key) {
            return false;
        }
    }
    has_image && has_more
}

/// Whether a value of `image` obviously names no image: `auto`, or `ami-0123456789`.
pub(super) fn names_no_image(text: &str) -> bool {
    let text = text.trim();
    NO_IMAGES.iter().any(|none| text.eq_ignore_ascii_case(none)) || text.starts_with("ami-")
}

/// Whether the name of a variable, argument or key ends in a word for an image.
pub(super) fn is_named_image(name: &str) -> bool {
    matches!(Field::Other.of_key(name.trim_start_matches('-')), Field::Image | Field::NamedImage)
}

/// Whether `image` in a key stands for the image of a container: not in `osImage`.
pub(super) fn holds_container_image(words: &[String]) -> bool {
    let image = words.iter().rposition(|word| word == "image" || word == "images");
    let before = image.and_then(|image| image.checked_sub(1)).and_then(|before| words.get(before));
    before.is_none_or(|before| !OTHER_IMAGES.contains(&before.as_str()))
}

/// Whether a key names a registry or a repository, and not that of charts or source code.
fn is_repository(words: &[String]) -> bool {
    let has = |some: &[&str]| words.iter().any(|word| some.contains(&word.as_str()));
    has(&REPOSITORY_WORDS) && !has(&OTHER_REPOSITORIES)
}

fn is_name_of_image(words: &[String], last: &str) -> bool {
    let before = words.len().checked_sub(2).and_then(|before| words.get(before));
    before.is_some_and(|before| before == "image")
        && NAME_WORDS.contains(&last)
        && holds_container_image(words)
}

/// The value of `logoImage: images/logo.png` would be a valid repository.
fn is_picture(path: &str) -> bool {
    PICTURES.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_its_value_is() {
        let table = [
            ("image", Field::Image),
            ("waitImage", Field::Image),
            ("SIDECAR_IMAGE", Field::Image),
            ("proxy.image", Field::Image),
            ("baseImage", Field::Image),
            ("imageName", Field::NamedImage),
            ("imageRef", Field::NamedImage),
            ("image-url", Field::NamedImage),
            ("relatedImages", Field::NamedImage),
            ("initContainers", Field::Containers),
            ("args", Field::Arguments),
            ("extraArgs", Field::Arguments),
            ("env", Field::Variables),
            ("osImage", Field::Other),
            ("backgroundImage", Field::Other),
            ("imagePullPolicy", Field::Other),
            ("imagePullSecrets", Field::Other),
            ("imageTag", Field::Other),
            ("the image", Field::Other),
            ("dbRepository", Field::Repository),
            ("registry", Field::Repository),
            ("GIT_REPO", Field::Other),
            ("schemaRegistryUrl", Field::Other),
            ("", Field::Other),
        ];
        for (key, expected) in table {
            assert_eq!(Field::Other.of_key(key), expected, "{key}");
        }
        assert_eq!(Field::Container.of_key("image"), Field::ContainerImage);
        assert_eq!(Field::Image.of_key("reference"), Field::NamedImage);
        assert_eq!(Field::of_variable("ACME_DB_IMAGES"), Field::NamedImage);
        assert_eq!(Field::of_variable("AGENT_IMAGE_REF"), Field::NamedImage);
        assert_eq!(Field::of_variable("TOOL"), Field::Value);
        assert_eq!(Field::of_variable("TOOL_REPO_URL"), Field::Repository);
        assert_ne!(Field::of_variable("IMAGE_REGISTRY"), Field::NamedImage);
    }

    #[test]
    fn obvious_values_name_no_image() {
        for text in ["auto", "None", " true ", "ami-0a1b2c"] {
            assert!(names_no_image(text), "{text}");
        }
        assert!(!names_no_image("automatic"));
    }
}
