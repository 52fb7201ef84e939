//! For tests: compares generated files of this repository with the code, or rewrites them.

use std::io::Write as _;
use std::path::Path;

/// Asserts that a file has the generated content. Its name is relative to the workspace. With
/// `UPDATE_EXPECT=1`, writes the file instead.
pub(crate) fn assert_kept(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept == generated {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1"),
        "{name} is out of date\nhint: `UPDATE_EXPECT=1 cargo test --lib` rewrites it"
    );
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap()).unwrap();
    file.write_all(generated.as_bytes()).unwrap();
    if let Ok(current) = path.metadata() {
        file.as_file().set_permissions(current.permissions()).unwrap();
    }
    file.persist(&path).unwrap();
}
