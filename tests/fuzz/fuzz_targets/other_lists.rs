//! Lists of other tools.
#![no_main]

#[expect(dead_code, reason = "each target uses its function")]
#[path = "../../support/entry_points.rs"]
mod entry_points;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry_points::other_lists(data));
