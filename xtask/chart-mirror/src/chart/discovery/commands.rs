//! The images that the words of a command name: values of flags and variables (`--image=a/b:1`), and
//! operands of programs that pull or set images (`docker run a/b:1`). Pure.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::image_fields::{Field, is_picture, names_no_image};
use super::outer_parts::OuterParts;
use super::split_forms::{Under, split_forms};
use super::variables;
use super::verdict::Verdict;
use crate::chart::found::{Evidence, MentionKind};
use crate::chart::image_reference::ImageReference;
use crate::chart::node::Node;

/// A part of a word that names an image, or several words that name it in parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'w> {
    /// The position of the first word in the command.
    pub(super) word: usize,
    pub(super) written: Cow<'w, str>,
    pub(super) verdict: Verdict,
}

/// What the words of a command name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NamedImages<'w> {
    /// In the order of the words.
    pub(super) images: Vec<Named<'w>>,
    /// The words with parts of images: `--x-repository=q.io/a/b`, `--x-tag=1`.
    pub(super) parts: BTreeSet<usize>,
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
pub(super) fn named_images<'w>(words: &[&'w str]) -> NamedImages<'w> {
    let NamedImages { images: mut found, parts } = in_parts(words);
    let operands = operands(words);
    let mut flag = None;
    for (word, &text) in words.iter().enumerate() {
        if parts.contains(&word) {
            flag = None;
            continue;
        }
        let of_word: Vec<_> = match (text.split_once('='), flag) {
            _ if operands.contains(&word) => operand(text).into_iter().collect(),
            (Some((name, value)), _) => values(name, value),
            (None, Some(flag)) => values(flag, text),
            (None, None) => Vec::new(),
        };
        found.extend(of_word.into_iter().map(|(written, verdict)| Named {
            word,
            written: Cow::Borrowed(written),
            verdict,
        }));
        flag = (text.starts_with('-') && !text.contains('=')).then_some(text);
    }
    found.sort_by_key(|named| named.word);
    NamedImages { images: found, parts }
}

/// A flag or variable with its value.
struct Assignment {
    /// The positions of its words.
    words: RangeInclusive<usize>,
    entry: (String, Node),
}

/// The images of which the parts are in several flags or variables.
fn in_parts<'w>(words: &[&str]) -> NamedImages<'w> {
    let assignments = assignments(words);
    let entries: Vec<_> = assignments.iter().map(|it| it.entry.clone()).collect();
    let mut named = NamedImages::default();
    for form in split_forms(&entries, Under::Variables, &OuterParts::default()) {
        let is_part = |it: &&Assignment| form.keys.contains(&it.entry.0);
        let its: Vec<_> = assignments.iter().filter(is_part).collect();
        let Some(first) = its.first() else { continue };
        named.parts.extend(its.iter().flat_map(|it| it.words.clone()));
        named.images.extend(form.references.into_iter().map(|(written, reference)| Named {
            word: *first.words.start(),
            written: Cow::Owned(written),
            verdict: Verdict::Image(Evidence::Argument, reference),
        }));
    }
    named
}

/// The flags and variables with values. Which of several with one name counts is not known.
fn assignments(words: &[&str]) -> Vec<Assignment> {
    let mut found: Vec<Assignment> = Vec::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut word = 0;
    while let Some(text) = words.get(word) {
        let start = word;
        let next = words.get(word + 1).filter(|next| !next.starts_with('-'));
        let assigned = text.split_once('=').or_else(|| {
            let value = next.filter(|_| text.starts_with('-'))?;
            word += 1;
            Some((*text, *value))
        });
        if let Some((name, value)) = assigned {
            let name = name.trim_start_matches('-').to_owned();
            *names.entry(name.clone()).or_default() += 1;
            let entry = (name, Node::Text(value.to_owned()));
            found.push(Assignment { words: start..=word, entry });
        }
        word += 1;
    }
    found.retain(|it| names.get(&it.entry.0) == Some(&1));
    found
}

/// The images in the value of a flag or variable.
fn values<'w>(name: &str, value: &'w str) -> Vec<(&'w str, Verdict)> {
    let field = Field::of_flag(name);
    let pieces = value.split([',', ';']).map(str::trim).filter(|piece| !piece.is_empty());
    // `--images=a=q.io/a:1,b=q.io/b:1`
    let pieces = pieces.map(|piece| piece.rsplit('=').next().unwrap_or(piece));
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
        let table: [(&str, &[&str]); 36] = [
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
            ("run --images=a=q.io/a:1,b=a/b:2", &["q.io/a:1", "a/b:2"]),
            ("run --x-image-repository=q.io/a/b --x-image-tag=1", &["q.io/a/b:1"]),
            ("run --x-repo q.io/a/b -v --x-tag 1", &["q.io/a/b:1"]),
            ("run --x-image q.io/a/b --x-version=1 --image=a/c:2", &["q.io/a/b:1", "a/c:2"]),
            ("run --registry=q.io --repository=a/b --tag=1", &["q.io/a/b:1"]),
            ("run --image=q.io/a/b:1 --image-digest=sha256:HEX", &["q.io/a/b:1@sha256:HEX"]),
            ("run --image=$REGISTRY/a:1", &["mention $REGISTRY/a:1"]),
            ("docker run $REGISTRY/a:1", &["mention $REGISTRY/a:1"]),
            // Not images.
            (
                "git clone --repository=a/b --tag=v1 --git-repo gitlab.example.com/a/b --git-tag 1",
                &[],
            ),
            ("run --x-repository=q.io/a/b --x-tag=1 --x-tag=2", &[]),
            ("run --image-digest=sha256:HEX --image-id sha256:0123456789ab", &[]),
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
            let hex = "1".repeat(64);
            let (command, expected) = (
                command.replace("HEX", &hex),
                expected.iter().map(|it| it.replace("HEX", &hex)).collect::<Vec<_>>(),
            );
            let words: Vec<&str> = command.split_whitespace().collect();
            let name = |named: Named<'_>| match named.verdict {
                Verdict::Image(..) => named.written.into_owned(),
                Verdict::Mention(..) => format!("mention {}", named.written),
            };
            let found: Vec<_> = named_images(&words).images.into_iter().map(name).collect();
            assert_eq!(found, expected, "{command}");
        }
    }
}
