//! Collects the images and mentions of texts without structure; pure.

use super::collector::Collector;
use super::context::Context;
use super::embedded;
use super::host_mentions::{contains_host, host_mentions, names_host};
use super::image_fields::Field;
use super::sections::Sections;
use super::template_actions::{actions, images_of_actions};
use super::texts::{Repositories, TextImage, TextKind, text_images, whole_registry};
use super::verdict::Verdict;
use crate::chart::found::{Evidence, MentionKind};

/// A text without structure, or the lines of one that is not YAML as a whole.
pub(super) fn free_text(out: &mut Collector<'_>, text: &str, context: Context) {
    let is_one_line = !text.trim_end().contains('\n');
    let context = if is_script(text) { context.field(Field::Arguments) } else { context };
    let kind = context.text_kind();
    let repositories = context.repositories(out.hosts);
    let mut images = text_images(text, kind, repositories);
    let is_new = |image: &TextImage<'_>| {
        images.binary_search_by_key(&image.start, |have| have.start).is_err()
    };
    let of_actions = images_of_actions(text, context.field, repositories);
    let of_actions: Vec<_> = of_actions.into_iter().filter(is_new).collect();
    images.extend(of_actions);
    images.sort_by_key(|image| image.start);
    let mut images = images.into_iter().peekable();
    registry(out, text, context);
    let mut sections = match kind {
        TextKind::Documentation => Sections::default(),
        _ => Sections::of(text),
    };
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let end = start + line.len();
        let mut of_line = Vec::new();
        while let Some(image) = images.next_if(|image| image.start < end) {
            of_line.push(image);
        }
        if let Some(joined) = sections.images.remove(&number) {
            let add = |out: &mut Collector<'_>| {
                for (written, reference) in joined {
                    out.image(&written, reference, Evidence::Parts, context);
                }
            };
            out.at_line(number, add);
        }
        if sections.parts.contains(&number) {
            start = end;
            continue;
        }
        if kind != TextKind::Documentation {
            add_fields(&mut of_line, line, start, context.evidence());
        }
        if !of_line.is_empty() || out.hosts.iter().any(|host| names_host(line, host)) {
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

/// Whether a text is a script for a shell.
fn is_script(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!") && first.trim_end().ends_with("sh")
}

/// A text that is nothing but a registry. `host_mentions` finds those of the list.
fn registry(out: &mut Collector<'_>, text: &str, context: Context) {
    if context.repositories(out.hosts) != Repositories::None
        && let Some(host) = whole_registry(text, context.field)
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

/// The actions of a template, which are left out when the rest of it is read.
pub(super) fn template_actions(out: &mut Collector<'_>, text: &str, context: Context) {
    let repositories = context.repositories(out.hosts);
    let mut images = images_of_actions(text, context.field, repositories).into_iter().peekable();
    let (mut number, mut counted) = (1, 0);
    for action in actions(text) {
        number += text[counted..action.start].matches('\n').count();
        counted = action.start;
        let end = action.start + action.text.len();
        let mut of_action = Vec::new();
        while let Some(image) = images.next_if(|image| image.start < end) {
            of_action.push(image);
        }
        if !of_action.is_empty() || out.hosts.iter().any(|host| names_host(action.text, host)) {
            let covered: Vec<_> = of_action.iter().map(|it| it.start - action.start).collect();
            out.at_line(number, |out| {
                host_mentions(out, action.text, &covered, context);
                of_action.into_iter().for_each(|found| out.text_image(found, context));
            });
        }
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
                if let Verdict::Mention(..) = found[position].verdict {
                    found[position] = TextImage::new(start, written, reference, evidence);
                }
            }
            Err(_) => fields.push(TextImage::new(start, written, reference, evidence)),
        }
    }
    found.append(&mut fields);
    found.sort_by_key(|image| image.start);
}
