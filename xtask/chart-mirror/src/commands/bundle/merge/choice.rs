//! Decides what a merged bundle has: which list, image and chart comes from which bundle; pure.

use std::collections::{BTreeMap, BTreeSet};

use messages::Advice;
use oci::{Digest, Reference};

use super::result::LeftBehind;
use crate::bundle::bundle_inventory::{BundleInventory, BundledChart, BundledImage};
use crate::commands::bundle::open_bundle::ITSELF;
use crate::list::ImageList;

/// What decides about a bundle.
pub(super) struct MergedBundle {
    /// Its location, for messages.
    pub(super) place: String,
    pub(super) inventory: BundleInventory,
    /// By name.
    pub(super) lists: BTreeMap<String, MergedList>,
    /// The digest of its images.toml.
    pub(super) root: Digest,
}

pub(super) struct MergedList {
    /// The digest of its file.
    pub(super) text: Digest,
    pub(super) list: ImageList,
}

/// What the merged bundle has. The numbers are positions of bundles.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// By the name of the list.
    pub(super) lists: BTreeMap<String, usize>,
    pub(super) images: Vec<(usize, BundledImage)>,
    pub(super) charts: Vec<(usize, BundledChart)>,
    pub(super) left_behind: Vec<LeftBehind>,
}

/// `bundles` are in their order from the oldest to the newest.
///
/// # Errors
/// If the bundles contradict each other, or do not belong together.
pub(super) fn choose(bundles: &[&MergedBundle]) -> Result<Choice, Advice> {
    check_platforms(bundles)?;
    check_roots(bundles)?;
    let names: BTreeSet<&String> = bundles.iter().flat_map(|bundle| bundle.lists.keys()).collect();
    let mut choice = Choice::default();
    for name in names {
        let holders: Vec<usize> =
            (0..bundles.len()).filter(|at| bundles[*at].lists.contains_key(name)).collect();
        let Some(newest) = holders.last().copied() else { continue };
        check_related(bundles, name, &holders)?;
        choice.lists.insert(name.clone(), newest);
        choice.add_images(bundles, name, &holders, &bundles[newest].lists[name].list)?;
        choice.charts.extend(chart_of(bundles, name, &holders));
    }
    choice.check_names(bundles)?;
    Ok(choice)
}

/// Whether the later of two bundles is certainly the newer one: then it may have other images. A difference is
/// made for what is there; otherwise the list must have changed.
fn is_newer(later: &MergedBundle, earlier: &MergedBundle, list: &str) -> bool {
    match (&later.inventory.against, &earlier.inventory.against) {
        (Some(_), None) => true,
        (None, Some(_)) => false,
        _ => later.lists[list].text != earlier.lists[list].text,
    }
}

impl Choice {
    /// Adds what the newest list has, each image from the newest bundle that has it.
    fn add_images(
        &mut self,
        bundles: &[&MergedBundle],
        name: &str,
        holders: &[usize],
        newest: &ImageList,
    ) -> Result<(), Advice> {
        // By source: the position of each bundle that has it, from the newest to the oldest.
        let mut there: BTreeMap<&Reference, Vec<(usize, &BundledImage)>> = BTreeMap::new();
        for at in holders.iter().rev() {
            for image in bundles[*at].inventory.images.iter().filter(|image| image.list == name) {
                there.entry(&image.source).or_default().push((*at, image));
            }
        }
        let pins: BTreeMap<Reference, Option<&Digest>> =
            newest.images().iter().map(|it| (it.reference(), it.digest.as_ref())).collect();
        for (source, found) in there {
            let taken = pins.get(source).and_then(|pin| {
                found.iter().find(|(_, image)| {
                    let origin = image.made_from.as_ref().unwrap_or(&image.digest);
                    pin.is_none_or(|pin| pin == origin)
                })
            });
            let others = found.iter().filter(|(_, other)| match taken {
                Some((_, taken)) => taken.digest != other.digest,
                None => true,
            });
            for (at, other) in others {
                if let Some((newer, taken)) = taken
                    && !(at < newer && is_newer(bundles[*newer], bundles[*at], name))
                {
                    let sides = [(*newer, name, &taken.digest), (*at, name, &other.digest)];
                    return Err(contradiction(bundles, &source.to_string(), sides));
                }
                self.left_behind.push(LeftBehind {
                    list: name.to_owned(),
                    source: source.clone(),
                    digest: other.digest.clone(),
                    bundle: bundles[*at].place.clone(),
                    replaced_by: taken.map(|(_, taken)| taken.digest.clone()),
                });
            }
            self.images.extend(taken.map(|(at, image)| (*at, (*image).clone())));
        }
        Ok(())
    }

    /// Refuses lists that have different images of one name.
    fn check_names(&self, bundles: &[&MergedBundle]) -> Result<(), Advice> {
        let images =
            self.images.iter().map(|(at, it)| (it.source.to_string(), *at, &it.list, &it.digest));
        let charts =
            self.charts.iter().map(|(at, it)| (it.name.clone(), *at, &it.list, &it.digest));
        let mut known: BTreeMap<String, (usize, &str, &Digest)> = BTreeMap::new();
        for (name, at, list, digest) in images.chain(charts) {
            let side = (at, list.as_str(), digest);
            let other = *known.entry(name.clone()).or_insert(side);
            if other.2 != digest {
                return Err(contradiction(bundles, &name, [other, side]));
            }
        }
        Ok(())
    }
}

/// The chart in the newest bundle that has it, unless `[chart]` has changed since.
fn chart_of(
    bundles: &[&MergedBundle],
    name: &str,
    holders: &[usize],
) -> Option<(usize, BundledChart)> {
    let listed = |at: usize| {
        let chart = bundles[at].lists[name].list.chart()?;
        Some((&chart.name, &chart.repository, &chart.version))
    };
    let newest = listed(*holders.last()?);
    holders.iter().rev().filter(|at| listed(**at) == newest).find_map(|at| {
        let charts = &bundles[*at].inventory.charts;
        charts.iter().find(|chart| chart.list == name).map(|chart| (*at, chart.clone()))
    })
}

fn contradiction(
    bundles: &[&MergedBundle],
    name: &str,
    sides: [(usize, &str, &Digest); 2],
) -> Advice {
    let [one, other] = sides.map(|(at, list, digest)| {
        let list = if list == ITSELF { String::new() } else { format!(" for `{list}`") };
        format!("{digest} in {}{list}", bundles[at].place)
    });
    Advice::new(format!("`{name}` is {one}, and {other}; nothing was written")).with_hint(
        "nothing shows which one is right: name bundles from the oldest to the newest, a difference after the bundle \
         that it follows, or export one of them again",
    )
}

/// Refuses bundles whose images have different platforms.
fn check_platforms(bundles: &[&MergedBundle]) -> Result<(), Advice> {
    let platforms = |bundle: &MergedBundle| match &bundle.inventory.platforms {
        Some(platforms) => format!("only {platforms}"),
        None => "all platforms".to_owned(),
    };
    let Some((first, others)) = bundles.split_first() else { return Ok(()) };
    match others.iter().find(|other| other.inventory.platforms != first.inventory.platforms) {
        None => Ok(()),
        Some(other) => {
            let message = format!(
                "{} has {} of each image, and {} {}",
                first.place,
                platforms(first),
                other.place,
                platforms(other)
            );
            Err(Advice::new(message).with_hint("merge bundles for the same platforms"))
        }
    }
}

/// The images.toml of the newest bundle becomes that of the merged one. It must be able to replace the others.
fn check_roots(bundles: &[&MergedBundle]) -> Result<(), Advice> {
    let Some((newest, others)) = bundles.split_last() else { return Ok(()) };
    let has_itself = |bundle: &MergedBundle| bundle.lists.contains_key(ITSELF);
    let has_members = |bundle: &MergedBundle| bundle.lists.keys().any(|name| name != ITSELF);
    let unfit = others.iter().find(|other| {
        other.root != newest.root
            && (has_itself(other) && !has_itself(newest)
                || has_members(other) && !has_members(newest))
    });
    match unfit {
        None => Ok(()),
        Some(other) => {
            let message = format!(
                "{} and {} are of different workspaces: a bundle has one `images.toml`",
                other.place, newest.place
            );
            Err(Advice::new(message).with_hint("merge bundles of one list, or of one workspace"))
        }
    }
}

/// Refuses two lists of one name that have nothing in common: the newest one would replace all of the other.
fn check_related(bundles: &[&MergedBundle], name: &str, holders: &[usize]) -> Result<(), Advice> {
    let sources = |at: usize| -> BTreeSet<_> {
        bundles[at].lists[name].list.images().iter().map(|image| &image.source).collect()
    };
    let Some((newest, others)) = holders.split_last() else { return Ok(()) };
    let newest_sources = sources(*newest);
    let unrelated = others.iter().find(|at| {
        let sources = sources(**at);
        !sources.is_empty() && sources.is_disjoint(&newest_sources)
    });
    match unrelated {
        None => Ok(()),
        Some(other) => {
            let message = format!(
                "the list `{name}` of {} has no image of the one of {}: these are lists of different charts",
                bundles[*newest].place, bundles[*other].place
            );
            Err(Advice::new(message).with_hint(
                "make them members of a workspace and export that, or import the bundles one after the other",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::bundle_inventory::{BundledList, CountedOn};

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    /// `NAME=CONTENT` for each image of a list.
    fn bundle(place: &str, list: &str, images: &[&str]) -> MergedBundle {
        let mut inventory = BundleInventory::new();
        let mut text = String::new();
        for image in images {
            let (name, content) = image.split_once('=').unwrap();
            text += &format!("[[image]]\nsource = \"r.io/{name}\"\ntag = \"1\"\n");
            inventory.images.push(BundledImage {
                list: list.to_owned(),
                source: format!("r.io/{name}:1").parse().unwrap(),
                digest: digest(content),
                made_from: None,
                target: None,
            });
        }
        inventory.lists.push(BundledList { name: list.to_owned(), file: String::new() });
        let parsed = ImageList::parse("images.toml", &text).unwrap();
        let text = MergedList { text: digest(&(place.to_owned() + &text)), list: parsed };
        let lists = BTreeMap::from([(list.to_owned(), text)]);
        let root = if list == ITSELF { digest(place) } else { digest("workspace") };
        MergedBundle { place: place.to_owned(), inventory, lists, root }
    }

    fn difference(mut bundle: MergedBundle) -> MergedBundle {
        let against = CountedOn { destination: "r.io".to_owned(), left_out: Vec::new() };
        bundle.inventory.against = Some(against);
        bundle
    }

    /// The images as `NAME=BUNDLE`, or the error.
    fn chosen(bundles: &[MergedBundle]) -> Result<Vec<String>, String> {
        let bundles: Vec<_> = bundles.iter().collect();
        let choice = choose(&bundles).map_err(|why| why.message)?;
        let images = choice.images.iter();
        Ok(images
            .map(|(at, it)| format!("{}={}", it.source.repository().path(), bundles[*at].place))
            .collect())
    }

    #[test]
    fn the_newest_bundle_decides_if_it_is_certainly_the_newest() {
        let (one, two) =
            (|images: &[_]| bundle("one", ".", images), |images: &[_]| bundle("two", ".", images));
        let same_list = |mut later: MergedBundle, earlier: &MergedBundle| {
            let text = earlier.lists["."].text.clone();
            later.lists.get_mut(".").unwrap().text = text;
            later
        };
        let earlier = || one(&["a=x", "b=y"]);
        let later = || two(&["a=z", "b=y"]);
        // The list has changed, or it is a difference.
        assert_eq!(chosen(&[earlier(), later()]).unwrap(), ["a=two", "b=two"]);
        let follows = difference(same_list(later(), &earlier()));
        assert_eq!(chosen(&[earlier(), follows]).unwrap(), ["a=two", "b=two"]);
        // It is not known which one is newer.
        for (earlier, later) in [
            (earlier(), same_list(later(), &earlier())),
            (difference(earlier()), later()),
            (difference(earlier()), difference(same_list(later(), &earlier()))),
        ] {
            let error = chosen(&[earlier, later]).unwrap_err();
            for expected in ["`r.io/a:1`", "one", "two", digest("x").as_str(), digest("z").as_str()]
            {
                assert!(error.contains(expected), "{expected}: {error}");
            }
        }
        // If nothing differs, that does not matter.
        assert_eq!(chosen(&[difference(earlier()), earlier()]).unwrap(), ["a=one", "b=one"]);
    }

    #[test]
    fn an_image_comes_from_an_older_bundle_if_the_newest_list_has_it() {
        let mut later = bundle("two", ".", &["a=z", "b=y"]);
        later.inventory.images.pop();
        let earlier = bundle("one", ".", &["a=x", "b=y", "c=w"]);
        let bundles = [&earlier, &later];
        let choice = choose(&bundles).unwrap();
        let from: Vec<usize> = choice.images.iter().map(|(at, _)| *at).collect();
        assert_eq!(from, [1, 0]);
        let left: Vec<_> = choice
            .left_behind
            .iter()
            .map(|it| (it.source.to_string(), it.replaced_by.clone()))
            .collect();
        assert_eq!(
            left,
            [("r.io/a:1".to_owned(), Some(digest("z"))), ("r.io/c:1".to_owned(), None)]
        );
    }

    #[test]
    fn an_older_image_that_the_newest_list_pins_to_another_digest_is_left_behind() {
        let pinned =
            format!("[[image]]\nsource = \"r.io/a\"\ntag = \"1\"\ndigest = \"{}\"\n", digest("z"));
        let mut later = bundle("two", ".", &["a=z"]);
        later.lists.get_mut(".").unwrap().list = ImageList::parse("images.toml", &pinned).unwrap();
        later.inventory.images.clear();
        assert_eq!(chosen(&[bundle("one", ".", &["a=x"]), later]).unwrap(), [""; 0]);
    }

    #[test]
    fn members_of_a_workspace_stay_side_by_side_and_must_agree() {
        let member = |name: &str, images: &[&str]| bundle(name, name, images);
        let both = [member("a", &["x=1", "y=1"]), member("b", &["y=1"])];
        assert_eq!(chosen(&both).unwrap(), ["x=a", "y=a", "y=b"]);
        let error = chosen(&[member("a", &["y=1"]), member("b", &["y=2"])]).unwrap_err();
        assert!(error.contains("for `a`") && error.contains("for `b`"), "{error}");
    }

    #[test]
    fn bundles_that_do_not_belong_together_are_refused() {
        let single = bundle("one", ".", &["a=x"]);
        let mut smaller = bundle("two", ".", &["a=x"]);
        smaller.inventory.platforms = Some("linux/amd64".parse().unwrap());
        let table = [
            (vec![single, bundle("two", ".", &["b=x"])], "different charts"),
            (
                vec![bundle("one", ".", &["a=x"]), bundle("w", "b", &["a=x"])],
                "different workspaces",
            ),
            (
                vec![bundle("w", "b", &["a=x"]), bundle("one", ".", &["a=x"])],
                "different workspaces",
            ),
            (vec![bundle("one", ".", &["a=x"]), smaller], "all platforms"),
        ];
        for (bundles, expected) in table {
            let error = chosen(&bundles).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
