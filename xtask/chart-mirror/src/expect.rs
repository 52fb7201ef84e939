//! For tests: files of this repository that are made from the code, compared or written anew.

use std::io::Write as _;
use std::path::Path;

/// Wants a file to be what was generated, from its path below the workspace; `UPDATE_EXPECT=1` writes
/// it instead.
pub(crate) fn assert_kept(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept == generated {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1"),
        "{name} is not what the code says\nhint: `UPDATE_EXPECT=1 cargo test --lib` writes it anew"
    );
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap()).unwrap();
    file.write_all(generated.as_bytes()).unwrap();
    if let Ok(there) = path.metadata() {
        file.as_file().set_permissions(there.permissions()).unwrap();
    }
    file.persist(&path).unwrap();
}
