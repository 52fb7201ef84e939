//! Collects the images and mentions of texts without structure; pure.

use super::collector::Collector;
use super::context::{Context, Hosts, Origin};
use super::texts::{Repositories, TextImage, TextKind, Verdict, text_images, whole_registry};
use super::{embedded, shapes};
use crate::chart::found::{Evidence, MentionKind};

/// A text without structure, or the lines of one that is not YAML as a whole.
pub(super) fn free_text(out: &mut Collector<'_>, text: &str, context: Context) {
    let is_one_line = !text.trim_end().contains('\n');
    let kind = context.text_kind();
    let mut images =
        text_images(text, kind, context.repositories(out.hosts)).into_iter().peekable();
    registry(out, text, context);
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let end = start + line.len();
        let mut of_line = Vec::new();
        while let Some(image) = images.next_if(|image| image.start < end) {
            of_line.push(image);
        }
        if kind != TextKind::Documentation {
            add_fields(&mut of_line, line, start, context.evidence());
        }
        if !of_line.is_empty() || out.hosts.iter().any(|host| line.contains(host)) {
            let covered: Vec<_> = of_line.iter().map(|found| found.start - start).collect();
            let collect = |out: &mut Collector<'_>| {
                host_mentions(out, line, &covered, context);
                of_line.into_iter().for_each(|found| out.text_image(found, context));
            };
            if is_one_line { collect(out) } else { out.at_line(number, collect) }
        }
        start = end;
    }
}

/// A text that is nothing but a registry. `host_mentions` finds those of the list.
fn registry(out: &mut Collector<'_>, text: &str, context: Context) {
    if context.repositories(out.hosts) != Repositories::None
        && context.hosts == Hosts::Search
        && let Some(host) = whole_registry(text)
        && !out.hosts.iter().any(|known| contains_host(host, known))
    {
        out.mention(host, None, MentionKind::Repository, context);
    }
}

/// The comments of YAML in a text, which its parser drops.
pub(super) fn comments(out: &mut Collector<'_>, text: &str, context: Context) {
    for (number, comment) in embedded::comments(text) {
        let images = text_images(comment, TextKind::Documentation, Repositories::None);
        let covered: Vec<_> = images.iter().map(|found| found.start).collect();
        out.at_line(number, |out| {
            host_mentions(out, comment, &covered, context);
            images.into_iter().for_each(|found| out.text_image(found, context));
        });
    }
}

/// Adds the fields of a line that are named like images. `found` is in the order of positions.
fn add_fields<'t>(
    found: &mut Vec<TextImage<'t>>,
    line: &'t str,
    line_start: usize,
    evidence: Evidence,
) {
    let mut fields = Vec::new();
    for (start, written, reference) in embedded::images_of_line(line) {
        let start = line_start + start;
        match found.binary_search_by_key(&start, |have| have.start) {
            Ok(position) => {
                if let Verdict::Mention(_) = found[position].verdict {
                    found[position].verdict = Verdict::Image(evidence);
                }
            }
            Err(_) => {
                let verdict = Verdict::Image(evidence);
                fields.push(TextImage { start, written, reference, verdict });
            }
        }
    }
    found.append(&mut fields);
    found.sort_by_key(|image| image.start);
}

/// Words with one of the hosts. `covered` are the positions of references, in their order, which are more
/// than mentions.
fn host_mentions(out: &mut Collector<'_>, text: &str, covered: &[usize], context: Context) {
    if context.hosts == Hosts::Skip {
        return;
    }
    let hosts: Vec<&str> = out.hosts.iter().copied().filter(|host| text.contains(host)).collect();
    if hosts.is_empty() {
        return;
    }
    for word in text.split_whitespace() {
        // The word is a part of the text, so the difference of their addresses is its position.
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let next = covered.partition_point(|at| *at < start);
        if covered.get(next).is_some_and(|at| *at < start + word.len()) {
            continue;
        }
        if let Some(host) = hosts.iter().find(|host| contains_host(word, host)) {
            let shape = shapes::shapes(word).into_iter().next();
            let written = match &shape {
                Some(shape) if context.origin == Origin::SecretData => shape.written,
                None if context.origin == Origin::SecretData => host,
                _ => word.trim_matches(['"', '\'', ',', ';', '(', ')']),
            };
            let kind = match text.trim() == word {
                true => MentionKind::Repository,
                false => MentionKind::Text,
            };
            let reference = shape.as_ref().map(|shape| shape.reference.clone());
            out.mention(written, reference, kind, context);
        }
    }
}

/// Whether a word contains a host as a whole: `myquay.io` and `quay.io.example.com` do not contain
/// `quay.io`.
fn contains_host(word: &str, host: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    word.match_indices(host).any(|(start, _)| {
        let before = word[..start].chars().next_back();
        let mut after = word[start + host.len()..].chars();
        let ends = match after.next() {
            Some('.') => !after.next().is_some_and(is_part),
            after => !after.is_some_and(is_part),
        };
        ends && !before.is_some_and(|c| is_part(c) || c == '.')
    })
}
