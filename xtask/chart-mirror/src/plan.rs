//! What is to be copied, as a value; and what to do about one image, decided from what was seen.
//! Pure: nothing here touches a registry, a file or a process.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

use crate::list::{Destination, Image, ImageList, TargetError};
use oci::{Digest, Platforms, Reference, Repository, Tag};
use registry::{HostSide, Side};

/// One image and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub source: Repository,
    pub tag: Tag,
    /// What the tag must name; without it, whatever it names now.
    pub digest: Option<Digest>,
    pub target: Repository,
    /// What of an index is wanted; without it, all.
    pub platforms: Option<Choice>,
}

/// Some platforms of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub platforms: Platforms,
    /// What the list says of the index that is made of them. There is none without a pin.
    pub recorded: Option<Digest>,
}

/// Which images of the list are meant.
#[derive(Debug, Clone, Default)]
pub struct Selection(Vec<(String, GlobMatcher)>);

/// What to do about one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The destination has it.
    UpToDate,
    /// Only the source can tell: look there, and decide again.
    AskSource,
    Copy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    BadGlob { glob: String, why: String },
    NothingSelected { glob: String },
    OntoItself { reference: Reference },
    Target(TargetError),
}

impl Transfer {
    pub fn source_reference(&self) -> Reference {
        self.source.tagged(&self.tag)
    }

    /// Both registries, each with its side.
    pub fn hosts(&self) -> [HostSide; 2] {
        let host = |repository: &Repository, side| (repository.registry().clone(), side);
        [host(&self.source, Side::Source), host(&self.target, Side::Destination)]
    }

    pub fn target_reference(&self) -> Reference {
        self.target.tagged(&self.tag)
    }

    /// What the tag must name at the destination, as far as the list says.
    pub fn pin(&self) -> Option<&Digest> {
        match &self.platforms {
            Some(choice) => choice.recorded.as_ref(),
            None => self.digest.as_ref(),
        }
    }
}

impl Selection {
    /// Images whose reference (`quay.io/stackstate/kafka:2.8.0`), repository, path or last name
    /// matches one of the globs. No glob selects all.
    ///
    /// # Errors
    /// When a glob cannot be understood.
    pub fn new(globs: &[String]) -> Result<Self, PlanError> {
        let compile = |glob: &String| {
            GlobBuilder::new(glob)
                .build()
                .map(|built| (glob.clone(), built.compile_matcher()))
                .map_err(|error| PlanError::BadGlob {
                    glob: glob.clone(),
                    why: error.kind().to_string(),
                })
        };
        globs.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// The images that are meant, in the order of the list.
    ///
    /// # Errors
    /// When a glob selects nothing.
    pub fn of<'l>(&self, list: &'l ImageList) -> Result<Vec<&'l Image>, PlanError> {
        let is_meant = |matcher: &GlobMatcher, image: &Image| {
            Self::names(image).iter().any(|name| matcher.is_match(name))
        };
        for (glob, matcher) in &self.0 {
            if !list.images().iter().any(|image| is_meant(matcher, image)) {
                return Err(PlanError::NothingSelected { glob: glob.clone() });
            }
        }
        let is_selected = |image: &&Image| {
            self.0.is_empty() || self.0.iter().any(|(_, matcher)| is_meant(matcher, image))
        };
        Ok(list.images().iter().filter(is_selected).collect())
    }

    fn names(image: &Image) -> [String; 5] {
        let path = image.source.path().as_str();
        let last = path.rsplit('/').next().unwrap_or(path);
        [
            image.reference().to_string(),
            image.source.to_string(),
            path.to_owned(),
            last.to_owned(),
            format!("{last}:{}", image.tag),
        ]
    }
}

/// The transfers that bring the selected images to a destination, in the order of the list.
///
/// # Errors
/// When a glob selects nothing, two images of the list, selected or not, would be one, or an image
/// would be copied onto itself.
pub fn transfers(
    list: &ImageList,
    destination: &Destination,
    selection: &Selection,
) -> Result<Vec<Transfer>, PlanError> {
    let selected = selection.of(list)?;
    let paths = destination.paths(list.images()).map_err(PlanError::Target)?;
    let is_selected = |image: &Image| selected.iter().any(|one| std::ptr::eq(*one, image));
    let all = list.images().iter().zip(paths);
    all.filter(|(image, _)| is_selected(image))
        .map(|(image, path)| {
            let transfer = Transfer {
                source: image.source.clone(),
                tag: image.tag.clone(),
                digest: image.digest.clone(),
                target: destination.repository(&path),
                platforms: destination.platforms.clone().map(|platforms| Choice {
                    platforms,
                    recorded: destination.digest(image).cloned(),
                }),
            };
            if transfer.source == transfer.target {
                return Err(PlanError::OntoItself { reference: transfer.source_reference() });
            }
            Ok(transfer)
        })
        .collect()
}

/// What to do, from the pin and from the digests seen. `source` is `None` while nobody has looked.
pub fn decide(
    pin: Option<&Digest>,
    destination: Option<&Digest>,
    source: Option<&Digest>,
) -> Decision {
    match (pin, destination, source) {
        // Not there: whatever the source has will be fetched, so a look would be one request too many.
        (_, None, _) => Decision::Copy,
        (Some(pin), Some(there), _) if pin == there => Decision::UpToDate,
        (Some(_), Some(_), _) => Decision::Copy,
        (None, Some(_), None) => Decision::AskSource,
        (None, Some(there), Some(here)) if there == here => Decision::UpToDate,
        (None, Some(_), Some(_)) => Decision::Copy,
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadGlob { glob, why } => write!(f, "`{glob}` selects no images: {why}"),
            Self::NothingSelected { glob } => write!(
                f,
                "`{glob}` selects no image of the list\n\
                 hint: `*` stands for any text: `*kafka*`, `stackstate/wait`, `*:4.2.19`; `mirror -t` shows all images"
            ),
            Self::OntoItself { reference } => write!(
                f,
                "`{reference}` would be copied onto itself\n\
                 hint: give the image another `target`, or choose another destination"
            ),
            Self::Target(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PlanError {}

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

    fn plan(destination: &str, only: &[&str]) -> Result<Vec<String>, PlanError> {
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
        assert!(
            matches!(plan("harbor.local", &["mc", "kafak"]), Err(PlanError::NothingSelected { glob }) if glob == "kafak")
        );
        assert!(matches!(plan("harbor.local", &["["]), Err(PlanError::BadGlob { .. })));
    }

    #[test]
    fn a_destination_of_the_list_places_images_and_says_what_of_them_is_wanted() {
        let record = Digest::of(b"subset");
        let text = format!(
            "[destinations.d]\nregistry = \"r.io/m\"\ntarget = \"{{registry}}/{{path}}\"\n\
             max-path-depth = 3\nplatforms = [\"linux/amd64\"]\n\
             [[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\ndigest = \"{}\"\n\
             [image.subsets]\n\"linux/amd64\" = \"{record}\"\n\
             [[image]]\nsource = \"a/b\"\ntag = \"1\"\ndigest = \"{}\"\n",
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
        assert!(matches!(error, PlanError::Target(TargetError::Same { .. })), "{error}");
    }

    #[test]
    fn an_image_is_not_copied_onto_itself() {
        assert!(matches!(plan("quay.io", &[]), Err(PlanError::OntoItself { .. })));
    }

    #[test]
    fn a_look_at_the_source_is_taken_only_where_it_decides() {
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
