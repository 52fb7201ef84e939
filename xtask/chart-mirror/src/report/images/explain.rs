//! The report of `images --explain`.

use std::fmt::Write as _;

use crate::commands::explain::Explanation;
use messages::printable::{printable, printable_within};
use messages::program::command;

/// Each place with why it counts as an image, what the list makes of it, and what moves it.
pub fn explanations(explanations: &[Explanation]) -> String {
    let mut text = String::new();
    for Explanation { written, place, why, list, moved_by } in explanations {
        let _ = writeln!(text, "{}", printable(written));
        if let Some(place) = place {
            let _ = writeln!(text, "  at {place}, rendering `{}`", printable(&place.rendering));
        }
        let _ = writeln!(text, "  why    {}", printable_within(1000, why));
        let _ = writeln!(text, "  list   {}", printable_within(1000, list));
        let Some(moved_by) = moved_by else { continue };
        let keys = if moved_by.is_empty() {
            let probe = command("values --probe");
            format!("none in images.toml moves it; {probe} shows whether one of the chart does")
        } else {
            format!("`{}` moves it", printable_within(1000, &moved_by.join("`, `")))
        };
        let _ = writeln!(text, "  value  {keys}");
    }
    text
}
