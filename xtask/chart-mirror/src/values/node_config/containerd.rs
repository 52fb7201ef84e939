//! `certs.d/HOST/hosts.toml` of containerd. For each host, it has one place to look at first, to which containerd
//! appends the whole path that was asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::access::Access;
use super::file::{NodeFile, NotRedirected};
use super::redirects::{Redirect, Redirects};
use super::text::toml_string;
use oci::Registry;
use registry::known::settings::RegistrySettings;

/// The folder that `config_path` of containerd names.
pub(super) const FOLDER: &str = "certs.d";

pub(super) fn files(
    redirects: &Redirects,
    mirror: &Access,
    registries: &BTreeMap<Registry, RegistrySettings>,
) -> (Vec<NodeFile>, Vec<NotRedirected>) {
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    for images in redirects.by_host().into_values() {
        let Some(first) = images.first() else { continue };
        let source = first.asked.repository().registry();
        let mirror_host = first.target.repository().registry();
        let prefix = redirects.best(&images, prefix, |prefix, tag, asked| {
            format!("{mirror_host}/{prefix}{}:{tag}", asked.path())
        });
        if let Some(prefix) = &prefix {
            files.push(file(source, &Access::new(registries, source), mirror, prefix));
        }
        let missed = images
            .iter()
            .filter(|image| image.changed_tag().is_some() || prefix_of(image) != prefix.as_deref());
        left_out.extend(missed.map(|image| {
            let place = match &prefix {
                Some(prefix) => {
                    format!("`{mirror_host}/{prefix}{}`", image.asked.repository().path())
                }
                None => format!("a common place for the images of `{source}`"),
            };
            let reason = format!("its target is `{}`, not {place}", image.target);
            image.changed_tag().unwrap_or_else(|| image.left_out(reason))
        }));
    }
    (files, left_out)
}

fn prefix(image: &Redirect) -> Option<String> {
    prefix_of(image).map(str::to_owned)
}

/// What comes before the path that is asked for: nothing, or a path that ends with `/`.
fn prefix_of(image: &Redirect) -> Option<&str> {
    let target = image.target.repository().path().as_str();
    let prefix = target.strip_suffix(image.asked.repository().path().as_str())?;
    (prefix.is_empty() || prefix.ends_with('/')).then_some(prefix)
}

fn file(source: &Registry, server: &Access, mirror: &Access, prefix: &str) -> NodeFile {
    let path = prefix.trim_end_matches('/');
    let url = match path {
        "" => format!("{}/v2", mirror.origin),
        path => format!("{}/v2/{path}", mirror.origin),
    };
    let mut settings = "capabilities = [\"pull\", \"resolve\"]\n".to_owned();
    if !path.is_empty() {
        settings += "override_path = true\n";
    }
    settings += &tls(mirror);
    let mut text = format!("server = {}\n", toml_string(&server.origin));
    text += &tls(server);
    let _ = writeln!(text, "\n[host.{}]", toml_string(&url));
    text.extend(settings.lines().map(|line| format!("  {line}\n")));
    let mut purpose = vec![
        format!(
            "containerd: pull the images of {source} from the mirror first, and the rest from {source}."
        ),
        format!("Copy it to /etc/containerd/{FOLDER}/{}/hosts.toml on each node.", folder(source)),
    ];
    let files = [mirror.files(), server.files()].concat();
    if !files.is_empty() {
        purpose.push(format!("Copy {} beside it.", files.join(", ")));
    }
    purpose.push(format!("To use nothing but the mirror, set `server = \"{url}\"`, and repeat"));
    purpose.push("the settings of the mirror below that line.".to_owned());
    NodeFile { path: format!("{FOLDER}/{}/hosts.toml", folder(source)), purpose, text }
}

fn tls(access: &Access) -> String {
    let mut text = String::new();
    if let Some(file) = &access.ca_file {
        let _ = writeln!(text, "ca = {}", toml_string(file));
    }
    if let Some((certificate, key)) = &access.client_files {
        let pair = [certificate, key].map(|file| toml_string(file)).join(", ");
        let _ = writeln!(text, "client = [[{pair}]]");
    }
    if access.is_insecure {
        text += "skip_verify = true\n";
    }
    text
}

/// A port is written so that the folder can exist on all systems: `host_5000_`.
fn folder(host: &Registry) -> String {
    match host.as_str().rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => format!("{name}_{port}_"),
        _ => host.to_string(),
    }
}
