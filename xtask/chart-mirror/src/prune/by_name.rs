//! What the name of a tag decides, before anything else of it is known.

use std::collections::BTreeMap;

use globset::GlobMatcher;

use super::attachment::subject_of;
use super::decision::{ByName, KeepReason};
use super::version_order;
use super::wanted::WantedContent;
use crate::list::PruneRules;
use oci::Tag;
use registry::ListedTag;

/// The rules depend on when tags were pushed, and the registry does not report that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPushTimes;

/// Decides by names. `now` is in seconds since 1970, as the times of the tags are.
///
/// # Errors
/// If the rules have a minimum age, and it is unknown when a tag was pushed that would go.
pub fn by_name(
    tags: &[ListedTag],
    wanted: Option<&WantedContent>,
    rules: &PruneRules,
    now: u64,
) -> Result<BTreeMap<Tag, ByName>, NoPushTimes> {
    let keep: Vec<GlobMatcher> = rules.keep.iter().map(globset::Glob::compile_matcher).collect();
    let mut decided: BTreeMap<Tag, ByName> = BTreeMap::new();
    let mut others: Vec<&ListedTag> = Vec::new();
    for listed in tags {
        let tag = &listed.tag;
        let list = wanted.and_then(|wanted| wanted.tags.get(tag));
        let pattern = keep.iter().find(|pattern| pattern.is_match(tag.as_str()));
        let all = wanted.and_then(|wanted| wanted.all.as_ref());
        let by_name = match (list, all, pattern) {
            (Some(list), ..) => ByName::Keep(KeepReason::Wanted { list: list.clone() }),
            (_, Some(why), _) => ByName::Keep(KeepReason::Unclear { why: why.clone() }),
            (.., Some(pattern)) => {
                ByName::Keep(KeepReason::Pattern { glob: pattern.glob().to_string() })
            }
            _ if subject_of(tag).is_some() => ByName::Attachment,
            _ => {
                others.push(listed);
                continue;
            }
        };
        decided.insert(tag.clone(), by_name);
    }
    others.sort_by(|a, b| version_order::compare(&b.tag, &a.tag));
    for (place, ListedTag { tag, pushed }) in others.into_iter().enumerate() {
        let by_name = match (rules.minimum_age, pushed) {
            _ if place < rules.keep_last => ByName::Keep(KeepReason::Newest),
            (None, _) => ByName::Candidate,
            (Some(_), None) => return Err(NoPushTimes),
            // A time in the future is that of a wrong clock, and counts as young.
            (Some(age), Some(pushed)) if pushed.saturating_add(age.seconds()) > now => {
                ByName::Keep(KeepReason::Young)
            }
            (Some(_), Some(_)) => ByName::Candidate,
        };
        decided.insert(tag.clone(), by_name);
    }
    Ok(decided)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;
    use oci::Digest;

    const DAY: u64 = 24 * 3600;
    const NOW: u64 = 1000 * DAY;

    fn rules(keys: &str) -> PruneRules {
        let text = format!(
            "[destinations.d]\nregistry = 'r.io/a'\n[destinations.d.prune]\nrepositories = ['**']\n{keys}\n\
             [[image]]\nsource = 'a'\ntag = '1'\n"
        );
        let list = ImageList::parse("images.toml", &text).unwrap_or_else(|why| panic!("{why}"));
        list.destinations()["d"].prune.clone().unwrap()
    }

    fn tags(names: &[(&str, Option<u64>)]) -> Vec<ListedTag> {
        let tag = |(name, days): &(&str, Option<u64>)| ListedTag {
            tag: name.parse().unwrap(),
            pushed: days.map(|days| NOW - days * DAY),
        };
        names.iter().map(tag).collect()
    }

    fn wanted(tags: &[&str]) -> WantedContent {
        let tag = |name: &&str| (name.parse().unwrap(), "images.toml".to_owned());
        WantedContent { tags: tags.iter().map(tag).collect(), ..WantedContent::default() }
    }

    /// One letter for each tag: w(anted), p(attern), n(ewest), y(oung), u(nclear), a(ttachment), or `-`.
    fn letters(names: &[(&str, Option<u64>)], wanted: &WantedContent, keys: &str) -> String {
        let decided = by_name(&tags(names), Some(wanted), &rules(keys), NOW).unwrap();
        let letter = |(name, _): &(&str, Option<u64>)| match &decided[&name.parse::<Tag>().unwrap()]
        {
            ByName::Keep(KeepReason::Wanted { .. }) => 'w',
            ByName::Keep(KeepReason::Pattern { .. }) => 'p',
            ByName::Keep(KeepReason::Newest) => 'n',
            ByName::Keep(KeepReason::Young) => 'y',
            ByName::Keep(KeepReason::Unclear { .. }) => 'u',
            ByName::Keep(other) => panic!("{other:?}"),
            ByName::Attachment => 'a',
            ByName::Candidate => '-',
        };
        names.iter().map(letter).collect()
    }

    #[test]
    fn lists_and_rules_decide_what_stays() {
        let all = ["1.0", "1.9", "1.10", "1.10-rc1", "2.0", "lts"].map(|name| (name, None));
        let table = [
            ("", &["2.0"][..], "----w-"),
            ("keep = ['lts', '1.?']", &["2.0"], "pp--wp"),
            ("keep-last = 2", &["2.0"], "--nnw-"),
            ("keep-last = 2\nkeep = ['1.10*']", &[], "-npp"),
            ("keep-last = 9", &[], "nnnnnn"),
            ("keep = ['2.0']", &["2.0"], "----w-"),
        ];
        for (keys, listed, expected) in table {
            let found = letters(&all, &wanted(listed), keys);
            assert!(found.starts_with(expected), "{keys}: {found}");
        }
    }

    #[test]
    fn young_tags_stay_and_without_their_age_nothing_is_decided() {
        let aged = [("1", Some(31)), ("2", Some(30)), ("3", Some(29)), ("4", Some(0))];
        assert_eq!(letters(&aged, &wanted(&[]), "minimum-age = '30d'"), "--yy");
        assert_eq!(letters(&aged, &wanted(&["1"]), "minimum-age = '4w'\nkeep-last = 1"), "w--n");
        let future = vec![ListedTag { tag: "1".parse().unwrap(), pushed: Some(NOW + DAY) }];
        let rules = rules("minimum-age = '1h'");
        let decided = by_name(&future, None, &rules, NOW).unwrap();
        assert!(decided.values().all(|it| *it == ByName::Keep(KeepReason::Young)));
        let unknown = tags(&[("1", Some(31)), ("2", None)]);
        assert_eq!(by_name(&unknown, None, &rules, NOW), Err(NoPushTimes));
        let listed = wanted(&["2"]);
        assert!(by_name(&unknown, Some(&listed), &rules, NOW).is_ok(), "its age does not matter");
    }

    #[test]
    fn an_attachment_does_not_count_as_one_of_the_newest() {
        let signature = format!("{}.sig", Digest::of(b"x").as_tag());
        let names = [("1", None), (signature.as_str(), None), ("2", None)];
        assert_eq!(letters(&names, &wanted(&[]), "keep-last = 2"), "nan");
        assert_eq!(letters(&names, &wanted(&[]), "keep = ['*.sig']"), "-p-");
    }

    #[test]
    fn nothing_goes_where_a_list_has_something_unknown() {
        let unclear = WantedContent { all: Some("why".to_owned()), ..wanted(&["1"]) };
        assert_eq!(letters(&[("1", None), ("2", None)], &unclear, ""), "wu");
    }
}
