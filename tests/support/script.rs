//! Shell scripts that stand in for other programs. They need `/bin/sh` and coreutils, as on every Unix.

use std::path::{Path, PathBuf};

/// Renders a chart as helm does, as far as the charts of `tests/it` need it: it replaces
/// `.Values.global.imageRegistry` and `.Values.tool.repository` in the templates.
const RENDERER: &str = r##"
[ "$1" = template ] || { echo v0.0.0; exit; }
chart=$3 previous=
value_of() {
    case $text in
    *"$1\":"*) rest=${text#*"$1\":"} ;;
    *"$1: "*) rest=${text#*"$1: "} ;;
    *) echo "$2" && return ;;
    esac
    rest=${rest# } rest=${rest#\"}
    echo "${rest%%[\"[:space:]]*}"
}
read_values() {
    text=$(cat "$1")
    registry=$(value_of imageRegistry "$registry")
    repository=$(value_of repository "$repository")
}
read_values "$chart/values.yaml"
for argument; do
    [ "$previous" = -f ] && read_values "$argument"
    previous=$argument
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

/// Sends a signal to a process, with the `kill` of the shell, which needs no package.
pub(crate) fn kill(signal: &str, process: u32) {
    duct::cmd!("/bin/sh", "-c", format!("kill {signal} {process}")).run().unwrap();
}
