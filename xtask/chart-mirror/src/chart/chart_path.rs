//! What is wrong with the path of a chart, before helm gets it.

use std::path::Path;

use messages::Advice;

pub(super) const HINT: &str = "give the path of a folder that has Chart.yaml, or of a `.tgz`";

/// Whether a name of a chart can only be a path.
pub(super) fn is_path(chart: &str) -> bool {
    chart.contains(['/', '\\']) || chart.starts_with('.') || is_archive(Path::new(chart))
}

/// Why there is no chart at a path that exists. `named` is the path as the user wrote it.
pub(super) fn problem(path: &Path, named: &str) -> Option<Advice> {
    const METADATA: &str = "Chart.yaml";
    if path.is_dir() {
        let has_chart = path.join(METADATA).exists();
        let message = format!("the folder `{named}` has no {METADATA}");
        return (!has_chart).then(|| Advice::new(message).with_hint(HINT));
    }
    if is_archive(path) {
        return None;
    }
    let advice = Advice::new(format!("the file `{named}` is no chart"));
    let folder = path.parent().filter(|folder| folder.join(METADATA).exists());
    Some(match (folder, Path::new(named).parent()) {
        (Some(_), Some(named)) => {
            let named = if named.as_os_str().is_empty() { Path::new(".") } else { named };
            advice.with_hint(format!("its folder is one: `-c {}`", named.display()))
        }
        _ => advice.with_hint(HINT),
    })
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tgz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_folder_may_be_in_a_repository() {
        let table = [
            ("shop", false),
            ("./shop", true),
            ("charts/shop", true),
            ("..", true),
            ("shop-1.0.0.tgz", true),
            ("/a", true),
        ];
        for (chart, expected) in table {
            assert_eq!(is_path(chart), expected, "{chart}");
        }
    }
}
