//! The console examples of README.md and `docs` that render a chart, with the real helm.

use crate::programs::helm::program;
use crate::support::pages::{Needs, examples};

#[test]
fn every_console_example_that_needs_helm_prints_what_the_page_shows() {
    let helm = program().canonicalize().unwrap();
    let examples = examples();
    let run = examples.iter().filter(|example| example.needs == Needs::Helm);
    assert_ne!(run.map(|example| example.check(Some(&helm))).count(), 0);
}
