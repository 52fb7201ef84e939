//! What a run does with the images of the list: the selected images as transfers, and the decision
//! about each one. Pure: no file, network or process.

mod conflicts;
mod shard;

use globset::{Glob, GlobMatcher};

use crate::list::{Destination, Image, ImageList};
use messages::Advice;
use messages::program::command;
use oci::{Digest, Platforms, Reference, Repository, Tag};
use registry::{HostSide, RetryPolicy, Settings, Side};

pub use conflicts::{Conflict, Publication, conflicts, refuse_conflicts};
pub use shard::Shard;

/// One image, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub source: Repository,
    pub tag: Tag,
    /// The digest that the tag must name. Without one, the tag is copied as it is.
    pub digest: Option<Digest>,
    pub target: Repository,
    /// Which part of an index is copied; `None` for all of it.
    pub platforms: Option<PlatformSelection>,
}

/// Some platforms of an index.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlatformSelection {
    pub platforms: Platforms,
    /// The digest of the resulting index according to the list. Only pinned images have one.
    pub recorded: Option<Digest>,
}

/// Selects images of the list by globs.
#[derive(Debug, Clone, Default)]
pub struct Selection(Vec<GlobMatcher>);

/// What to do about one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The destination has it.
    UpToDate,
    /// It depends on the source: ask there, and decide again.
    AskSource,
    Copy,
}

impl Transfer {
    pub fn source_reference(&self) -> Reference {
        self.source.tagged(&self.tag)
    }

    pub fn target_reference(&self) -> Reference {
        self.target.tagged(&self.tag)
    }

    /// Both registries, each with its side.
    pub fn hosts(&self) -> [HostSide; 2] {
        let host = |repository: &Repository, side| (repository.registry().clone(), side);
        [host(&self.source, Side::Source), host(&self.target, Side::Destination)]
    }

    /// The digest that the tag must name at the destination, if the list determines it.
    pub fn pin(&self) -> Option<&Digest> {
        match &self.platforms {
            Some(selection) => selection.recorded.as_ref(),
            None => self.digest.as_ref(),
        }
    }
}

impl Selection {
    /// Selects the images whose reference (`quay.io/stackstate/kafka:2.8.0`), repository, path or last
    /// name matches one of the globs. Without a glob it selects all.
    ///
    /// # Errors
    /// When a glob is invalid.
    pub fn new(globs: &[String]) -> Result<Self, Advice> {
        let compile = |glob: &String| match Glob::new(glob) {
            Ok(built) => Ok(built.compile_matcher()),
            Err(error) => {
                Err(Advice::new(format!("`{glob}` is not a valid glob: {}", error.kind())))
            }
        };
        globs.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// The selected images, in the order of the list.
    ///
    /// # Errors
    /// When a glob selects nothing.
    pub fn of<'l>(&self, list: &'l ImageList) -> Result<Vec<&'l Image>, Advice> {
        let selects = |matcher: &GlobMatcher, image: &Image| {
            Self::names(image).iter().any(|name| matcher.is_match(name))
        };
        for matcher in &self.0 {
            if !list.images().iter().any(|image| selects(matcher, image)) {
                let message = format!("`{}` selects no image of the list", matcher.glob());
                let hint = "`*` matches any text: `*kafka*`, `stackstate/wait`, `*:4.2.19`";
                let all = command("mirror -t");
                return Err(
                    Advice::new(message).with_hint(format!("{hint}; {all} lists all images"))
                );
            }
        }
        let is_selected = |image: &&Image| {
            self.0.is_empty() || self.0.iter().any(|matcher| selects(matcher, image))
        };
        Ok(list.images().iter().filter(is_selected).collect())
    }

    fn names(image: &Image) -> [String; 5] {
        let (path, last) = (image.source.path().as_str(), image.source.path().name());
        [
            image.reference().to_string(),
            image.source.to_string(),
            path.to_owned(),
            last.to_owned(),
            format!("{last}:{}", image.tag),
        ]
    }
}

/// The transfers of the selected images to a destination, in the order of the list.
///
/// # Errors
/// When a glob selects nothing, when two images of the list (selected or not) would have the same
/// reference there, or when an image would be copied onto itself.
pub fn transfers(
    list: &ImageList,
    destination: &Destination,
    selection: &Selection,
) -> Result<Vec<Transfer>, Advice> {
    let mut selected = selection.of(list)?.into_iter().peekable();
    let paths = destination.paths(list.images())?;
    // Both are in the order of the list.
    let mut is_selected =
        |image: &Image| selected.next_if(|next| std::ptr::eq(*next, image)).is_some();
    let all = list.images().iter().zip(paths);
    all.filter(|(image, _)| is_selected(image))
        .map(|(image, path)| {
            let recorded = destination.digest(image);
            let select = |platforms| PlatformSelection { platforms, recorded: recorded.cloned() };
            let transfer = Transfer {
                source: image.source.clone(),
                tag: image.tag.clone(),
                digest: image.digest.clone(),
                target: destination.repository(&path),
                platforms: destination.platforms.clone().map(select),
            };
            if transfer.source == transfer.target {
                let reference = transfer.source_reference();
                let advice = Advice::new(format!("`{reference}` would be copied onto itself"));
                return Err(advice
                    .with_hint("give the image another `target`, or choose another destination"));
            }
            Ok(transfer)
        })
        .collect()
}

/// The settings for the registries of a list.
pub fn registry_settings(
    list: &ImageList,
    concurrency: Option<usize>,
    retry: RetryPolicy,
) -> Settings {
    Settings { registries: list.registries().clone(), concurrency, retry, ..Settings::default() }
}

/// Decides from the pin and from the digests that the tag names at the destination and at the source.
/// Without `source`, the source was not asked.
pub fn decide(
    pin: Option<&Digest>,
    destination: Option<&Digest>,
    source: Option<&Digest>,
) -> Decision {
    match (pin.or(source), destination) {
        // The image will be fetched anyway, so asking first would be one request too many.
        (_, None) => Decision::Copy,
        (None, Some(_)) => Decision::AskSource,
        (Some(expected), Some(present)) if expected == present => Decision::UpToDate,
        (Some(_), Some(_)) => Decision::Copy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [[image]]
        source = "quay.io/stackstate/kafka"
        tag = "2.3.1"
        [[image]]
        source = "quay.io/stackstate/kafka"
        tag = "2.8.0"
        [[image]]
        source = "minio/mc"
        tag = "1"
        target = "tools/mc"
    "#;

    fn plan(destination: &str, only: &[&str]) -> Result<Vec<String>, Advice> {
        let list = ImageList::parse("images.toml", LIST).unwrap();
        let globs: Vec<String> = only.iter().map(|&glob| glob.to_owned()).collect();
        let planned = transfers(&list, &destination.parse().unwrap(), &Selection::new(&globs)?)?;
        Ok(planned
            .iter()
            .map(|t| format!("{} > {}", t.source_reference(), t.target_reference()))
            .collect())
    }

    #[test]
    fn every_image_goes_to_its_target_below_the_prefix_of_the_destination() {
        let all = [
            "quay.io/stackstate/kafka:2.3.1 > harbor.local/p/stackstate/kafka:2.3.1",
            "quay.io/stackstate/kafka:2.8.0 > harbor.local/p/stackstate/kafka:2.8.0",
            "docker.io/minio/mc:1 > harbor.local/p/tools/mc:1",
        ];
        assert_eq!(plan("harbor.local/p", &[]).unwrap(), all);
    }

    #[test]
    fn a_selection_matches_reference_repository_path_or_name() {
        let table: [(&[&str], usize); 8] = [
            (&["*kafka*"], 2),
            (&["kafka"], 2),
            (&["kafka:2.8.0"], 1),
            (&["stackstate/kafka"], 2),
            (&["quay.io/**"], 2),
            (&["quay.io/stackstate/kafka:2.3.1"], 1),
            (&["mc", "kafka:2.3.1"], 2),
            (&["*:1", "mc"], 1),
        ];
        for (only, expected) in table {
            assert_eq!(plan("harbor.local", only).unwrap().len(), expected, "{only:?}");
        }
        for (only, expected) in
            [(&["mc", "kafak"][..], "`kafak` selects no"), (&["["], "`[` is not")]
        {
            let error = plan("harbor.local", only).unwrap_err();
            assert!(error.message.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_destination_of_the_list_determines_paths_and_platforms() {
        let record = Digest::of(b"subset");
        let text = format!(
            "[destinations.d]\nregistry = \"r.io/m\"\ntarget = \"{{registry}}/{{path}}\"\n\
             max-path-depth = 3\nplatforms = [\"linux/amd64\"]\n\
             [[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\ndigest = \"{}\"\n\
             [image.subsets]\nindex = \"{}\"\n\"linux/amd64\" = \"{record}\"\n\
             [[image]]\nsource = \"a/b\"\ntag = \"1\"\ndigest = \"{}\"\n",
            Digest::of(b"whole"),
            Digest::of(b"whole"),
            Digest::of(b"other"),
        );
        let list = ImageList::parse("images.toml", &text).unwrap();
        let planned = transfers(&list, &list.destinations()["d"], &Selection::default()).unwrap();
        let planned = planned.iter().map(|one| (one.target_reference(), one.pin().cloned()));
        let expected = [("r.io/m/quay.io/a-b:1", Some(record)), ("r.io/m/docker.io/a-b:1", None)];
        assert_eq!(
            planned.collect::<Vec<_>>(),
            expected.map(|(target, pin)| (target.parse().unwrap(), pin))
        );
        let only = Selection::new(&["quay.io/**".to_owned()]).unwrap();
        let error = transfers(&list, &"r.io".parse().unwrap(), &only).unwrap_err();
        assert!(error.message.contains("`r.io/a/b:1`"), "{error}");
    }

    #[test]
    fn an_image_is_not_copied_onto_itself() {
        let error = plan("quay.io", &[]).unwrap_err();
        assert!(error.message.contains("onto itself"), "{error}");
    }

    #[test]
    fn the_source_is_asked_only_if_the_decision_depends_on_it() {
        use Decision::{AskSource, Copy, UpToDate};
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let (a, b) = (Some(&a), Some(&b));
        let table = [
            ((a, a, None), UpToDate),
            ((a, b, None), Copy),
            ((a, None, None), Copy),
            ((None, None, None), Copy),
            ((None, a, None), AskSource),
            ((None, a, a), UpToDate),
            ((None, a, b), Copy),
        ];
        for ((pin, destination, source), expected) in table {
            assert_eq!(
                decide(pin, destination, source),
                expected,
                "{pin:?} {destination:?} {source:?}"
            );
        }
    }
}
