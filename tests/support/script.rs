//! Shell scripts that stand in for other programs. They need `/bin/sh` and nothing else.

use std::path::{Path, PathBuf};

/// Renders a chart as helm does, as far as the charts of `tests/it` need it: it replaces
/// `.Values.global.imageRegistry` and `.Values.tool.repository` in the templates.
const RENDERER: &str = r##"
[ "$1" = template ] || { echo v0.0.0; exit; }
chart=$3 files=$3/values.yaml previous=
for argument; do
    [ "$previous" = -f ] && files="$files $argument"
    previous=$argument
done
for file in $files; do
    while read -r key value; do
        value=${value#\"} value=${value%\"}
        case $key in
        imageRegistry:) registry=$value ;;
        repository:) repository=$value ;;
        esac
    done <"$file"
done
for template in "$chart"/templates/*; do
    echo ---
    echo "# Source: ${chart##*/}/templates/${template##*/}"
    while IFS= read -r line; do
        case $line in
        *".Values.global.imageRegistry"*) line=${line%%\{\{*}$registry${line##*\}\}} ;;
        *".Values.tool.repository"*) line=${line%%\{\{*}$repository${line##*\}\}} ;;
        esac
        printf '%s\n' "$line"
    done <"$template"
done
"##;

/// Writes an executable script.
///
/// `install` makes the copy that runs: a file that this process has open for writing cannot be run
/// while one of its threads forks.
pub(crate) fn write_script(program: &Path, script: &str) {
    let text = program.with_extension("sh");
    std::fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
    duct::cmd!("install", "-m", "755", &text, program).run().unwrap();
}

/// A program in `directory` that stands in for helm.
pub(crate) fn helm(directory: &Path) -> PathBuf {
    let program = directory.join("stand-in-helm");
    write_script(&program, RENDERER);
    program
}
