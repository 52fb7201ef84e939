//! The images that the words of a command name: values of flags and variables (`--image=a/b:1`), and
//! operands of programs that pull or set images (`docker run a/b:1`). Pure.

use super::image_fields::{Field, is_picture, names_no_image};
use super::variables;
use super::verdict::Verdict;
use crate::chart::found::{Evidence, MentionKind};
use crate::chart::image_reference::ImageReference;

/// A part of a word that names an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'w> {
    /// The position of the word in the command.
    pub(super) word: usize,
    pub(super) written: &'w str,
    pub(super) verdict: Verdict,
}

/// Programs of which the first operand is an image.
const ENGINES: [&str; 5] = ["buildah", "crictl", "docker", "nerdctl", "podman"];
const ENGINE_VERBS: [&str; 5] = ["create", "from", "pull", "push", "run"];
/// Programs of which every operand may be an image.
const COPIERS: [&str; 4] = ["crane", "gcrane", "regctl", "skopeo"];
/// Words before the name of a program.
const PREFIXES: [&str; 14] = [
    "!", "command", "do", "else", "env", "exec", "if", "nohup", "sudo", "then", "time", "until",
    "while", "{",
];
/// Flags of engines that take no value. All others do, unless they have it behind `=`.
const SWITCHES: [&str; 13] = [
    "--all-tags",
    "--detach",
    "--disable-content-trust",
    "--init",
    "--interactive",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--rm",
    "--tty",
];

/// The images in a command, in the order of its words.
pub(super) fn named_images<'w>(words: &[&'w str]) -> Vec<Named<'w>> {
    let mut found = Vec::new();
    let operands = operands(words);
    let mut flag = None;
    for (word, &text) in words.iter().enumerate() {
        let of_word: Vec<_> = match (text.split_once('='), flag) {
            _ if operands.contains(&word) => operand(text).into_iter().collect(),
            (Some((name, value)), _) => values(name, value),
            (None, Some(flag)) => values(flag, text),
            (None, None) => Vec::new(),
        };
        found.extend(of_word.into_iter().map(|(written, verdict)| Named {
            word,
            written,
            verdict,
        }));
        flag = (text.starts_with('-') && !text.contains('=')).then_some(text);
    }
    found
}

/// The images in the value of a flag or variable.
fn values<'w>(name: &str, value: &'w str) -> Vec<(&'w str, Verdict)> {
    let field = Field::of_flag(name);
    let pieces = value.split(',').map(str::trim).filter(|piece| !piece.is_empty());
    pieces.filter_map(|piece| Some((piece, verdict(field, piece)?))).collect()
}

fn verdict(field: Field, text: &str) -> Option<Verdict> {
    if !field.may_be_image() || names_no_image(text) {
        return None;
    }
    let Ok(reference) = text.parse::<ImageReference>() else {
        return if field.is_image() { of_variable(text) } else { None };
    };
    if field.accepts(&reference) {
        return Some(Verdict::Image(Evidence::Argument, reference));
    }
    // A program may add the version.
    let is_named =
        field == Field::Image && !reference.is_versioned() && !is_picture(&reference.path);
    is_named.then_some(Verdict::Mention(MentionKind::Repository, Some(reference)))
}

/// The mention of a reference with a variable in it.
fn of_variable(text: &str) -> Option<Verdict> {
    let is_word = !text.contains(char::is_whitespace);
    let mention = || Verdict::Mention(MentionKind::Variable, variables::repository_before(text));
    (is_word && variables::are_in(text)).then(mention)
}

/// The image of an operand: `a/b:1`, `docker://a/b:1`, or `container=a/b:1`.
fn operand(text: &str) -> Option<(&str, Verdict)> {
    let written = text.strip_prefix("docker://").unwrap_or(text);
    let written = written.rsplit('=').next().unwrap_or(written);
    let Ok(reference) = written.parse::<ImageReference>() else {
        return Some((written, of_variable(written).filter(|_| written.contains('/'))?));
    };
    let verdict = match reference.is_versioned() {
        true => Verdict::Image(Evidence::Argument, reference),
        false => Verdict::Mention(MentionKind::Repository, Some(reference)),
    };
    Some((written, verdict))
}

/// The positions of the operands that are images.
fn operands(words: &[&str]) -> Vec<usize> {
    let set_image = words.windows(2).position(|pair| pair == ["set", "image"]);
    if let Some(position) = set_image {
        let is_assignment =
            |&word: &usize| !words[word].starts_with('-') && words[word].contains('=');
        return (position + 2..words.len()).filter(is_assignment).collect();
    }
    let is_program = |word: &&str| !PREFIXES.contains(word) && !word.contains('=');
    let Some(program) = words.iter().position(is_program) else { return Vec::new() };
    let name = words[program].rsplit('/').next().unwrap_or_default();
    if COPIERS.contains(&name) {
        let is_image = |&word: &usize| {
            let text = words[word];
            text.starts_with("docker://")
                || text.parse::<ImageReference>().is_ok_and(|it| it.is_versioned())
        };
        return (program + 1..words.len()).filter(is_image).collect();
    }
    if !ENGINES.contains(&name) {
        return Vec::new();
    }
    let verb = (program + 1..words.len()).find(|&word| ENGINE_VERBS.contains(&words[word]));
    verb.and_then(|verb| first_operand(words, verb + 1)).into_iter().collect()
}

/// The first word that is neither a flag nor the value of one.
fn first_operand(words: &[&str], start: usize) -> Option<usize> {
    let mut word = start;
    while let Some(text) = words.get(word) {
        if !text.starts_with('-') {
            return Some(word);
        }
        let is_cluster = !text.starts_with("--") && text[1..].chars().all(|c| "aditPq".contains(c));
        let has_value = text.contains('=') || is_cluster || SWITCHES.contains(text);
        word += if has_value { 1 } else { 2 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_images_in_flags_variables_and_operands() {
        let table: [(&str, &[&str]); 25] = [
            ("kubectl run x --image=busybox:1", &["busybox:1"]),
            ("kubectl run x --image busybox:1 -- true", &["busybox:1"]),
            ("run --images=a/b:1,c/d:2", &["a/b:1", "c/d:2"]),
            ("export TOOL_IMAGE=a/b:1", &["a/b:1"]),
            ("run --node-image=calico/node:v3 --boot-image=rhel:9", &["calico/node:v3"]),
            ("kubectl -n x set image deploy/x c=busybox:1 d=q.io/a:2", &["busybox:1", "q.io/a:2"]),
            ("set image deploy/x --all=true *=busybox", &["mention busybox"]),
            (
                "docker run --rm -it -v /a:/b -p 80:80 --name x --net=host alpine:3 sh y:1",
                &["alpine:3"],
            ),
            ("sudo /usr/bin/podman pull alpine:3", &["alpine:3"]),
            ("docker image pull -q alpine", &["mention alpine"]),
            ("X=1 crictl pull busybox:1", &["busybox:1"]),
            ("skopeo copy --all docker://busybox:1 docker://r.io/b:2", &["busybox:1", "r.io/b:2"]),
            ("skopeo inspect docker://busybox", &["mention busybox"]),
            ("crane copy busybox:1 r.io/b:2", &["busybox:1", "r.io/b:2"]),
            ("crane export busybox:1 out.tar", &["busybox:1"]),
            ("run --image=busybox --x-image a/b", &["mention busybox", "a/b"]),
            ("run --image=$(REGISTRY)/a:1", &["mention $(REGISTRY)/a:1"]),
            // Not images.
            ("run --image=none --image-pull-policy=a/b:1 --logo-image=x.png", &[]),
            ("run --name=a:1 --address 0.0.0.0:80 --image-endpoint=imgproxy:8080", &[]),
            ("docker build -t a/b:1 .", &[]),
            ("docker run $IMAGE", &[]),
            ("echo docker run a:1", &[]),
            ("docker run -d", &[]),
            ("skopeo list-tags", &[]),
            ("", &[]),
        ];
        for (command, expected) in table {
            let words: Vec<&str> = command.split_whitespace().collect();
            let name = |named: Named<'_>| match named.verdict {
                Verdict::Image(..) => named.written.to_owned(),
                Verdict::Mention(..) => format!("mention {}", named.written),
            };
            let found: Vec<_> = named_images(&words).into_iter().map(name).collect();
            assert_eq!(found, expected, "{command}");
        }
    }
}
