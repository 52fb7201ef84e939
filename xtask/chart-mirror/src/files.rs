//! Writes files atomically: completely or not at all. The only module that creates and removes files.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The result of writing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Changed,
    /// The file already had that content and was not touched.
    Unchanged,
}

/// The folder of a file; `.` for a bare name. Its parent is the empty path, in which no program can be
/// started.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a temporary file beside the real one and renames it, so that a killed process leaves the old
/// file or the new one. A file that would not change keeps its modification time. A link is kept: the
/// file that it points to is written.
///
/// # Errors
/// If the folder or the file cannot be written.
pub fn write_atomically(file: &Path, text: &str) -> anyhow::Result<Written> {
    let metadata = std::fs::metadata(file);
    if metadata.as_ref().is_ok_and(|metadata| !metadata.is_file()) {
        // A device or a pipe cannot be replaced by a file.
        anyhow::bail!("cannot write `{}`: it is not a regular file", file.display());
    }
    if regular_file::read(file, u64::MAX - 1).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(Written::Unchanged);
    }
    let name = file.display();
    let failed = || format!("cannot write `{name}`");
    let file = &link_target(file).with_context(failed)?;
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
        // The real file is unchanged; a leftover temporary file does no harm.
        drop(std::fs::remove_file(&beside));
    }
    result.with_context(failed)?;
    Ok(Written::Changed)
}

/// Writes several new files: all of them, or none. Folders are created, and removed again if a file fails.
///
/// # Errors
/// If one of them exists already or cannot be written.
pub fn create_all(files: &[(&Path, &str)]) -> anyhow::Result<()> {
    for (file, _) in files {
        if std::fs::symlink_metadata(file).is_ok() {
            anyhow::bail!("`{}` exists already; nothing was written", file.display());
        }
    }
    let folders = files.iter().flat_map(|(file, _)| file.ancestors().skip(1));
    let missing: BTreeSet<&Path> = folders.filter(|folder| !is_present(folder)).collect();
    for (number, (file, text)) in files.iter().enumerate() {
        if let Err(error) = write_atomically(file, text) {
            // The error is what counts, so nothing is reported about leftovers.
            for (written, _) in &files[..number] {
                drop(std::fs::remove_file(written));
            }
            // Those below others come last.
            for folder in missing.iter().rev() {
                drop(std::fs::remove_dir(folder));
            }
            return Err(error.context("nothing was written"));
        }
    }
    Ok(())
}

/// The empty path is the current folder.
fn is_present(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.exists()
}

/// Appends to a file, which is created if it is missing.
///
/// # Errors
/// If it cannot be written.
pub fn append(file: &Path, text: &str) -> anyhow::Result<()> {
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(file);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot append to `{}`", file.display()))
}

/// Removes a file that is not needed any more, and its folder if that is empty then.
///
/// # Errors
/// If the file cannot be removed.
pub fn remove_obsolete(file: &Path) -> anyhow::Result<()> {
    std::fs::remove_file(file).with_context(|| format!("cannot remove `{}`", file.display()))?;
    if let Some(folder) = file.parent() {
        // It stays if it has other files.
        drop(std::fs::remove_dir(folder));
    }
    Ok(())
}

/// The file that a link points to. A rename would replace the link itself.
fn link_target(file: &Path) -> anyhow::Result<PathBuf> {
    let is_link = std::fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_symlink());
    if !is_link {
        return Ok(file.to_path_buf());
    }
    std::fs::canonicalize(file).context("it is a link, and its target cannot be found")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the file is temporary, and renamed once it is complete"
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
    fn a_file_is_replaced_atomically_and_not_touched_if_nothing_changes() {
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
    fn appended_text_follows_the_existing_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary.md");
        append(&file, "one\n").unwrap();
        append(&file, "two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo\n");
        let refused = append(folder.path(), "three").unwrap_err();
        assert!(format!("{refused:#}").starts_with("cannot append to `"), "{refused:#}");
    }

    #[test]
    fn several_files_are_written_or_none_and_no_folder_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = || {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.collect::<BTreeSet<_>>()
        };
        write_atomically(&path("blocked"), "a file, not a folder").unwrap();
        write_atomically(&path("kept/own.txt"), "mine").unwrap();
        let files = ["values/deep/a.yaml", "kept/b.yaml", "blocked/c.yaml"].map(path);
        let texts = files.each_ref().map(|file| (file.as_path(), "text"));
        let refused = format!("{:#}", create_all(&texts).unwrap_err());
        assert!(refused.starts_with("nothing was written: cannot write `"), "{refused}");
        assert!(refused.contains("blocked/c.yaml"), "{refused}");
        assert_eq!(names(), ["blocked", "kept"].map(str::to_owned).into());
        assert!(!path("kept/b.yaml").exists());
        assert_eq!(std::fs::read_to_string(path("kept/own.txt")).unwrap(), "mine");

        create_all(&texts[..2]).unwrap();
        assert_eq!(std::fs::read_to_string(path("values/deep/a.yaml")).unwrap(), "text");
        // A file that is there already is left alone, and so is everything else.
        let new = path("new/a.yaml");
        let refused = create_all(&[(new.as_path(), "x"), texts[0]]).unwrap_err().to_string();
        assert!(refused.contains("deep/a.yaml` exists already; nothing was written"), "{refused}");
        assert!(!path("new").exists());
    }

    #[cfg(unix)]
    #[test]
    fn special_files_are_refused_and_the_mode_of_a_file_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let refused = write_atomically(Path::new("/dev/null"), "x").unwrap_err().to_string();
        assert!(refused.contains("it is not a regular file"), "{refused}");
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
    fn a_link_is_followed_and_a_broken_link_is_refused() {
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
