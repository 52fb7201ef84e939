//! Judges each text that the walk visits by its field; pure.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::commands::{Named, NamedImages, named_images};
use super::context::{Context, Origin};
use super::embedded::Documents;
use super::free_text::{comments, free_text, template_actions};
use super::image_fields::{Field, is_machine_image, is_picture, names_no_image};
use super::texts::images_in_list;
use super::verdict::Verdict;
use super::walk::Walk;
use super::{embedded, shapes, shell_variables};
use crate::chart::found::MentionKind;
use crate::chart::image_reference::ImageReference;
use crate::chart::node::Node;

/// How many levels of YAML in texts in YAML are followed.
const MAX_DEPTH: usize = 4;

impl Walk<'_> {
    pub(super) fn text(&mut self, text: &str, context: Context) {
        let expanded = match (context.field, context.origin) {
            (Field::Arguments, _) | (_, Origin::Variable) => self.environment.expand(text),
            _ => Cow::Borrowed(text),
        };
        let text = &*shell_variables::expand(&expanded, &self.environment);
        if context.field.may_be_image() && self.field(text, context).is_break() {
            return;
        }
        let is_documentation = context.origin == Origin::Documentation;
        if self.depth < MAX_DEPTH
            && !is_documentation
            && let Some(documents) = embedded::documents(text, context.field)
        {
            return self.embedded(text, &documents, context);
        }
        free_text(&mut self.out, text, context);
    }

    /// A text in a field that may hold an image. Continues if the text is to be searched.
    fn field(&mut self, text: &str, context: Context) -> ControlFlow<()> {
        let is_container = context.field == Field::ContainerImage;
        if names_no_image(text) || (!is_container && is_machine_image(text)) {
            return ControlFlow::Break(());
        }
        match text.trim().parse::<ImageReference>() {
            // Kubernetes refuses it.
            Ok(_) if is_container && text.trim() != text => {
                let reason = "a reference has no white space around it".to_owned();
                self.out.malformed(text, reason, context);
                return ControlFlow::Break(());
            }
            Ok(reference) if context.field.accepts(&reference) => {
                self.out.image(text.trim(), reference, context.evidence(), context);
                return ControlFlow::Break(());
            }
            Ok(reference) if self.is_bare_name(&reference, context) => {
                let kind = MentionKind::Repository;
                self.out.mention(text.trim(), Some(reference), kind, context);
                return ControlFlow::Break(());
            }
            Err(reason) if self.is_malformed(text, context) => {
                self.out.malformed(text, reason.to_string(), context);
                return ControlFlow::Break(());
            }
            _ => {}
        }
        let images = images_in_list(text, context.field, context.evidence());
        match images.filter(|images| !images.is_empty()) {
            Some(images) => {
                images.into_iter().for_each(|found| self.out.text_image(found, context));
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    }

    /// Whether a name without a version is worth a mention: an operator may add the version.
    fn is_bare_name(&self, reference: &ImageReference, context: Context) -> bool {
        self.depth == 0
            && context.field == Field::Image
            && !reference.is_versioned()
            && !is_picture(&reference.path)
    }

    /// Whether a text that is not a reference was meant to be one.
    fn is_malformed(&self, text: &str, context: Context) -> bool {
        let is_template = ["{{", "$", "%", "<"].iter().any(|mark| text.contains(mark));
        if text.trim().is_empty() || (self.depth > 0 && is_template) {
            return false;
        }
        let name = text.trim().split(':').next().unwrap_or_default();
        let has_registry =
            || shapes::whole(name).is_some() || shapes::whole(&name.replace("//", "/")).is_some();
        let is_word = !text.trim().contains(char::is_whitespace);
        context.field == Field::ContainerImage
            || (context.field == Field::Image && is_word && !text.contains("://") && has_registry())
    }

    fn embedded(&mut self, text: &str, documents: &Documents, context: Context) {
        let context = context.field(context.field.of_embedded());
        let outside = std::mem::take(&mut self.outer);
        self.depth += 1;
        for node in documents.nodes() {
            self.below(|path| path.push_str(" > "), |walk| walk.node(node, context));
        }
        self.depth -= 1;
        self.outer = outside;
        comments(&mut self.out, text, context);
        if let Documents::WithoutActions(_) = documents {
            template_actions(&mut self.out, text, context);
        }
    }

    pub(super) fn arguments(&mut self, words: &[&str], context: Context) {
        let words: Vec<_> = words.iter().map(|word| self.environment.expand(word)).collect();
        let words: Vec<&str> = words.iter().map(|word| word.trim()).collect();
        let NamedImages { images, parts } = named_images(&words);
        let mut named = images.into_iter().peekable();
        let mut flag = "";
        for (index, word) in words.iter().copied().enumerate() {
            let mut of_word = Vec::new();
            while let Some(named) = named.next_if(|named| named.word == index) {
                of_word.push(named);
            }
            let is_registry = flag.starts_with('-') && Field::of_flag(flag) == Field::Registry;
            self.below_index(index, |walk| {
                if walk.declared(&Node::Text(word.to_owned()), context).is_some() {
                    return;
                }
                if of_word.is_empty() && parts.contains(&index) {
                    return;
                }
                if of_word.is_empty() && is_registry {
                    return walk.text(word, context.field(Field::Registry));
                }
                if of_word.is_empty() {
                    return walk.text(word, context);
                }
                of_word.into_iter().for_each(|named| walk.named(named, context));
            });
            flag = word;
        }
    }

    /// An image that an argument names.
    fn named(&mut self, named: Named<'_>, context: Context) {
        match named.verdict {
            Verdict::Image(evidence, reference) => {
                self.out.image(&named.written, reference, evidence, context);
            }
            Verdict::Mention(kind, reference) => {
                self.out.mention(&named.written, reference, kind, context);
            }
        }
    }
}
