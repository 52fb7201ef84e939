//! `[workspace]`: the folders whose lists share the settings of this file.

use globset::Glob;
use toml::Spanned;
use toml::de::DeTable;

use super::reader::Reader;
use super::value::Value;
use crate::list::Workspace;

const HINT: &str =
    "write the folders of the lists, relative to this file: `members = [\"charts/*\"]`";

impl<'t> Reader<'t> {
    pub(super) fn workspace(&mut self, entry: Spanned<DeTable<'t>>) -> Option<Workspace> {
        let mut table = self.table(entry, "`[workspace]`");
        let members = self.required(&mut table, "members", HINT, Self::members);
        self.finish(table)?;
        Some(Workspace { members: members? })
    }

    fn members(&mut self, texts: Spanned<Vec<Value<'t>>>) -> Option<Vec<String>> {
        if texts.get_ref().is_empty() {
            self.report(texts.span(), "a workspace needs members", HINT)?;
        }
        self.all(texts.into_inner(), |reader, text| {
            let text = reader.value::<String>(text)?;
            let path = text.get_ref();
            let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
            if path.contains('\\') || !path.trim_end_matches('/').split('/').all(is_part) {
                reader.report(text.span(), "this is not a folder below this file", HINT)?;
            }
            if path.split('/').any(|part| part.contains("**")) {
                let message =
                    "`**` is not supported: each part of a path is matched with one folder";
                let hint =
                    "write a pattern for each depth: `members = [\"charts/*\", \"charts/*/*\"]`";
                reader.report(text.span(), message, hint)?;
            }
            if let Some(error) = path.split('/').find_map(|part| Glob::new(part).err()) {
                let message = format!("this is not a pattern: {}", error.kind());
                reader.report(text.span(), message, HINT)?;
            }
            Some(path.trim_end_matches('/').to_owned())
        })
    }
}
