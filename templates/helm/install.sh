#!/bin/sh
# Installs the program of the Helm plugin. Helm runs it after `helm plugin install` and `helm plugin update`.
set -eu
folder="$HELM_PLUGIN_DIR/target/plugin"
if [ -n "${CHART_MIRROR:-}" ]; then
    mkdir -p "$folder/bin"
    # Renamed at the end: a program that is running cannot be overwritten.
    cp "$CHART_MIRROR" "$folder/bin/chart-mirror.new"
    chmod +x "$folder/bin/chart-mirror.new"
    mv "$folder/bin/chart-mirror.new" "$folder/bin/chart-mirror"
elif command -v cargo > /dev/null; then
    cargo install --locked --path "$HELM_PLUGIN_DIR/xtask/chart-mirror" --root "$folder" --force
else
    echo "error: the plugin needs the program chart-mirror, and there is no cargo to build it" >&2
    echo "hint: install Rust (https://rustup.rs), or download a release and set CHART_MIRROR to its program" >&2
    exit 1
fi
"$folder/bin/chart-mirror" --version
