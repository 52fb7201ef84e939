//! Reads the folder of a chart as helm does: without what `.helmignore` names, and through symbolic links.

use std::fs;
use std::path::{Path, PathBuf};

use super::archive::{ArchivedFile, archive};
use super::ignore::{IgnoredPaths, PathKind};
use messages::Advice;

/// In bytes. helm refuses to unpack charts that are larger.
const LARGEST: u64 = 100 << 20;
/// Through symbolic links, folders may contain each other.
const DEEPEST: usize = 64;

struct Reader {
    folder: PathBuf,
    /// The name of the chart, which is the folder in the archive.
    name: String,
    ignored: IgnoredPaths,
    files: Vec<ArchivedFile>,
    bytes: u64,
}

/// The archive of the chart in a folder. Its bytes depend on nothing but the names and contents of the
/// files.
///
/// # Errors
/// If the folder cannot be read, or contains what no chart may contain.
pub(super) fn package(folder: &Path, name: &str) -> Result<Vec<u8>, Advice> {
    let file = folder.join(".helmignore");
    let rules = match regular_file::read_text(&file, regular_file::LARGEST) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unreadable(&file, &error)),
    };
    let ignored = IgnoredPaths::parse(&rules).map_err(|error| Advice {
        message: format!("{}: {}", file.display(), error.message),
        ..error
    })?;
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let mut reader = Reader { folder, name, ignored, files: Vec::new(), bytes: 0 };
    reader.read("", 0)?;
    let chart_yaml = format!("{}/Chart.yaml", reader.name);
    if !reader.files.iter().any(|file| file.path == chart_yaml) {
        return Err(Advice::new(format!("{}: Chart.yaml is ignored", file.display())));
    }
    archive(reader.files)
}

impl Reader {
    /// Reads a folder below the chart's.
    fn read(&mut self, below: &str, depth: usize) -> Result<(), Advice> {
        let folder = self.folder.join(below);
        if depth > DEEPEST {
            let message =
                format!("{}: folders are nested more than {DEEPEST} deep", folder.display());
            return Err(Advice::new(message).with_hint("check its symbolic links"));
        }
        let entries = fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            let file = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                return Err(Advice::new(format!("the name of {} is not UTF-8", file.display())));
            };
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            // Follows links.
            let metadata = fs::metadata(&file).map_err(|error| unreadable(&file, &error))?;
            let kind = if metadata.is_dir() { PathKind::Folder } else { PathKind::File };
            if self.ignored.includes(&path, kind) {
                continue;
            }
            match kind {
                PathKind::Folder => self.read(&path, depth + 1)?,
                PathKind::File if metadata.is_file() => self.add(&file, &path, metadata.len())?,
                PathKind::File => {
                    let message = format!("{} is neither a file nor a folder", file.display());
                    let hint = "remove it, or name it in `.helmignore`";
                    return Err(Advice::new(message).with_hint(hint));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, file: &Path, path: &str, size: u64) -> Result<(), Advice> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > LARGEST {
            let message = format!(
                "{} has more than {} MiB, the most that helm unpacks",
                self.folder.display(),
                LARGEST >> 20
            );
            let hint = "name what does not belong to the chart in `.helmignore`";
            return Err(Advice::new(message).with_hint(hint));
        }
        let content =
            regular_file::read(file, LARGEST).map_err(|error| unreadable(file, &error))?;
        self.files.push(ArchivedFile { path: format!("{}/{path}", self.name), content });
        Ok(())
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Advice {
    Advice::new(format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write the files of charts")]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        folder
    }

    const CHART: [(&str, &str); 3] =
        [("Chart.yaml", "name: a"), ("templates/x.yaml", "x"), ("charts/b-1.0.0.tgz", "b")];

    #[test]
    fn only_names_and_contents_determine_the_archive() {
        let (one, other) = (folder(&CHART), folder(&CHART));
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let file = fs::File::options().write(true).open(other.path().join("Chart.yaml")).unwrap();
        file.set_modified(old).unwrap();
        let archive = package(one.path(), "a").unwrap();
        assert_eq!(archive, package(other.path(), "a").unwrap());
        fs::write(one.path().join("templates/x.yaml"), "y").unwrap();
        assert_ne!(archive, package(one.path(), "a").unwrap());
    }

    #[test]
    fn ignored_files_and_folders_are_left_out() {
        let plain = folder(&CHART);
        let ignoring = folder(&CHART);
        fs::write(ignoring.path().join(".helmignore"), ".helmignore\n*.bak\nci/\n").unwrap();
        fs::write(ignoring.path().join("x.bak"), "").unwrap();
        fs::create_dir(ignoring.path().join("ci")).unwrap();
        fs::write(ignoring.path().join("ci/values.yaml"), "").unwrap();
        assert_eq!(package(plain.path(), "a").unwrap(), package(ignoring.path(), "a").unwrap());
    }

    #[test]
    fn what_no_chart_may_contain_is_refused_with_its_path() {
        let no_chart = folder(&[(".helmignore", "Chart.*\n"), ("Chart.yaml", "name: a")]);
        let bad_rule = folder(&[(".helmignore", "a/**\n"), ("Chart.yaml", "name: a")]);
        for (folder, expected) in [(no_chart, "is ignored"), (bad_rule, "line 1")] {
            let error = package(folder.path(), "a").unwrap_err().to_string();
            assert!(error.contains(".helmignore") && error.contains(expected), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_unless_they_lead_in_a_circle() {
        use std::os::unix::fs::symlink;
        let (plain, linking) = (folder(&CHART), folder(&CHART[..2]));
        symlink(plain.path().join("charts"), linking.path().join("charts")).unwrap();
        let archive = package(plain.path(), "a").unwrap();
        assert_eq!(archive, package(linking.path(), "a").unwrap());
        symlink(linking.path(), linking.path().join("templates/circle")).unwrap();
        let error = package(linking.path(), "a").unwrap_err().to_string();
        assert!(error.contains("cannot be read") || error.contains("nested"), "{error}");
    }
}
