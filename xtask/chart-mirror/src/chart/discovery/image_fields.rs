//! Which fields of manifests hold an image, by their keys; pure. Add a field that holds images here.

use super::words::words;
use crate::chart::image_reference::ImageReference;
use messages::secret::sounds_like_a_secret;

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
    /// `imageOverride`, `IMAGE_SERVICE`: a reference if it cannot be an address or a time.
    ImageWord,
    /// `osImage`, `backgroundImage`: a reference only with a path and a version.
    OtherImage,
    /// `db-repository`, `REPO_URL`: may be a part of a reference.
    Repository,
    /// `registry`, `IMAGE_HUB`, `imagePrefix`: the start of references.
    Registry,
    /// `args` or `command`.
    Arguments,
    /// `env`: variables with a name and a value.
    Variables,
    /// `git`, `helm`: source code or a chart.
    Source,
    /// Labels of an object, which can hold no reference.
    Labels,
    /// A value of a variable, or of `data` in a ConfigMap or Secret.
    Value,
}

/// Words before `image` of fields that hold pictures or images of machines: `osImage`, `backgroundImage`.
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
/// Words in keys beside `image` of fields that hold no reference.
const NO_NAMES: [&str; 2] = ["policy", "pull"];
/// The last words of keys of addresses and times, in which `image` is no container image.
const ADDRESS_WORDS: [&str; 15] = [
    "addr", "address", "cron", "date", "endpoint", "host", "listen", "port", "proxy", "ratio",
    "schedule", "server", "time", "timeout", "window",
];
const REGISTRY_WORDS: [&str; 3] = ["hub", "registries", "registry"];
const REPOSITORY_WORDS: [&str; 4] = ["repo", "repos", "repositories", "repository"];
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
/// The last words of keys that hold the start of several images: `IMAGE_REGISTRY`.
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
            _ if key.contains(char::is_whitespace) || self == Self::Labels => return Self::Other,
            _ => {}
        }
        let of_words = Self::of_words(&words);
        match (last.as_str(), self) {
            ("reference", Self::Image | Self::ContainerImage) if words.len() == 1 => {
                Self::ContainerImage
            }
            (part, Self::Image | Self::NamedImage)
                if words.len() == 1 && PARTS_OF_IMAGE.contains(&part) =>
            {
                Self::NamedImage
            }
            _ if of_words.is_image() => of_words,
            ("args" | "arguments" | "argv" | "command" | "commands" | "cmd" | "flags", _) => {
                Self::Arguments
            }
            (_, Self::Arguments) => Self::Arguments,
            (_, Self::Variables) => Self::of_variable(key),
            // `images: {wait: quay.io/a/wait:1}`.
            (_, Self::NamedImage) if of_words != Self::Registry => Self::NamedImage,
            // `imageVersions: {"1": "a/b:1"}`.
            (_, Self::ImageWord | Self::OtherImage) if of_words == Self::Other => Self::OtherImage,
            _ => of_words,
        }
    }

    /// What the name of a flag, a variable or a key in a text is.
    pub(super) fn of_flag(name: &str) -> Self {
        Self::Other.of_key(name.trim_start_matches('-'))
    }

    /// What the words of a key are, whatever is around it.
    fn of_words(words: &[String]) -> Self {
        let last = words.last().map_or("", String::as_str);
        let is_image = holds_container_image(words);
        match last {
            "image" if is_image => Self::Image,
            "images" if is_image => Self::NamedImage,
            "image" | "images" => Self::OtherImage,
            _ if is_name_of_image(words, last) && is_image => Self::NamedImage,
            _ if is_name_of_image(words, last) => Self::OtherImage,
            _ if names_start_of_images(words) => Self::Registry,
            _ if is_kept_in(words, &REPOSITORY_WORDS) => Self::Repository,
            _ if has_image_word(words) && is_image => Self::ImageWord,
            _ if has_image_word(words) => Self::OtherImage,
            last if OTHER_REPOSITORIES.contains(&last) => Self::Source,
            _ => Self::Other,
        }
    }

    /// What an item of a list is, by the field of the list.
    pub(super) fn of_items(self) -> Self {
        match self {
            Self::Containers => Self::Container,
            Self::Image | Self::ContainerImage | Self::NamedImage => Self::NamedImage,
            Self::Arguments | Self::Variables | Self::Repository | Self::Registry => self,
            Self::ImageWord | Self::OtherImage | Self::Source | Self::Labels => self,
            Self::Other | Self::Container | Self::Value => Self::Other,
        }
    }

    /// What the value of a variable is, or of a key in the data of a ConfigMap or Secret.
    pub(super) fn of_variable(name: &str) -> Self {
        let words = words(name);
        match Self::of_words(&words) {
            // `RELATED_IMAGE_DB`, by the convention of operators.
            Self::ImageWord if words.windows(2).any(|pair| pair == ["related", "image"]) => {
                Self::NamedImage
            }
            // A variable names an image, or a part of one.
            Self::Image => Self::NamedImage,
            Self::Other | Self::Source => Self::Value,
            field => field,
        }
    }

    /// Whether a text that is a valid reference is an image in this field.
    pub(super) fn accepts(self, reference: &ImageReference) -> bool {
        let is_versioned = reference.is_versioned();
        match self {
            Self::ContainerImage => true,
            // A bare word may be a part of a name, with its registry and tag elsewhere.
            Self::Image => {
                is_versioned || (reference.path.contains('/') && !is_picture(&reference.path))
            }
            Self::NamedImage => {
                is_versioned || (reference.registry.is_some() && !is_picture(&reference.path))
            }
            // `IMAGE_SERVICE=thumbor:80`.
            Self::ImageWord => {
                is_versioned && (reference.path.contains('/') || !may_be_address(reference))
            }
            Self::OtherImage => is_versioned && reference.path.contains('/'),
            _ => false,
        }
    }

    /// Whether the field holds an image or its parts.
    pub(super) fn is_image(self) -> bool {
        matches!(self, Self::ContainerImage | Self::Image | Self::NamedImage)
    }

    /// What the values of a text in the field are, if it is YAML.
    pub(super) fn of_embedded(self) -> Self {
        match self {
            Self::Image | Self::NamedImage => Self::NamedImage,
            Self::ImageWord | Self::OtherImage => Self::OtherImage,
            _ => Self::Other,
        }
    }

    /// Whether a text in the field may be an image.
    pub(super) fn may_be_image(self) -> bool {
        self.is_image() || matches!(self, Self::ImageWord | Self::OtherImage)
    }
}

/// Whether a map is a container, wherever it stands: custom resources have them under many keys.
pub(super) fn is_container<'k>(keys: impl Iterator<Item = &'k str> + Clone) -> bool {
    let has = |some: &[&str]| keys.clone().any(|key| some.contains(&key));
    has(&["image"]) && has(&CONTAINER_KEYS) && !has(&PARTS)
}

/// Whether a key is one of an image in parts, which belongs to no container.
pub(super) fn is_part(key: &str) -> bool {
    PARTS.contains(&key)
}

/// Whether a value of `image` obviously names no image: `auto`, or a digest alone.
pub(super) fn names_no_image(text: &str) -> bool {
    let text = text.trim();
    NO_IMAGES.iter().any(|none| text.eq_ignore_ascii_case(none)) || is_digest(text)
}

/// Whether a text is a digest or its start, which would be a reference to the repository `sha256`.
fn is_digest(text: &str) -> bool {
    let hex = ["sha256:", "sha512:"].iter().find_map(|algorithm| text.strip_prefix(algorithm));
    hex.is_some_and(|hex| hex.len() >= 7 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a text can only be the image of a machine: `ami-0123456789`, or
/// `projects/acme/global/images/family/x`.
pub(super) fn is_machine_image(text: &str) -> bool {
    let text = text.trim();
    let is_amazon = text
        .strip_prefix("ami-")
        .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit()));
    let is_google = text.contains("/global/images/") || text.starts_with("global/images/");
    is_amazon || is_google
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

/// Whether a key names a registry: `registry`, `IMAGE_PREFIX`.
fn names_start_of_images(words: &[String]) -> bool {
    let last = words.last().is_some_and(|last| STARTS.contains(&last.as_str()));
    is_kept_in(words, &REGISTRY_WORDS) || (last && words.iter().any(|word| word == "image"))
}

/// Whether a key has one of the words, and is not about charts or source code.
fn is_kept_in(words: &[String], places: &[&str]) -> bool {
    let has = |some: &[&str]| words.iter().any(|word| some.contains(&word.as_str()));
    has(places) && !has(&OTHER_REPOSITORIES)
}

/// Whether a key has a word for an image, and names neither a part of one nor an address: `image2`,
/// `IMAGE_OVERRIDE`, `workerimage`.
fn has_image_word(words: &[String]) -> bool {
    let is_image = |word: &String| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        word.ends_with("image") || word == "images" || word == "img"
    };
    let has = |some: &[&str]| words.iter().any(|word| some.contains(&word.as_str()));
    let last = words.last().map_or("", String::as_str);
    words.iter().any(is_image)
        && !has(&NO_NAMES)
        && !ADDRESS_WORDS.contains(&last)
        && !words.iter().any(|word| sounds_like_a_secret(word))
}

/// Whether a reference may be `host:port` or a time: one name, and a tag of digits.
fn may_be_address(reference: &ImageReference) -> bool {
    let is_number = |tag: &oci::Tag| tag.as_str().chars().all(|c| c.is_ascii_digit());
    reference.digest.is_none() && reference.tag.as_ref().is_some_and(is_number)
}

fn is_name_of_image(words: &[String], last: &str) -> bool {
    let before = words.len().checked_sub(2).and_then(|before| words.get(before));
    before.is_some_and(|before| before == "image") && NAME_WORDS.contains(&last)
}

/// The value of `logoImage: images/logo.png` would be a valid repository.
pub(super) fn is_picture(path: &str) -> bool {
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
            ("osImage", Field::OtherImage),
            ("backgroundImage", Field::OtherImage),
            ("nodeImageName", Field::OtherImage),
            ("imageOverride", Field::ImageWord),
            ("image2", Field::ImageWord),
            ("workerimage", Field::ImageWord),
            ("IMG", Field::ImageWord),
            ("imageServiceAddress", Field::Other),
            ("imagePullCredentials", Field::Other),
            ("IMAGE_AUTH", Field::Other),
            ("imagePullPolicy", Field::Other),
            ("imagePullSecrets", Field::Other),
            ("the image", Field::Other),
            ("dbRepository", Field::Repository),
            ("registry", Field::Registry),
            ("imagePrefix", Field::Registry),
            ("IMAGE_MIRROR", Field::Registry),
            ("GIT_REPO", Field::Other),
            ("schemaRegistryUrl", Field::Other),
            ("", Field::Other),
        ];
        for (key, expected) in table {
            assert_eq!(Field::Other.of_key(key), expected, "{key}");
        }
        assert_eq!(Field::Container.of_key("image"), Field::ContainerImage);
        assert_eq!(Field::Image.of_key("reference"), Field::ContainerImage);
        assert_eq!(Field::Image.of_key("ref"), Field::NamedImage);
        assert_eq!(Field::of_variable("RELATED_IMAGE_DB"), Field::NamedImage);
        assert_eq!(Field::of_variable("ACME_DB_IMAGES"), Field::NamedImage);
        assert_eq!(Field::of_variable("AGENT_IMAGE_REF"), Field::NamedImage);
        assert_eq!(Field::of_variable("TOOL"), Field::Value);
        assert_eq!(Field::of_variable("TOOL_REPO_URL"), Field::Repository);
        assert_eq!(Field::of_variable("IMAGE_REGISTRY"), Field::Registry);
    }

    #[test]
    fn obvious_values_name_no_image() {
        for text in ["auto", "None", " true ", "sha256:0123456789ab"] {
            assert!(names_no_image(text), "{text}");
        }
        for text in ["automatic", "sha256:v1", "a/sha256:0123456789ab"] {
            assert!(!names_no_image(text), "{text}");
        }
        for text in ["ami-0a1b2c", "projects/debian-cloud/global/images/family/debian-12"] {
            assert!(is_machine_image(text), "{text}");
        }
        for text in ["ami-tools/exporter:1", "ami-tools", "projects/images/x", "ami-"] {
            assert!(!is_machine_image(text), "{text}");
        }
    }

    #[test]
    fn a_less_certain_key_needs_a_more_certain_reference() {
        let table = [
            ("IMAGE_OVERRIDE", "a/b:1", true),
            ("IMAGE_OVERRIDE", "nginx:1.25", true),
            ("IMAGE_OVERRIDE", "a/b", false),
            ("IMAGE_SERVICE", "imgproxy:8080", false),
            ("IMAGE_SCAN", "03:00", false),
            ("IMAGE_SCAN", "a/b:80", true),
            ("OS_IMAGE", "calico/node:v3", true),
            ("OS_IMAGE", "ubuntu:22.04", false),
            ("OS_IMAGE", "a/b", false),
            ("X_IMAGE", "redis:7", true),
        ];
        for (key, text, expected) in table {
            let accepts = Field::of_variable(key).accepts(&text.parse().unwrap());
            assert_eq!(accepts, expected, "{key}={text}");
        }
    }
}
