//! The report of `values --prove`.

use std::fmt::Write as _;

use crate::report::common::count;
use crate::values::proof::Proof;
use messages::program::command;

/// Every mention and gap with its hint, then the conclusion, which says what was looked at.
pub fn text(proof: &Proof, destination: &str) -> String {
    let mut text = String::new();
    for (level, gaps) in [("warning", &proof.mentions), ("error", &proof.gaps)] {
        for gap in gaps {
            let hint = gap.advice().hint.unwrap_or_default();
            let _ = writeln!(text, "{level}: {gap}\n  hint: {hint}");
        }
    }
    for error in &proof.failed {
        let hint = format!(
            "correct the value of images.toml that it rejects: {} finds values that the chart accepts",
            command("values --probe")
        );
        let advice = error.advice();
        let hint = advice.hint.as_deref().unwrap_or(&hint);
        let _ = writeln!(
            text,
            "error: with these values the chart does not render: {}: {}\n  hint: {hint}",
            error.attempt(),
            advice.message
        );
    }
    for reliance in &proof.relied_on {
        let hint = reliance.hint();
        let _ = writeln!(text, "error: with these values {reliance}\n  hint: {hint}");
    }
    let are_pulled = match proof.proven.len() {
        1 => format!("1 image is pulled from {destination}"),
        proven => format!("{proven} images are pulled from {destination}"),
    };
    text + &match (proof.errors() as u64, proof.proven.len()) {
        (0, 0) => "error: nothing is proven, because no image reference was found\n".to_owned(),
        (0, proven) => {
            let (all, each) = if proven == 1 { ("", "") } else { ("all ", "each ") };
            let renderings = count(proof.renderings as u64, "rendering");
            let looked_at = count(proof.places as u64, "place")
                + &more(proof.ignored, "ignored by a rule")
                + &match proof.mentions.len() {
                    0 => String::new(),
                    mentions => format!(", {} not judged", count(mentions as u64, "mention")),
                };
            format!(
                "proven: in {renderings} {all}{are_pulled}, {each}from its target in the list ({looked_at})\n"
            )
        }
        (gaps, _) => format!("not proven: {}; {are_pulled}\n", count(gaps, "gap")),
    }
}

/// `, 3 ignored by a rule`; nothing for zero.
fn more(number: usize, what: &str) -> String {
    if number == 0 { String::new() } else { format!(", {number} {what}") }
}
