//! README.md and the pages in `docs`: their examples print what they show, and their links lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chart_mirror::list::ImageList;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::support::example::{Needs, Setting};
use crate::support::pages::{NOT_RUN, RUN_ALONE, blocks, commands, examples, page, pages, root};

#[test]
fn commands_without_servers_do_what_the_page_shows() {
    let examples = examples();
    let run = examples.iter().filter(|example| example.needs == Needs::Nothing);
    assert_ne!(run.map(|example| example.check(&Setting::default())).count(), 0);
}

#[test]
fn a_command_that_no_example_runs_has_its_own_test_or_a_reason() {
    for (name, command, test) in RUN_ALONE {
        assert!(commands(&page(name)).iter().any(|known| known == command), "{name}: {command}");
        let test = format!("tests/real/{test}.rs");
        assert!(page(&test).contains(&format!("\"{name}\"")), "{test}: {name}");
        assert!(page(&test).contains(&format!("\"{command}\"")), "{test}: {command}");
    }
    let all: Vec<_> = pages().iter().flat_map(|(_, text)| commands(text)).collect();
    for (start, _) in NOT_RUN {
        assert!(all.iter().any(|command| command.starts_with(start)), "no page has `{start}`");
    }
}

#[test]
fn the_readme_is_short() {
    let (name, text) = pages().swap_remove(0);
    assert_eq!(name, "README.md");
    assert!(text.lines().count() <= 150, "{} lines", text.lines().count());
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut pages: BTreeMap<_, _> = pages().into_iter().collect();
    for name in
        ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "values/README.md"]
    {
        pages.insert(name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap());
    }
    let anchors: BTreeMap<_, _> = pages.iter().map(|(name, text)| (name, anchors(text))).collect();
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for link in links(text) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.clone() } else { beside(page, path) };
            let has_anchor = |anchors: &BTreeSet<String>| anchors.contains(anchor);
            let is_found = root().join(&target).exists()
                && (anchor.is_empty() || anchors.get(&target).is_some_and(has_anchor));
            if !is_found {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// A path from the root of the repository.
fn beside(page: &str, path: &str) -> String {
    let mut parts: Vec<_> = Path::new(page).parent().unwrap().iter().collect();
    for part in Path::new(path) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/".as_ref()).into_string().unwrap()
}

fn links(text: &str) -> Vec<String> {
    let link = |event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
        _ => None,
    };
    Parser::new_ext(text, Options::all()).filter_map(link).collect()
}

/// The anchors that GitHub makes of the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::all()) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
                let text = heading.take().unwrap_or_default().to_lowercase();
                anchors.insert(text.chars().filter(kept).collect::<String>().replace(' ', "-"));
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    anchors
}

#[test]
fn anchors_are_those_of_github() {
    let text = "# `cargo xtask` in your *own* repository\n## A, B (c_d)\n";
    let expected = ["a-b-c_d", "cargo-xtask-in-your-own-repository"];
    assert_eq!(anchors(text), expected.map(str::to_owned).into());
}

#[test]
fn the_lists_of_the_page_about_migrating_are_valid() {
    let blocks = blocks(&page("docs/migrating.md"), "toml");
    let lists = blocks.iter().map(|block| ImageList::parse("images.toml", block).unwrap());
    assert_eq!(lists.count(), 3);
}
