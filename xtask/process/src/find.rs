//! Finds programs in the folders of a search path.

use std::path::{Path, PathBuf};

/// The first program of that name in the folders of a `PATH`. Relative folders do not count: what they
/// contain depends on where the tool was started.
pub fn find_program(name: &str, search_path: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let folders = std::env::split_paths(search_path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&name)).find(|program| is_executable(program))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|of| of.is_file() && of.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_executable_files_in_absolute_folders_are_found() {
        let path = "relative:/no/such/folder:/usr/bin:/bin";
        assert!(find_program("sh", path).unwrap().is_absolute());
        assert_eq!(find_program("sh", "bin:."), None);
        // A folder and a plain file.
        assert_eq!(find_program("bin", "/usr"), None);
        assert_eq!(find_program("passwd", "/etc"), None);
    }
}
