//! `ImageList::inherit`: a member of a workspace gets the settings of the workspace.

use std::collections::BTreeMap;

use super::{ImageList, Place, Policy, SignatureRule, Workspace, document, place::PlaceIndex};

/// A setting that a member and its workspace give different values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` has another value in the workspace", .keys.join("."))]
pub struct Contradiction {
    /// Its keys from the top of the file: `destinations`, `production`.
    pub keys: Vec<String>,
}

impl ImageList {
    /// The lists that share the settings of this one.
    pub fn workspace(&self) -> Option<&Workspace> {
        self.workspace.as_ref()
    }

    /// This list with the destinations, registries and policy of its workspace in addition to its own.
    /// [`parse_member`](Self::parse_member) has checked that the images fit the destinations.
    ///
    /// # Errors
    /// If both set something to different values.
    pub fn inherit(self, workspace: &Self) -> Result<Self, Contradiction> {
        let contradiction = |keys: &[&str]| {
            let keys = keys.iter().map(|&key| key.to_owned()).collect();
            Contradiction { keys }
        };
        let mut list = self;
        let inherited = merge(&mut list.destinations, &workspace.destinations);
        inherited.map_err(|name| contradiction(&["destinations", &name]))?;
        let inherited = merge(&mut list.registries, &workspace.registries);
        inherited.map_err(|name| contradiction(&["registries", name.as_str()]))?;
        let policy = std::mem::take(&mut list.policy);
        list.policy =
            merge_policies(policy, &workspace.policy).map_err(|keys| contradiction(&keys))?;
        Ok(list)
    }
}

/// The place of a key in the text of a list.
pub fn place_of_key(text: &str, keys: &[String]) -> Option<Place> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = document::parse(text, &mut Vec::new());
    let (last, above) = keys.split_last()?;
    let mut table = document.get_ref();
    for key in above {
        table = table.get(key.as_str())?.get_ref().as_table()?;
    }
    let (key, _) = table.get_key_value(last.as_str())?;
    Some(PlaceIndex::new(text).place(key.span().start))
}

/// Adds entries. Returns the first key that has two values.
fn merge<K: Ord + Clone, V: PartialEq + Clone>(
    own: &mut BTreeMap<K, V>,
    inherited: &BTreeMap<K, V>,
) -> Result<(), K> {
    for (key, value) in inherited {
        match own.get(key) {
            Some(present) if present != value => return Err(key.clone()),
            Some(_) => {}
            None => drop(own.insert(key.clone(), value.clone())),
        }
    }
    Ok(())
}

/// A key that is left out, or has its default, takes the value of the workspace.
fn merge_policies(own: Policy, root: &Policy) -> Result<Policy, Vec<&'static str>> {
    let Policy { allowed_registries, require_pins, require_platforms, mut severities, signatures } =
        own;
    let differ = |key| vec!["policy", key];
    if !allowed_registries.is_empty()
        && !root.allowed_registries.is_empty()
        && allowed_registries != root.allowed_registries
    {
        return Err(differ("allowed-registries"));
    }
    if let (Some(own), Some(root)) = (require_pins, root.require_pins)
        && own != root
    {
        return Err(differ("require-pins"));
    }
    if let (Some(own), Some(root)) = (&require_platforms, &root.require_platforms)
        && own != root
    {
        return Err(differ("require-platforms"));
    }
    let of_members = |rules: &[SignatureRule]| -> Vec<SignatureRule> {
        rules.iter().cloned().map(SignatureRule::inherited).collect()
    };
    let inherited = of_members(&root.signatures);
    let signatures = match signatures {
        own if own.is_empty() => inherited,
        own if inherited.is_empty() || of_members(&own) == inherited => own,
        _ => return Err(differ("signatures")),
    };
    merge(&mut severities, &root.severities)
        .map_err(|code| vec!["policy", "severity", code.name()])?;
    let or = |own: Vec<String>, root: &Vec<String>| if own.is_empty() { root.clone() } else { own };
    Ok(Policy {
        allowed_registries: or(allowed_registries, &root.allowed_registries),
        require_pins: require_pins.or(root.require_pins),
        require_platforms: require_platforms.or_else(|| root.require_platforms.clone()),
        severities,
        signatures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Problem;

    const ROOT: &str = "[workspace]\nmembers = ['charts/*']\n\
                        [destinations.prod]\nregistry = 'r.io'\n\
                        [registries.'q.io']\nconcurrency = 4\n\
                        [policy]\nrequire-pins = true\nseverity = { unpinned = 'error' }\n\
                        [[policy.signatures]]\nsources = ['q.io/*']\nkeys = ['a.pub']\n";
    const IMAGE: &str = "[[image]]\nsource = 'q.io/a'\ntag = '1'\n";

    fn list(text: &str) -> ImageList {
        ImageList::parse("images.toml", text).unwrap_or_else(|why| panic!("{why}"))
    }

    fn member(text: &str) -> ImageList {
        list(ROOT).parse_member("images.toml", text).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The problems of a member, with their lines.
    fn problems(root: &str, text: &str) -> Vec<String> {
        let problems = list(root).parse_member("images.toml", text).unwrap_err();
        let line = |problem: &Problem| format!("{}: {}", problem.place.line, problem.message);
        problems.iter().map(line).collect()
    }

    #[test]
    fn a_member_has_the_settings_of_its_workspace_and_its_own() {
        let root = list(ROOT);
        assert_eq!(root.workspace().unwrap().members, ["charts/*"]);
        assert!(root.images().is_empty());
        let own =
            "[destinations.test]\nregistry = 't.io'\n[policy]\nseverity = { insecure = 'error' }\n";
        let merged = member(&format!("{own}{IMAGE}")).inherit(&root).unwrap();
        assert_eq!(merged.destinations().keys().collect::<Vec<_>>(), ["prod", "test"]);
        assert_eq!(merged.registries().len(), 1);
        assert_eq!(merged.policy().require_pins, Some(true));
        assert_eq!(merged.policy().severities.len(), 2);
        let rules = &merged.policy().signatures;
        assert_eq!((rules.len(), rules[0].defined_at), (1, Place::NOWHERE));
        let same = member(&format!("[destinations.prod]\nregistry = 'r.io'\n{IMAGE}"));
        assert!(same.inherit(&root).is_ok());
    }

    #[test]
    fn two_values_for_one_setting_are_a_contradiction() {
        let table: [(&str, &[&str], usize); 5] = [
            ("policy.require-pins = false\n", &["policy", "require-pins"], 8),
            ("[destinations.prod]\nregistry = 'other.io'\n", &["destinations", "prod"], 3),
            ("[registries.'q.io']\nconcurrency = 5\n", &["registries", "q.io"], 5),
            ("policy.severity.unpinned = 'ignore'\n", &["policy", "severity", "unpinned"], 9),
            (
                "[[policy.signatures]]\nsources = ['*']\nexempt = 'x'\n",
                &["policy", "signatures"],
                10,
            ),
        ];
        for (own, keys, line) in table {
            let error = member(&format!("{own}{IMAGE}")).inherit(&list(ROOT)).unwrap_err();
            let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
            assert_eq!(place_of_key(ROOT, &keys).unwrap().line, line, "{own}");
            assert_eq!(error, Contradiction { keys }, "{own}");
        }
    }

    #[test]
    fn a_member_inherits_what_may_be_pruned_and_cannot_change_it() {
        let rules = "prune = { repositories = ['a/**'], keep-last = 2 }\n";
        let root = ROOT.replace("registry = 'r.io'\n", &format!("registry = 'r.io'\n{rules}"));
        let own = |rules: &str| {
            let text = format!("[destinations.prod]\nregistry = 'r.io'\n{rules}{IMAGE}");
            let member = list(&root).parse_member("images.toml", &text).unwrap();
            member.inherit(&list(&root))
        };
        let inherited = list(&root).parse_member("images.toml", IMAGE).unwrap();
        let inherited = inherited.inherit(&list(&root)).unwrap();
        assert_eq!(inherited.destinations()["prod"].prune.as_ref().unwrap().keep_last, 2);
        assert_eq!(own(rules).unwrap().destinations(), inherited.destinations());
        for other in ["", "prune.repositories = ['a/**', 'b']\n"] {
            assert_eq!(own(other).unwrap_err().keys, ["destinations", "prod"], "{other}");
        }
    }

    /// Two images with one path, from different registries.
    const SAME_PATH: &str =
        "[[image]]\nsource = 'q.io/a'\ntag = '1'\n[[image]]\nsource = 'p.io/a'\ntag = '1'\n";

    #[test]
    fn images_have_to_fit_the_destinations_of_the_workspace_and_no_others() {
        let found = problems(ROOT, SAME_PATH);
        let message =
            "two images have the target `r.io/a:1`, at the destination `prod` of the workspace";
        assert_eq!(found, [format!("5: {message}")]);
        let apart = ROOT.replace("'r.io'\n", "'r.io'\ntarget = '{registry}/{path}'\n");
        let list = list(&apart).parse_member("images.toml", SAME_PATH).unwrap();
        assert_eq!(list.destinations().len(), 0, "its own settings only");
        assert!(ImageList::parse("images.toml", SAME_PATH).is_err(), "they do not fit `-d HOST`");
        assert_eq!(list.inherit(&self::list(&apart)).unwrap().destinations().len(), 1);
        // Without any destination, `-d HOST` is assumed.
        let found = problems("[workspace]\nmembers = ['charts/*']\n", SAME_PATH);
        assert_eq!(found, ["5: two images have the target `a:1`"]);
    }

    #[test]
    fn the_registries_of_member_and_workspace_form_no_chain() {
        let root = "[workspace]\nmembers = ['charts/*']\n\
                    [registries.'q.io']\nvia = 'cache.io/q'\n";
        let own = |host: &str, via: &str| {
            problems(root, &format!("[registries.'{host}']\nvia = '{via}'\n{IMAGE}"))
        };
        assert_eq!(own("p.io", "q.io"), ["2: `q.io` is itself read via `cache.io/q`"]);
        let second = "the workspace reads `q.io` via `cache.io`, which is itself read via `z.io`";
        assert_eq!(own("cache.io", "z.io"), [format!("2: {second}")]);
        // A circle is one problem.
        assert_eq!(own("cache.io", "q.io"), ["2: `q.io` is itself read via `cache.io/q`"]);
        let unrelated = format!("[registries.'p.io']\nvia = 'cache.io/p'\n{IMAGE}");
        assert!(list(root).parse_member("images.toml", &unrelated).is_ok());
    }
}
