//! The values that flags take, where they are words or have parts.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use messages::Advice;

use crate::formats::ListFormat;
use crate::list::finding_code::Check;
use crate::report::mirror::ReportFormat;
use crate::report::verify::Format;
use crate::values::node_config::NodeFormat;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InventoryFormat {
    /// The lines of `lines`, and a summary
    Human,
    /// The images of chart and list in lines, with a tab and `unlisted` or `unused` where that applies
    Lines,
    /// The same as one document, with the places that name each image
    Json,
    /// The same as entries for images.toml
    Toml,
}

/// What `images` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImagesFormat {
    /// Chart and list, compared.
    Inventory(InventoryFormat),
    /// The list, for another tool.
    List(ListFormat),
}

impl ValueEnum for ImagesFormat {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [ImagesFormat; 11] = [
            ImagesFormat::Inventory(InventoryFormat::Human),
            ImagesFormat::Inventory(InventoryFormat::Lines),
            ImagesFormat::Inventory(InventoryFormat::Json),
            ImagesFormat::Inventory(InventoryFormat::Toml),
            ImagesFormat::List(ListFormat::ALL[0]),
            ImagesFormat::List(ListFormat::ALL[1]),
            ImagesFormat::List(ListFormat::ALL[2]),
            ImagesFormat::List(ListFormat::ALL[3]),
            ImagesFormat::List(ListFormat::ALL[4]),
            ImagesFormat::List(ListFormat::ALL[5]),
            ImagesFormat::List(ListFormat::ALL[6]),
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Inventory(format) => format.to_possible_value(),
            Self::List(format) => format.to_possible_value(),
        }
    }
}

impl ValueEnum for ListFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Regsync => "regsync.yml, with the targets at the destinations",
            Self::Skopeo => "The YAML of skopeo sync --src yaml",
            Self::Hauler => "Manifests of hauler, with the chart",
            Self::Zarf => "zarf.yaml, with the chart",
            Self::Plain => "One reference per line, with its digest",
            Self::Dt => "Images.lock of helm dt",
            Self::Kustomize => "images of kustomize, for one destination",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// What `values` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValuesFormat {
    Helm,
    Nodes(NodeFormat),
}

impl ValueEnum for ValuesFormat {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [ValuesFormat; 6] = [
            ValuesFormat::Helm,
            ValuesFormat::Nodes(NodeFormat::ALL[0]),
            ValuesFormat::Nodes(NodeFormat::ALL[1]),
            ValuesFormat::Nodes(NodeFormat::ALL[2]),
            ValuesFormat::Nodes(NodeFormat::ALL[3]),
            ValuesFormat::Nodes(NodeFormat::ALL[4]),
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let Self::Nodes(format) = self else {
            return Some(PossibleValue::new("helm").help("Values for the chart"));
        };
        let help = match format {
            NodeFormat::Containerd => "hosts.toml of containerd, one for each source host",
            NodeFormat::RegistriesConf => "A file for registries.conf.d of CRI-O and Podman",
            NodeFormat::RegistriesYaml => "registries.yaml of K3s and RKE2",
            NodeFormat::OpenShift => "ImageDigestMirrorSet and ImageTagMirrorSet",
            NodeFormat::Kyverno => "A ClusterPolicy that changes the images of new pods",
        };
        Some(PossibleValue::new(format.name()).help(help))
    }
}

impl ValueEnum for Check {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::List => "images.toml itself: pins, tags, policy",
            Self::Values => "The files in values/ are up to date with the list",
            Self::Chart => {
                "The chart uses the images of the list, and with the values no others (needs helm)"
            }
            Self::Source => "The sources have the images of the list",
            Self::Destination => "The destination has them as well",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// A number of bytes with a unit: `4.7GB`, `600MiB`. `GB` is 10^9 bytes, as on the labels of media.
pub(super) fn byte_size(text: &str) -> Result<u64, Advice> {
    const UNITS: [(&str, u64); 9] = [
        ("KIB", 1 << 10),
        ("MIB", 1 << 20),
        ("GIB", 1 << 30),
        ("TIB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
    ];
    let upper = text.trim().to_uppercase();
    let unit = UNITS.iter().find(|(unit, _)| upper.ends_with(unit));
    let parsed = unit.and_then(|(unit, factor)| {
        let number = upper.strip_suffix(unit)?.trim();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole = whole.parse::<u64>().ok()?.checked_mul(*factor)?;
        if fraction.is_empty() {
            return Some(whole);
        }
        let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(*factor);
        whole.checked_add(u64::try_from(part / u128::from(scale)).ok()?)
    });
    parsed.filter(|bytes| *bytes > 0).ok_or_else(|| {
        Advice::new(format!("`{}` is not a size", text.escape_debug()))
            .with_hint("write a number and a unit: `4.7GB`, `600MiB`")
    })
}

pub(super) fn verify_report(text: &str) -> Result<(Format, PathBuf), Advice> {
    report_file(text, "junit=report.xml")
}

pub(super) fn mirror_report(text: &str) -> Result<(ReportFormat, PathBuf), Advice> {
    report_file(text, "json=report.json")
}

/// A format and a file.
fn report_file<F: ValueEnum>(text: &str, example: &str) -> Result<(F, PathBuf), Advice> {
    let formats = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let formats = formats.map(|format| format!("`{}`", format.get_name()));
    let formats = formats.collect::<Vec<_>>().join(", ");
    let Some((name, file)) = text.split_once('=') else {
        let message = format!("write a format and a file, such as `{example}`; the formats are");
        return Err(format!("{message} {formats}").into());
    };
    let Ok(format) = F::from_str(name, false) else {
        return Err(format!("there is no format `{name}`; the formats are {formats}").into());
    };
    if file.is_empty() {
        return Err(format!("there is no file after `{name}=`").into());
    }
    Ok((format, file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_number_and_a_unit() {
        let table = [
            ("4.7GB", Some(4_700_000_000)),
            ("600MiB", Some(600 << 20)),
            ("1.5 kb", Some(1500)),
            ("0.5B", None),
            ("12B", Some(12)),
            ("0MB", None),
            ("12", None),
            ("-1GB", None),
            ("GB", None),
            ("99999999999TB", None),
        ];
        for (text, expected) in table {
            assert_eq!(byte_size(text).ok(), expected, "{text}");
        }
    }
}
