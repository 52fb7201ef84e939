//! Finds the settings of a rendering that the values of a destination need and lack: a switch that lets
//! foreign registries pass, or the tag of an image. Renders.

use std::fmt;

use crate::chart::{RenderError, Rendered, Renderer, in_parallel};
use crate::list::{Rendering, SetValue};
use messages::printable::printable;

/// A setting of a rendering that the values rely on. Who installs the chart with the values may not set it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reliance {
    /// `global.security.allowInsecureImages=true`
    pub setting: String,
    pub without: WithoutSetting,
}

/// What the chart does with the values, but without a setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithoutSetting {
    NotRendered,
    /// It names this reference at the destination, which is not the target of a listed image.
    Names(String),
}

/// The settings that the values rely on. `not_copied` finds a reference at the destination that no listed image
/// has as its target.
pub fn settings_relied_on(
    renderer: &dyn Renderer,
    rendering: &Rendering,
    values: &str,
    not_copied: &(dyn Fn(&Rendered) -> Option<String> + Sync),
) -> Vec<Reliance> {
    let candidates = settings(rendering);
    if candidates.is_empty() {
        return Vec::new();
    }
    let bare = Rendering {
        set: Vec::new(),
        set_string: Vec::new(),
        values: Vec::new(),
        ..rendering.clone()
    };
    match renderer.render(&bare, Some(values)) {
        Err(with_values) => switches(renderer, candidates, &bare, values, &with_values),
        Ok(rendered) => match not_copied(&rendered) {
            Some(reference) => versions(renderer, candidates, values, not_copied, reference),
            None => Vec::new(),
        },
    }
}

/// The settings without which the chart does not render with the values, although it does without them.
fn switches(
    renderer: &dyn Renderer,
    candidates: Vec<Setting>,
    bare: &Rendering,
    values: &str,
    with_values: &RenderError,
) -> Vec<Reliance> {
    let without_values = renderer.render(bare, None);
    // The chart demands settings by itself, before it looks at images: only a switch can matter.
    let is_same = without_values.is_err_and(|error| cause(&error) == cause(with_values));
    let candidates: Vec<Setting> =
        candidates.into_iter().filter(|setting| !is_same || setting.is_switch).collect();
    let needed = in_parallel(&candidates, |setting| {
        renderer.render(&setting.others, Some(values)).is_err()
            && renderer.render(&setting.others, None).is_ok()
    });
    let needed = candidates.into_iter().zip(needed).filter(|(_, is_needed)| *is_needed);
    let reliance =
        |setting: Setting| Reliance { setting: setting.name, without: WithoutSetting::NotRendered };
    needed.map(|(setting, _)| reliance(setting)).collect()
}

/// The settings without which the chart names a reference that is not copied. If it takes several to name it,
/// all of them.
fn versions(
    renderer: &dyn Renderer,
    candidates: Vec<Setting>,
    values: &str,
    not_copied: &(dyn Fn(&Rendered) -> Option<String> + Sync),
    reference: String,
) -> Vec<Reliance> {
    let without = in_parallel(&candidates, |setting| {
        renderer.render(&setting.others, Some(values)).ok().as_ref().and_then(not_copied)
    });
    let found: Vec<Reliance> = candidates
        .iter()
        .zip(without)
        .filter_map(|(setting, reference)| {
            let without = WithoutSetting::Names(reference?);
            Some(Reliance { setting: setting.name.clone(), without })
        })
        .collect();
    if !found.is_empty() {
        return found;
    }
    let names: Vec<String> = candidates.into_iter().map(|setting| setting.name).collect();
    vec![Reliance { setting: names.join("`, `"), without: WithoutSetting::Names(reference) }]
}

impl fmt::Display for Reliance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = printable(&self.setting);
        match &self.without {
            WithoutSetting::NotRendered => {
                write!(f, "the chart renders only if `{setting}` is set as well")
            }
            WithoutSetting::Names(reference) => write!(
                f,
                "the chart names `{}`, which is not copied, unless `{setting}` is set as well",
                printable(reference)
            ),
        }
    }
}

impl WithoutSetting {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotRendered => {
                "a `[[chart.rendering]]` sets it, and who installs the chart may not: add it to `[values]` in \
                 images.toml"
            }
            Self::Names(_) => {
                "a `[[chart.rendering]]` sets it, and who installs the chart may not: add it to the values of the \
                 image in images.toml (`\"image.tag\" = \"{tag}\"`), or to `[values]`"
            }
        }
    }
}

/// One setting of a rendering, and the rendering without it.
struct Setting {
    name: String,
    is_switch: bool,
    others: Rendering,
}

fn settings(rendering: &Rendering) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (index, (key, value)) in rendering.set.iter().enumerate() {
        let mut others = rendering.clone();
        others.set.remove(index);
        let is_switch = matches!(value, SetValue::Boolean(_));
        settings.push(Setting { name: format!("{key}={value}"), is_switch, others });
    }
    for (index, (key, _)) in rendering.set_string.iter().enumerate() {
        let mut others = rendering.clone();
        others.set_string.remove(index);
        settings.push(Setting { name: key.clone(), is_switch: false, others });
    }
    for (index, file) in rendering.values.iter().enumerate() {
        let mut others = rendering.clone();
        others.values.remove(index);
        settings.push(Setting { name: format!("the file `{file}`"), is_switch: true, others });
    }
    settings
}

/// What helm reported, without what was attempted.
fn cause(error: &RenderError) -> String {
    error.advice().message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chart that demands a license, and refuses foreign images until a switch is set.
    struct Chart;

    impl Renderer for Chart {
        fn render(
            &self,
            rendering: &Rendering,
            values: Option<&str>,
        ) -> Result<Rendered, RenderError> {
            let has = |wanted: &str| rendering.set.iter().any(|(key, _)| key == wanted);
            let refuse = |message: &str| {
                let cause = messages::Advice::new(message);
                let attempt = "rendering".to_owned();
                Err(RenderError::Failed { attempt, cause, output: String::new() })
            };
            match values {
                _ if !has("license") => refuse("a license is needed"),
                Some(_) if !has("allowForeign") => refuse("unrecognized images"),
                _ => Ok(Rendered {
                    rendering: rendering.name.clone(),
                    text: "kind: Pod".to_owned(),
                    warnings: String::new(),
                }),
            }
        }
    }

    #[test]
    fn a_switch_that_only_the_values_need_is_found() {
        let set = |keys: &[&str]| Rendering {
            set: keys.iter().map(|key| ((*key).to_owned(), SetValue::Boolean(true))).collect(),
            ..Rendering::default()
        };
        let relied = |keys: &[&str]| {
            let found = settings_relied_on(&Chart, &set(keys), "a: b", &|_| None);
            found.into_iter().map(|reliance| reliance.setting).collect::<Vec<_>>()
        };
        assert_eq!(relied(&["license", "allowForeign", "other"]), ["allowForeign=true"]);
        assert_eq!(relied(&[]), [""; 0]);
    }

    /// A chart whose image has the version that is set, and `latest` otherwise.
    struct Versioned;

    impl Renderer for Versioned {
        fn render(&self, rendering: &Rendering, _: Option<&str>) -> Result<Rendered, RenderError> {
            let is_set = rendering.set.iter().any(|(key, _)| key.starts_with("tag"));
            let text = if is_set { "r.io/a/b:8" } else { "r.io/a/b:latest" };
            let (rendering, warnings) = (rendering.name.clone(), String::new());
            Ok(Rendered { rendering, text: text.to_owned(), warnings })
        }
    }

    #[test]
    fn a_setting_that_decides_which_version_is_pulled_is_found() {
        let set = |keys: &[&str]| Rendering {
            set: keys.iter().map(|key| ((*key).to_owned(), SetValue::Integer(8))).collect(),
            ..Rendering::default()
        };
        let not_copied = |rendered: &Rendered| {
            Some(rendered.text.clone()).filter(|text| text.ends_with(":latest"))
        };
        let relied = |keys: &[&str]| {
            let found = settings_relied_on(&Versioned, &set(keys), "a: b", &not_copied);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let text = |setting: &str| {
            format!(
                "the chart names `r.io/a/b:latest`, which is not copied, unless `{setting}` is set as well"
            )
        };
        assert_eq!(relied(&["other", "tag"]), [text("tag=8")]);
        assert_eq!(relied(&["tag", "tags"]), [text("tag=8`, `tags=8")], "each one is enough");
        assert_eq!(relied(&[]), [""; 0]);
    }
}
