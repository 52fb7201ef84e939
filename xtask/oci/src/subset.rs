//! `subset`: the part of an index that is for some platforms, as an index of its own.
//!
//! It is cut out of the text: what stays keeps its bytes and its order, fields that nobody here knows
//! among it, and the same index and platforms give the same digest everywhere.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Manifest, Platform, Platforms};

/// Names the manifest that an attestation in an index is about.
const ABOUT: &str = "vnd.docker.reference.digest";

/// What of a manifest is for some platforms.
#[derive(Debug, Clone)]
pub enum Subset {
    /// It is no index: there is nothing to choose from, and [`is_for`] judges by its config.
    Image,
    /// An index with the wanted platforms alone; the very same one if it has no others.
    Index(Manifest),
}

/// Why there is no such part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubsetError {
    /// The index has nothing for these platforms, but for those.
    Lacks {
        missing: Vec<Platform>,
        has: Vec<String>,
    },
    /// The image is for another platform.
    ImageIsFor(String),
    Unreadable(String),
}

#[derive(Deserialize)]
struct Index<'a> {
    #[serde(borrow)]
    manifests: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Option<Made>,
    annotations: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What something was made for, in an index and in a config alike.
#[derive(Deserialize)]
struct Made {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

/// Makes an index of the wanted platforms alone. An attestation goes with the manifest that it is
/// about; what is for no platform and about none of them is left out.
///
/// # Errors
/// When the index lacks a wanted platform.
pub fn subset(manifest: &Manifest, wanted: &Platforms) -> Result<Subset, SubsetError> {
    let index: Index<'_> = serde_json::from_slice(&manifest.bytes).map_err(unreadable)?;
    let Some(raw) = index.manifests else { return Ok(Subset::Image) };
    let entries = raw.iter().map(|raw| serde_json::from_str::<Entry>(raw.get()));
    let entries = entries.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;

    let images = || entries.iter().filter(|entry| entry.about().is_none());
    let has = |platform: &Platform| images().any(|entry| entry.is_for(platform));
    let missing: Vec<Platform> = wanted.iter().filter(|one| !has(one)).cloned().collect();
    if !missing.is_empty() {
        let has = images().filter_map(|entry| entry.platform.as_ref()?.name()).collect();
        return Err(SubsetError::Lacks { missing, has });
    }
    let is_wanted = |entry: &&Entry| wanted.iter().any(|platform| entry.is_for(platform));
    let chosen: HashSet<&str> =
        images().filter(is_wanted).map(|entry| entry.digest.as_str()).collect();
    let stays = |entry: &Entry| match entry.about() {
        Some(about) => chosen.contains(about),
        None => is_wanted(&entry),
    };
    let stays: Vec<bool> = entries.iter().map(stays).collect();
    if stays.iter().all(|stays| *stays) {
        return Ok(Subset::Index(manifest.clone()));
    }
    let bytes = cut(&manifest.bytes, &raw, &stays);
    let digest = manifest.digest.of_same_kind(&bytes);
    let index = Manifest::parse(bytes, digest, Some(&manifest.media_type)).map_err(unreadable)?;
    Ok(Subset::Index(index))
}

/// Whether an image is for one of the wanted platforms, by the text of its config. One that does not
/// say, or is not a config of an image at all, is.
///
/// # Errors
/// When it is for another.
pub fn is_for(config: &[u8], wanted: &Platforms) -> Result<(), SubsetError> {
    let Ok(made) = serde_json::from_slice::<Made>(config) else { return Ok(()) };
    match made.name() {
        Some(name) if !wanted.iter().any(|platform| made.is_for(platform)) => {
            Err(SubsetError::ImageIsFor(name))
        }
        _ => Ok(()),
    }
}

/// The text without the entries that do not stay. Before each entry that stays is what stood before
/// it, so that a text with one entry to a line goes on to have that.
fn cut(text: &Bytes, entries: &[&RawValue], stays: &[bool]) -> Bytes {
    let start_of = |entry: &RawValue| (entry.get().as_ptr() as usize) - (text.as_ptr() as usize);
    let end_of = |entry: &RawValue| start_of(entry) + entry.get().len();
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return text.clone();
    };
    let mut kept = text[..start_of(first)].to_vec();
    let mut has_one = false;
    for (number, entry) in entries.iter().enumerate().filter(|(number, _)| stays[*number]) {
        if has_one {
            kept.extend_from_slice(&text[end_of(entries[number - 1])..start_of(entry)]);
        }
        kept.extend_from_slice(entry.get().as_bytes());
        has_one = true;
    }
    kept.extend_from_slice(&text[end_of(last)..]);
    kept.into()
}

fn unreadable(error: impl fmt::Display) -> SubsetError {
    SubsetError::Unreadable(error.to_string())
}

impl Entry {
    /// The digest of the manifest that this one is about, if it is an attestation.
    fn about(&self) -> Option<&str> {
        self.annotations.as_ref()?.get(ABOUT)?.as_str()
    }

    fn is_for(&self, platform: &Platform) -> bool {
        self.platform.as_ref().is_some_and(|made| made.is_for(platform))
    }
}

impl Made {
    fn is_for(&self, platform: &Platform) -> bool {
        let (os, architecture) = (said(&self.os), said(&self.architecture));
        platform.includes(
            os.unwrap_or_default(),
            architecture.unwrap_or_default(),
            said(&self.variant),
        )
    }

    /// `None` where it is not said, or said to be unknown.
    fn name(&self) -> Option<String> {
        let (os, architecture) = (said(&self.os)?, said(&self.architecture)?);
        if (os, architecture) == ("unknown", "unknown") {
            return None;
        }
        let variant = said(&self.variant).map_or(String::new(), |variant| format!("/{variant}"));
        Some(format!("{os}/{architecture}{variant}"))
    }
}

fn said(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl fmt::Display for SubsetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lacks { missing, has } => {
                let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
                write!(f, "the index has nothing for `{}`", missing.join("`, `"))?;
                if has.is_empty() {
                    return f.write_str(", and says of nothing in it which platform it is for");
                }
                let has: Vec<String> =
                    has.iter().map(|name| name.escape_debug().to_string()).collect();
                write!(f, ", but for `{}`", has.join("`, `"))
            }
            Self::ImageIsFor(name) => {
                write!(f, "the image is for `{}` alone", name.escape_debug())
            }
            Self::Unreadable(why) => write!(f, "the index cannot be taken apart: {why}"),
        }
    }
}

impl std::error::Error for SubsetError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn manifest(text: &str) -> Manifest {
        let bytes = Bytes::from(text.to_owned());
        Manifest::parse(bytes.clone(), Digest::of(&bytes), None).unwrap()
    }

    /// An entry named by its platform; the manifest of `about` is what it attests.
    fn entry(platform: &str, about: Option<&str>) -> String {
        let parts: Vec<&str> = platform.split('/').collect();
        let variant =
            parts.get(2).map_or(String::new(), |variant| format!(r#","variant":"{variant}""#));
        let about = about.map_or(String::new(), |about| {
            format!(r#","annotations":{{"{ABOUT}":"{}"}}"#, digest(about))
        });
        let name = format!("{platform}{about}");
        format!(
            r#"{{"mediaType":"m","digest":"{}","size":1,"platform":{{"os":"{}","architecture":"{}"{variant}}}{about}}}"#,
            digest(if about.is_empty() { platform } else { &name }),
            parts[0],
            parts[1],
        )
    }

    fn index(entries: &[String]) -> String {
        format!(
            "{{\n  \"schemaVersion\": 2, \"novel\": {{\"b\":1.0e0,\"a\":[ ]}},\n  \"manifests\": [\n    {}\n  ],\n  \"annotations\": {{\"x\": \"y\"}}\n}}\n",
            entries.join(",\n    ")
        )
    }

    fn chosen(text: &str, wanted: &str) -> Result<Manifest, SubsetError> {
        match subset(&manifest(text), &wanted.parse().unwrap())? {
            Subset::Index(index) => Ok(index),
            Subset::Image => panic!("{text} is an index"),
        }
    }

    #[test]
    fn what_is_chosen_keeps_its_bytes_and_everything_around_it_too() {
        let all =
            ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "windows/amd64"];
        let all: Vec<String> = all.iter().map(|platform| entry(platform, None)).collect();
        let table: [(&str, &[usize]); 6] = [
            ("linux/amd64", &[0]),
            ("windows/amd64", &[4]),
            ("linux/arm", &[1, 2]),
            ("linux/amd64,linux/arm64", &[0, 3]),
            ("linux/arm/v7,linux/arm64,windows/amd64", &[2, 3, 4]),
            ("linux/amd64,linux/arm,linux/arm64,windows/amd64", &[0, 1, 2, 3, 4]),
        ];
        for (wanted, kept) in table {
            let kept: Vec<String> = kept.iter().map(|&number| all[number].clone()).collect();
            let expected = index(&kept);
            let made = chosen(&index(&all), wanted).unwrap();
            assert_eq!(String::from_utf8_lossy(&made.bytes), expected, "{wanted}");
            assert_eq!(made.digest, Digest::of(expected.as_bytes()));
            assert_eq!(made.manifests.len(), kept.len());
            assert_eq!(made.media_type, manifest(&index(&all)).media_type);
        }
    }

    #[test]
    fn an_attestation_goes_with_what_it_is_about_and_what_is_for_nothing_is_left_out() {
        let (amd, arm) = (entry("linux/amd64", None), entry("linux/arm64", None));
        let about_amd = entry("unknown/unknown", Some("linux/amd64"));
        let about_arm = entry("unknown/unknown", Some("linux/arm64"));
        // Some builders give it the platform of what it is about: it is no image all the same.
        let odd = entry("linux/amd64", Some("linux/arm64"));
        let unsaid = format!(r#"{{"mediaType":"m","digest":"{}","size":1}}"#, digest("unsaid"));
        let nobodys = entry("unknown/unknown", None);
        let text = index(
            &[about_arm, odd, amd.clone(), unsaid, about_amd.clone(), nobodys, arm]
                .map(String::from),
        );
        let made = chosen(&text, "linux/amd64").unwrap();
        assert_eq!(String::from_utf8_lossy(&made.bytes), index(&[amd, about_amd]));
        // Nothing is left to cut.
        let text = String::from_utf8(made.bytes.to_vec()).unwrap();
        assert_eq!(chosen(&text, "linux/amd64").unwrap().digest, made.digest);
    }

    #[test]
    fn a_platform_that_is_missing_is_named() {
        let attested = entry("linux/arm64", Some("linux/amd64"));
        let text = index(&[entry("linux/amd64", None), attested]);
        let error = chosen(&text, "linux/amd64,linux/arm/v7,linux/arm64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the index has nothing for `linux/arm/v7`, `linux/arm64`, but for `linux/amd64`"
        );
        let error = chosen(&index(&[]), "linux/amd64").unwrap_err().to_string();
        assert!(error.contains("says of nothing in it"), "{error}");
    }

    #[test]
    fn an_image_is_judged_by_its_config() {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"c","digest":"{}","size":1}},"layers":[]}}"#,
            digest("c")
        );
        let wanted: Platforms = "linux/amd64,linux/arm/v7".parse().unwrap();
        assert!(matches!(subset(&manifest(&text), &wanted), Ok(Subset::Image)));
        let table = [
            (r#"{"os":"linux","architecture":"amd64","rootfs":{}}"#, None),
            (r#"{"os":"linux","architecture":"arm"}"#, None),
            (r#"{"os":"linux","architecture":"arm","variant":"v6"}"#, Some("linux/arm/v6")),
            (r#"{"os":"linux","architecture":"arm64"}"#, Some("linux/arm64")),
            (r#"{"os":"","architecture":""}"#, None),
            (r#"{"os":"unknown","architecture":"unknown"}"#, None),
            (r#"{"os":5}"#, None),
            ("{}", None),
            ("not JSON", None),
        ];
        for (config, expected) in table {
            let judged = is_for(config.as_bytes(), &wanted).err();
            let expected = expected.map(|name| SubsetError::ImageIsFor(name.to_owned()));
            assert_eq!(judged, expected, "{config}");
        }
    }
}
