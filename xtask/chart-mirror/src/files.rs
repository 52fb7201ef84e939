//! The one door for writing files: whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// What became of the wish to write a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Changed,
    /// It had that content already, and was left alone.
    Unchanged,
}

/// The folder that a file is in; `.` for a bare name, whose parent is the empty path that no program
/// can be started in.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file beside its place and renames it there: whoever is killed leaves the old file or the
/// new one, and a file that would not change keeps its time. A link stays one: what it leads to is
/// written.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn write_atomically(file: &Path, text: &str) -> anyhow::Result<Written> {
    let metadata = std::fs::metadata(file);
    if metadata.as_ref().is_ok_and(|metadata| !metadata.is_file()) {
        // A device, a pipe: nothing that another file could take the place of.
        anyhow::bail!("cannot write `{}`: it is no ordinary file", file.display());
    }
    if std::fs::read(file).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(Written::Unchanged);
    }
    let shown = file;
    let failed = || format!("cannot write `{}`", shown.display());
    let file = &followed(file).with_context(failed)?;
    let folder = folder_of(file);
    std::fs::create_dir_all(folder).with_context(failed)?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = folder.join(format!(".{name}.{}.partial", std::process::id()));
    let keep_mode = || match &metadata {
        Ok(metadata) => std::fs::set_permissions(&beside, metadata.permissions()),
        Err(_) => Ok(()),
    };
    let result = create(&beside, text)
        .and_then(|()| keep_mode())
        .and_then(|()| std::fs::rename(&beside, file));
    if result.is_err() {
        // The file under its own name is what matters; a rest of this one is only litter.
        drop(std::fs::remove_file(&beside));
    }
    result.with_context(failed)?;
    Ok(Written::Changed)
}

/// Appends to a file that others write to as well, one after the other. It need not be there.
///
/// # Errors
/// When it cannot be written.
pub fn append(file: &Path, text: &str) -> anyhow::Result<()> {
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(file);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot append to `{}`", file.display()))
}

/// Where the file is that a link leads to. A rename would replace the link itself.
fn followed(file: &Path) -> anyhow::Result<PathBuf> {
    let is_link = std::fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_symlink());
    if !is_link {
        return Ok(file.to_path_buf());
    }
    std::fs::canonicalize(file).context("it is a link, and what it leads to cannot be found")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the door: what is created here is renamed when it is whole"
)]
fn create(file: &Path, text: &str) -> std::io::Result<()> {
    let mut created = std::fs::File::create(file)?;
    created.write_all(text.as_bytes())?;
    created.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_left_alone_if_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("values/a.yaml");
        assert_eq!(write_atomically(&file, "one").unwrap(), Written::Changed);
        let before = std::fs::metadata(&file).unwrap().modified().unwrap();
        assert_eq!(write_atomically(&file, "one").unwrap(), Written::Unchanged);
        assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), before);
        assert_eq!(write_atomically(&file, "two").unwrap(), Written::Changed);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        let names: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_appended_stands_behind_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary.md");
        append(&file, "one\n").unwrap();
        append(&file, "two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo\n");
        let refused = append(folder.path(), "three").unwrap_err();
        assert!(format!("{refused:#}").starts_with("cannot append to `"), "{refused:#}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_ordinary_file_stays_and_the_mode_of_one_too() {
        use std::os::unix::fs::PermissionsExt as _;
        let refused = write_atomically(Path::new("/dev/null"), "x").unwrap_err().to_string();
        assert!(refused.contains("it is no ordinary file"), "{refused}");
        let folder = tempfile::tempdir().unwrap();
        assert!(write_atomically(folder.path(), "x").is_err());
        let file = folder.path().join("a");
        write_atomically(&file, "one").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        write_atomically(&file, "two").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_folder_of_a_bare_name_is_the_current_one() {
        let table = [("p.toml", "."), ("./p.toml", "."), ("../a/p.toml", "../a"), ("/p.toml", "/")];
        for (file, folder) in table {
            assert_eq!(folder_of(Path::new(file)), Path::new(folder), "{file}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_one_that_leads_nowhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("elsewhere.yaml"), folder.path().join("a.yaml"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let refused = write_atomically(&link, "one").unwrap_err();
        assert!(format!("{refused:#}").contains("it is a link"), "{refused:#}");
        write_atomically(&file, "old").unwrap();
        assert_eq!(write_atomically(&link, "one").unwrap(), Written::Changed);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
