//! `subset`: the part of an index for some platforms, as a new index.
//!
//! It is cut out of the text: the remaining entries keep their bytes, unknown fields and order, so the
//! same index and platforms give the same digest everywhere.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::platform::DeclaredPlatform;
use crate::{Descriptor, Manifest, Platform, Platforms};

/// The annotation with the digest of the manifest that an attestation is about.
const ABOUT: &str = "vnd.docker.reference.digest";

/// Why there is nothing for some platforms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SubsetError(String);

#[derive(Deserialize)]
struct Index<'a> {
    #[serde(borrow)]
    manifests: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Annotated {
    annotations: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Makes an index with only the requested platforms; unchanged if it has no others. An attestation stays
/// with the manifest that it is about; other entries without a platform are dropped.
///
/// `None` if the manifest is not an index: then [`is_for`] compares the platform of its config.
///
/// # Errors
/// If the index lacks a requested platform.
pub fn subset(manifest: &Manifest, requested: &Platforms) -> Result<Option<Manifest>, SubsetError> {
    let index: Index<'_> = serde_json::from_slice(&manifest.bytes).map_err(unreadable)?;
    let Some(raw) = index.manifests else { return Ok(None) };
    // One for each of `manifest.manifests`, which come from the same text.
    let subjects = raw.iter().map(|raw| subject(raw)).collect::<Result<Vec<_>, _>>()?;

    let entries = || manifest.manifests.iter().zip(&subjects);
    let images = || entries().filter_map(|(entry, subject)| subject.is_none().then_some(entry));
    let has = |platform: &Platform| images().any(|entry| is_included_in(entry, platform));
    let missing = requested.iter().filter(|one| !has(one)).map(ToString::to_string);
    let missing: Vec<String> = missing.collect();
    if !missing.is_empty() {
        let names = images().filter_map(|entry| entry.platform.as_ref()?.name());
        let names: Vec<String> = names.map(|name| name.escape_debug().to_string()).collect();
        let others = match names.is_empty() {
            true => ", and declares no platform for any of its entries".to_owned(),
            false => format!(", but for `{}`", names.join("`, `")),
        };
        let missing = missing.join("`, `");
        return Err(SubsetError(format!("the index has nothing for `{missing}`{others}")));
    }
    let is_requested =
        |entry: &Descriptor| requested.iter().any(|platform| is_included_in(entry, platform));
    let selected: HashSet<&str> =
        images().filter(|entry| is_requested(entry)).map(|entry| entry.digest.as_str()).collect();
    let stays: Vec<bool> = entries()
        .map(|(entry, subject)| match subject {
            Some(subject) => selected.contains(subject.as_str()),
            None => is_requested(entry),
        })
        .collect();
    if stays.iter().all(|stays| *stays) {
        return Ok(Some(manifest.clone()));
    }
    let bytes = cut(&manifest.bytes, &raw, &stays);
    let digest = manifest.digest.of_same_kind(&bytes);
    let index = Manifest::parse(bytes, digest, Some(&manifest.media_type)).map_err(unreadable)?;
    Ok(Some(index))
}

/// Checks that an image is for one of the requested platforms, by its config. An image that declares no
/// platform, or has another kind of config, is for all of them.
///
/// # Errors
/// If it is for another platform.
pub fn is_for(config: &[u8], requested: &Platforms) -> Result<(), SubsetError> {
    let Ok(own) = serde_json::from_slice::<DeclaredPlatform>(config) else { return Ok(()) };
    match own.name() {
        Some(name) if !requested.iter().any(|platform| own.is_included_in(platform)) => {
            Err(SubsetError(format!("the image is only for `{}`", name.escape_debug())))
        }
        _ => Ok(()),
    }
}

/// The digest of the manifest that an attestation is about; `None` for an image.
fn subject(entry: &RawValue) -> Result<Option<String>, SubsetError> {
    let entry: Annotated = serde_json::from_str(entry.get()).map_err(unreadable)?;
    let subject =
        entry.annotations.as_ref().and_then(|annotations| annotations.get(ABOUT)?.as_str());
    Ok(subject.map(str::to_owned))
}

fn is_included_in(entry: &Descriptor, platform: &Platform) -> bool {
    entry.platform.as_ref().is_some_and(|own| own.is_included_in(platform))
}

/// The text without the entries that are dropped. The white space before each remaining entry stays, so
/// that a text with one entry per line keeps its format.
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
    SubsetError(format!("the index cannot be parsed: {error}"))
}

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

    /// An entry named by its platform; with `about`, an attestation of the manifest of that name.
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

    fn selected(text: &str, requested: &str) -> Result<Manifest, SubsetError> {
        Ok(subset(&manifest(text), &requested.parse().unwrap())?.unwrap())
    }

    #[test]
    fn selected_entries_keep_their_bytes_and_so_does_the_text_around_them() {
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
        for (requested, kept) in table {
            let kept: Vec<String> = kept.iter().map(|&number| all[number].clone()).collect();
            let expected = index(&kept);
            let made = selected(&index(&all), requested).unwrap();
            assert_eq!(String::from_utf8_lossy(&made.bytes), expected, "{requested}");
            assert_eq!(made.digest, Digest::of(expected.as_bytes()));
            assert_eq!(made.manifests.len(), kept.len());
            assert_eq!(made.media_type, manifest(&index(&all)).media_type);
        }
    }

    #[test]
    fn an_attestation_stays_with_its_image_and_entries_without_a_platform_are_dropped() {
        let (amd, arm) = (entry("linux/amd64", None), entry("linux/arm64", None));
        let about_amd = entry("unknown/unknown", Some("linux/amd64"));
        let about_arm = entry("unknown/unknown", Some("linux/arm64"));
        // Some builders give an attestation the platform of its image. It is still not an image.
        let odd = entry("linux/amd64", Some("linux/arm64"));
        let without = format!(r#"{{"mediaType":"m","digest":"{}","size":1}}"#, digest("without"));
        let unknown = entry("unknown/unknown", None);
        let text = index(
            &[about_arm, odd, amd.clone(), without, about_amd.clone(), unknown, arm]
                .map(String::from),
        );
        let made = selected(&text, "linux/amd64").unwrap();
        assert_eq!(String::from_utf8_lossy(&made.bytes), index(&[amd, about_amd]));
        // Nothing is left to cut.
        let text = String::from_utf8(made.bytes.to_vec()).unwrap();
        assert_eq!(selected(&text, "linux/amd64").unwrap().digest, made.digest);
    }

    #[test]
    fn a_missing_platform_is_reported() {
        let attested = entry("linux/arm64", Some("linux/amd64"));
        let text = index(&[entry("linux/amd64", None), attested]);
        let error = selected(&text, "linux/amd64,linux/arm/v7,linux/arm64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the index has nothing for `linux/arm/v7`, `linux/arm64`, but for `linux/amd64`"
        );
        let error = selected(&index(&[]), "linux/amd64").unwrap_err().to_string();
        assert!(error.contains("declares no platform"), "{error}");
    }

    #[test]
    fn the_config_of_an_image_declares_its_platform() {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"c","digest":"{}","size":1}},"layers":[]}}"#,
            digest("c")
        );
        let requested: Platforms = "linux/amd64,linux/arm/v7".parse().unwrap();
        assert!(matches!(subset(&manifest(&text), &requested), Ok(None)));
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
            let refused = is_for(config.as_bytes(), &requested).err().map(|why| why.to_string());
            let expected = expected.map(|name| format!("the image is only for `{name}`"));
            assert_eq!(refused, expected, "{config}");
        }
    }
}
