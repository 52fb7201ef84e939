//! `Overlay`: the values of one destination, derived from the image list.
//!
//! `[values]` comes first, because it usually moves most images with one key; then the values of each
//! image. Paths become nested maps and lists.

use super::{Clash, Tree};
use indexmap::IndexMap;

use crate::list::{Destination, ImageList, Placeholder, Placeholders, ValuePath};
use messages::Advice;
use messages::program::command;
use oci::{Platforms, Reference, RepositoryPath};

/// The values for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    pub tree: Tree,
}

/// Why the values of a destination cannot be derived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// Two entries contradict each other, or a list of the chart lacks an item.
    #[error(transparent)]
    Clash(#[from] Clash),
    #[error(transparent)]
    Target(Advice),
    /// A value uses a digest that the list does not have: of the image, or of some of its platforms.
    #[error("{}", no_digest(image, path, platforms.as_ref()))]
    NoDigest { image: Reference, path: ValuePath, platforms: Option<Platforms> },
}

impl Overlay {
    /// Derives the values for a destination.
    ///
    /// # Errors
    /// If entries of the list contradict each other or lack a digest.
    pub fn of(list: &ImageList, destination: &Destination) -> Result<Self, OverlayError> {
        let registry = destination.pull_address().to_string();
        let repositories = destination.paths(list.images()).map_err(OverlayError::Target)?;
        let mut tree = Tree::Map(IndexMap::new());
        let all = Placeholders { registry: &registry, ..Placeholders::default() };
        for (path, value) in list.values() {
            tree.set(path, value.render(&all))?;
        }
        for (image, repository) in list.images().iter().zip(&repositories) {
            let placeholders = Placeholders {
                registry: &registry,
                repository: RepositoryPath::as_str(repository),
                tag: image.tag.as_str(),
                digest: destination.digest(image).map(|digest| digest.as_str()),
            };
            for (path, value) in &image.values {
                if value.uses(Placeholder::Digest) && placeholders.digest.is_none() {
                    return Err(OverlayError::NoDigest {
                        image: image.reference(),
                        path: path.clone(),
                        platforms: destination.platforms.clone(),
                    });
                }
                tree.set(path, value.render(&placeholders))?;
            }
        }
        tree.check_lists()?;
        Ok(Self { tree })
    }

    /// The values as YAML. The same list and destination give the same bytes.
    pub fn yaml(&self) -> String {
        super::yaml::document(&self.tree)
    }
}

fn no_digest(image: &Reference, path: &ValuePath, platforms: Option<&Platforms>) -> Advice {
    let value = format!("the value `{path}` uses the digest of `{image}`");
    match platforms {
        None => Advice::new(format!("{value}, which is not pinned"))
            .with_hint("add the image's `digest`, or use `{tag}`"),
        Some(platforms) => Advice::new(format!("{value} for {platforms}, which is not recorded"))
            .with_hint(format!("{} records it", command(format!("pin {image}")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci::Digest;

    const LIST: &str = r#"
        [values]
        "global.imageRegistry" = "{registry}"
        [[image]]
        source = "quay.io/stackstate/minio"
        tag = "1"
        values = { "minio.image.repository" = "{registry}/{repository}", "minio.image.tag" = "{tag}" }
        [[image]]
        source = "quay.io/stackstate/exporter"
        tag = "2"
        target = "tools/exporter"
        values = { 'elastic\.search.image' = "{registry}/{repository}:{tag}" }
    "#;

    fn overlay(text: &str, destination: &str) -> Result<String, OverlayError> {
        let list = ImageList::parse("images.toml", text).unwrap_or_else(|why| panic!("{why}"));
        let named = list.destinations().get(destination).cloned();
        let destination = named.unwrap_or_else(|| destination.parse().unwrap());
        Ok(Overlay::of(&list, &destination)?.yaml())
    }

    #[test]
    fn common_values_come_first_and_paths_become_nested_maps() {
        let expected = "\
global:
  imageRegistry: \"harbor.local/p\"
minio:
  image:
    repository: \"harbor.local/p/stackstate/minio\"
    tag: \"1\"
\"elastic.search\":
  image: \"harbor.local/p/tools/exporter:2\"
";
        assert_eq!(overlay(LIST, "harbor.local/p/").unwrap(), expected);
    }

    #[test]
    fn values_contain_the_pull_address_and_the_digest_at_the_destination() {
        let text = |subsets: &str| {
            format!(
                "[values]\n\"global.registry\" = \"{{registry}}\"\n\
                 [destinations.d]\nregistry = \"push.io/a\"\nprefix = \"b\"\n\
                 pull-registry = \"pull.io/virtual\"\ntarget = \"{{registry}}/{{path}}\"\n\
                 max-path-depth = 4\nplatforms = [\"linux/arm64\", \"linux/amd64\"]\n\
                 [[image]]\nsource = \"q.io/x/y\"\ntag = \"1\"\ndigest = \"{}\"\n{subsets}\n\
                 [image.values]\n\"z.image\" = \"{{registry}}/{{repository}}@{{digest}}\"\n",
                Digest::of(b"whole"),
            )
        };
        let record = Digest::of(b"subset");
        let recorded = format!(
            "subsets = {{ index = \"{}\", \"linux/amd64,linux/arm64\" = \"{record}\" }}",
            Digest::of(b"whole")
        );
        let expected = format!(
            "\
global:
  registry: \"pull.io/virtual\"
z:
  image: \"pull.io/virtual/q.io/x-y@{record}\"
"
        );
        assert_eq!(overlay(&text(&recorded), "d").unwrap(), expected);
        let stale = recorded.replace(Digest::of(b"whole").as_str(), Digest::of(b"old").as_str());
        for subsets in ["", &recorded.replace("linux/amd64,", ""), &stale] {
            let error = overlay(&text(subsets), "d").unwrap_err().to_string();
            for words in
                ["`z.image`", "`q.io/x/y:1`", "linux/amd64,linux/arm64", "not recorded\nhint: "]
            {
                assert!(error.contains(words), "{error}");
            }
        }
        // A destination without platforms has the pinned digest.
        assert!(overlay(&text(""), "r.io").unwrap().contains(Digest::of(b"whole").as_str()));
    }

    #[test]
    fn images_share_a_list_without_gaps() {
        let image = |name: &str, index: usize| {
            format!(
                "[[image]]\nsource = \"q.io/{name}\"\ntag = \"1.10\"\n[image.values]\n\
                 \"packs[{index}].image\" = \"{{registry}}/{{repository}}:{{tag}}\"\n\
                 \"packs[{index}].enabled\" = true\n"
            )
        };
        let common = "[values]\n\"packs[0].port\" = 80\n\"packs[1].port\" = \"81\"\n";
        let written = overlay(&(common.to_owned() + &image("b", 1) + &image("a", 0)), "r.io");
        let expected = "\
packs:
  - port: 80
    image: \"r.io/a:1.10\"
    enabled: true
  - port: \"81\"
    image: \"r.io/b:1.10\"
    enabled: true
";
        assert!(written.as_ref().unwrap().ends_with(expected), "{written:?}");
        let clash = overlay(&image("b", 1), "r.io").unwrap_err();
        assert!(
            matches!(clash, OverlayError::Clash(Clash::MissingItem { index: 0, .. })),
            "{clash:?}"
        );
    }

    #[test]
    fn json_becomes_null_maps_and_lists_and_sets_its_path_as_a_whole() {
        let image = "[[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n[image.values]\n\
                     \"a.tag\" = \"{tag}\"\n\"a.digest\" = { json = \"null\" }\n\"a.on\" = { json = \"true\" }\n";
        let common =
            "[values]\n\"a.on\" = true\n\"l\" = { json = '[{\"x\": \"{tag}\"}, 1e9, \"yes\"]' }\n";
        let expected = "\
a:
  \"on\": true
  tag: \"1\"
  digest: null
l:
  - x: \"{tag}\"
  - 1000000000.0
  - \"yes\"
";
        let written = overlay(&(common.to_owned() + image), "r.io").unwrap();
        assert!(written.ends_with(expected), "{written}");
        for below in ["\"l[0].x\" = 1\n", "\"a\" = { json = '{\"tag\": \"2\"}' }\n"] {
            let clash = overlay(&(common.to_owned() + below + image), "r.io").unwrap_err();
            assert!(matches!(clash, OverlayError::Clash(Clash::Shapes { .. })), "{clash:?}");
        }
    }

    #[test]
    fn contradicting_entries_are_refused_and_equal_ones_merged() {
        let with = |first: &str, second: &str| {
            let image = |name: &str, values: &str| {
                format!(
                    "[[image]]\nsource = \"q.io/{name}\"\ntag = \"1\"\nvalues = {{ {values} }}\n"
                )
            };
            overlay(&(image("a", first) + &image("b", second)), "r.io")
        };
        assert!(with(r#""a.b" = "{registry}""#, r#""a.b" = "{registry}""#).is_ok());
        let clash = with(r#""a.b" = "{repository}""#, r#""a.b" = "{repository}""#).unwrap_err();
        assert_eq!(clash.to_string(), "the value `a.b` is set to both `a` and `b`");
    }
}
