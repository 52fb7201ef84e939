//! For tests: the pages in `docs/reference`, generated from the flags and from the schema of images.toml, and
//! the command lines in the other pages.

mod commands;
mod flags;
mod keys;

/// The first lines of each page.
fn head(title: &str, origin: &str) -> String {
    format!(
        "# {title}\n\n<!-- Generated from {origin}. `UPDATE_EXPECT=1 cargo test --lib` rewrites it. -->\n"
    )
}

/// A cell of a table: one line, without a bar that would end it.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
