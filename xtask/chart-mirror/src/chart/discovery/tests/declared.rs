//! Images that a `[[chart.place]]` declares.

use std::collections::BTreeSet;

use super::super::discover;
use super::rendered;
use crate::list::ImageList;

fn found(text: &str, parts: &str) -> Vec<String> {
    let list = format!(
        "[chart]\nname = \"c\"\n[[chart.place]]\npath = \"spec.engine\"\nparts = {{ {parts} }}\nreason = \"joined\"\n\
         [[image]]\nsource = \"x.io/x\"\ntag = \"1\"\n"
    );
    let list = ImageList::parse("images.toml", &list).unwrap();
    let found = discover(&rendered(text), list.chart(), &BTreeSet::new()).unwrap();
    found.images.into_iter().map(|it| format!("{} {}", it.written, it.place.path)).collect()
}

#[test]
fn parts_may_be_below_the_declared_map_and_the_rest_of_it_is_searched() {
    let table: [(&str, &str, &[&str]); 4] = [
        (
            "spec: {engine: {at: q.io/a, version: 2, core: {run: {program: db}}}}",
            "registry = 'at', repository = 'core.run.program', tag = 'version'",
            &["q.io/a/db:2 spec.engine"],
        ),
        (
            "spec: {engine: {core: {program: q.io/db, toolImage: q.io/tool:3}, agentImage: q.io/agent:4}}",
            "repository = 'core.program'",
            &[
                "q.io/db spec.engine",
                "q.io/tool:3 spec.engine.core.toolImage",
                "q.io/agent:4 spec.engine.agentImage",
            ],
        ),
        // A key with a dot comes first.
        (
            "spec: {engine: {core.program: q.io/db, core: {program: q.io/other}}}",
            "repository = 'core.program'",
            &["q.io/db spec.engine"],
        ),
        ("spec: {engine: {core: q.io/db}}", "repository = 'core.program'", &[]),
    ];
    for (text, parts, expected) in table {
        assert_eq!(found(text, parts), expected, "{text}");
    }
}
