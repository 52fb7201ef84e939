//! `[destinations.NAME.prune]`.

use globset::Glob;
use toml::Spanned;
use toml::de::DeTable;

use super::reader::Reader;
use super::value::Value;
use crate::list::prune::{InvalidAge, begins_with_name, repository_glob};
use crate::list::{Address, PruneRules};

impl<'t> Reader<'t> {
    /// The address is that of the destination, with its prefix, if it is known.
    pub(super) fn prune(
        &mut self,
        entry: Spanned<DeTable<'t>>,
        address: Option<&Address>,
    ) -> Option<PruneRules> {
        let mut table = self.table(entry, "`[destinations.NAME.prune]`");
        let hint =
            "write which repositories belong to the lists: `repositories = [\"stackstate/**\"]`";
        let repositories = self.required(&mut table, "repositories", hint, |reader, globs| {
            reader.owned_repositories(globs, address)
        });
        let keep = self.optional(&mut table, "keep", Self::kept_tags);
        let keep_last = self.optional(&mut table, "keep-last", Self::at_least_one);
        let minimum_age = self.optional(&mut table, "minimum-age", |reader, text| {
            let hint = "write a number with `h`, `d` or `w`: `minimum-age = \"30d\"`";
            reader.parsed(&text, |why: InvalidAge| (why.to_string(), hint))
        });
        self.finish(table)?;
        Some(PruneRules {
            repositories: repositories?,
            keep: keep.unwrap_or_default(),
            keep_last: keep_last.unwrap_or_default(),
            minimum_age,
        })
    }

    /// At a destination without a path, a glob has to begin with a name: one that matches everything would
    /// own the repositories of everyone else.
    fn owned_repositories(
        &mut self,
        globs: Spanned<Vec<Value<'t>>>,
        address: Option<&Address>,
    ) -> Option<Vec<Glob>> {
        if globs.get_ref().is_empty() {
            let hint = "write at least one: `\"stackstate/**\"`; or leave `prune` out";
            self.report(globs.span(), "an empty list owns no repository", hint)?;
        }
        let has_path = address.is_none_or(|address| address.prefix.is_some());
        self.all(globs.into_inner(), |reader, text| {
            let text = reader.value::<String>(text)?;
            let glob = text.get_ref();
            if !has_path && !begins_with_name(glob) {
                let message = format!(
                    "`{}` may own every repository of the registry",
                    glob.escape_debug()
                );
                let hint = "begin it with a name: `\"stackstate/**\"`; or give the destination a `prefix`";
                reader.report(text.span(), message, hint)?;
            }
            if glob.is_empty() || glob.starts_with('/') || glob.ends_with('/') || glob.contains(':') {
                let message = format!("`{}` matches no repository", glob.escape_debug());
                let hint = "write the path below `registry` and `prefix`, without a tag: `\"stackstate/**\"`";
                reader.report(text.span(), message, hint)?;
            }
            reader.glob(&text, repository_glob(glob))
        })
    }

    fn kept_tags(&mut self, globs: Spanned<Vec<Value<'t>>>) -> Option<Vec<Glob>> {
        self.all(globs.into_inner(), |reader, text| {
            let text = reader.value::<String>(text)?;
            if text.get_ref().is_empty() {
                reader.report(
                    text.span(),
                    "this matches no tag",
                    "write a tag or a glob: `\"*-lts\"`",
                )?;
            }
            reader.glob(&text, Glob::new(text.get_ref()))
        })
    }

    fn glob(
        &mut self,
        text: &Spanned<String>,
        built: Result<Glob, globset::Error>,
    ) -> Option<Glob> {
        let message = match built {
            Ok(glob) => return Some(glob),
            Err(error) => {
                format!("`{}` is not a glob: {}", text.get_ref().escape_debug(), error.kind())
            }
        };
        self.report(text.span(), message, "`*` stands for any characters, `**` for any path")?;
        None
    }
}
