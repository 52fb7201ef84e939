//! Finds the settings of a rendering that the values of a destination need and lack: a switch that lets
//! foreign registries pass, or the tag of an image. Renders.

use std::collections::BTreeSet;
use std::fmt;

use crate::chart::{Rendered, Renderer, in_parallel};
use crate::list::Rendering;
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
    /// It has this gap, which it does not have with the setting.
    Gap(String),
}

/// What a chart with the values of a destination does wrong, compared with the chart without them. `None` if
/// nothing.
pub type Comparison<'a> = dyn Fn(&Rendered, &Rendered) -> Option<String> + Sync + 'a;

/// The settings that the values rely on: the chart renders without one, but with the values it then fails or
/// has a problem. If each of several settings is enough, they are one. `needed` are settings that the chart
/// needs itself in other renderings; those of this one are added.
pub fn settings_relied_on(
    renderer: &dyn Renderer,
    rendering: &Rendering,
    values: &str,
    problem: &Comparison<'_>,
    needed: &mut BTreeSet<String>,
) -> Vec<Reliance> {
    let mut settings = settings(rendering);
    settings.retain(|setting| !needed.contains(&setting.name));
    let trial = Trial { renderer, rendering, values, problem };
    let outcomes = in_parallel(&settings, |setting| trial.without(&[setting]));
    let mut found = Vec::new();
    let mut optional = Vec::new();
    for (setting, outcome) in settings.iter().zip(outcomes) {
        match outcome {
            Outcome::Wrong(without) => {
                found.push(Reliance { setting: setting.name.clone(), without });
            }
            Outcome::Right => optional.push(setting),
            Outcome::NeedsSetting => {
                needed.insert(setting.name.clone());
            }
        }
    }
    if found.is_empty() && optional.len() > 1 {
        found.extend(trial.several(optional));
    }
    found
}

/// Renders with and without the values, and without some settings.
struct Trial<'a> {
    renderer: &'a dyn Renderer,
    rendering: &'a Rendering,
    values: &'a str,
    problem: &'a Comparison<'a>,
}

/// What the values do without some settings.
enum Outcome {
    /// The chart does not render without the settings, whatever the values are.
    NeedsSetting,
    Right,
    Wrong(WithoutSetting),
}

impl Trial<'_> {
    fn without(&self, settings: &[&Setting]) -> Outcome {
        let rendering = without(self.rendering, settings);
        let Ok(before) = self.renderer.render(&rendering, None) else {
            return Outcome::NeedsSetting;
        };
        match self.renderer.render(&rendering, Some(self.values)) {
            Err(_) => Outcome::Wrong(WithoutSetting::NotRendered),
            Ok(after) => match (self.problem)(&before, &after) {
                Some(gap) => Outcome::Wrong(WithoutSetting::Gap(gap)),
                None => Outcome::Right,
            },
        }
    }

    /// Settings of which the values need any one.
    fn several(&self, mut settings: Vec<&Setting>) -> Option<Reliance> {
        let mut outcome = self.without(&settings);
        if matches!(outcome, Outcome::NeedsSetting) {
            settings = self.optional_together(&settings);
            outcome = self.without(&settings);
        }
        let Outcome::Wrong(without) = outcome else { return None };
        let is_enough = |setting: &&&Setting| {
            let others = settings.iter().filter(|other| !std::ptr::eq(**other, **setting));
            let others: Vec<&Setting> = others.copied().collect();
            matches!(self.without(&others), Outcome::Right)
        };
        let enough: Vec<&&Setting> = settings.iter().filter(is_enough).collect();
        let needed = if enough.is_empty() { settings.iter().collect() } else { enough };
        let names: Vec<&str> = needed.into_iter().map(|setting| setting.name.as_str()).collect();
        Some(Reliance { setting: names.join("` or `"), without })
    }

    /// As many of the settings as the chart can do without at once.
    fn optional_together<'s>(&self, settings: &[&'s Setting]) -> Vec<&'s Setting> {
        let mut optional = Vec::new();
        for setting in settings {
            optional.push(*setting);
            let rendering = without(self.rendering, &optional);
            if self.renderer.render(&rendering, None).is_err() {
                optional.pop();
            }
        }
        optional
    }
}

impl fmt::Display for Reliance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = printable(&self.setting);
        match &self.without {
            WithoutSetting::NotRendered => {
                write!(f, "the chart renders only if `{setting}` is set as well")
            }
            WithoutSetting::Gap(gap) => write!(f, "but without `{setting}`, {gap}"),
        }
    }
}

impl Reliance {
    pub fn hint(&self) -> &'static str {
        let is_name = ["release = ", "namespace = "].iter().any(|it| self.setting.starts_with(it));
        match &self.without {
            _ if is_name => {
                "a `[[chart.rendering]]` sets it, and who installs the chart may choose another: look for a value \
                 that does not depend on it, or prescribe the name to everyone"
            }
            WithoutSetting::NotRendered => {
                "a `[[chart.rendering]]` sets it, and who installs the chart may not: add it to `[values]` in \
                 images.toml"
            }
            WithoutSetting::Gap(_) => {
                "a `[[chart.rendering]]` sets it, and who installs the chart may not: add it to the values of the \
                 image in images.toml (`\"image.tag\" = \"{tag}\"`), or to `[values]`"
            }
        }
    }
}

/// One setting of a rendering.
struct Setting {
    name: String,
    position: Position,
}

/// Where a setting stands in a rendering.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Set(usize),
    SetString(usize),
    File(usize),
    Release,
    Namespace,
}

fn settings(rendering: &Rendering) -> Vec<Setting> {
    let set = rendering.set.iter().enumerate().map(|(index, (key, value))| {
        let position = Position::Set(index);
        Setting { name: format!("{key}={value}"), position }
    });
    let set_string = rendering.set_string.iter().enumerate().map(|(index, (key, _))| {
        let position = Position::SetString(index);
        Setting { name: key.clone(), position }
    });
    let files = rendering.values.iter().enumerate().map(|(index, file)| {
        let position = Position::File(index);
        Setting { name: format!("the file `{file}`"), position }
    });
    let names = [
        ("release", &rendering.release, Position::Release),
        ("namespace", &rendering.namespace, Position::Namespace),
    ];
    let names = names.into_iter().filter_map(|(key, value, position)| {
        let name = format!("{key} = {:?}", value.as_ref()?);
        Some(Setting { name, position })
    });
    set.chain(set_string).chain(files).chain(names).collect()
}

fn without(rendering: &Rendering, settings: &[&Setting]) -> Rendering {
    let stays = |position| settings.iter().all(|setting| setting.position != position);
    Rendering {
        set: kept(&rendering.set, |index| stays(Position::Set(index))),
        set_string: kept(&rendering.set_string, |index| stays(Position::SetString(index))),
        values: kept(&rendering.values, |index| stays(Position::File(index))),
        release: rendering.release.clone().filter(|_| stays(Position::Release)),
        namespace: rendering.namespace.clone().filter(|_| stays(Position::Namespace)),
        ..rendering.clone()
    }
}

fn kept<T: Clone>(items: &[T], stays: impl Fn(usize) -> bool) -> Vec<T> {
    let items = items.iter().enumerate().filter(|(index, _)| stays(*index));
    items.map(|(_, item)| item.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::RenderError;
    use crate::list::SetValue;

    /// A chart that does with the keys that are set what a function says. `true` stands for the values.
    struct Chart(Rule);

    type Rule = fn(&[&str], bool) -> Result<&'static str, &'static str>;

    impl Renderer for Chart {
        fn render(
            &self,
            rendering: &Rendering,
            values: Option<&str>,
        ) -> Result<Rendered, RenderError> {
            let keys: Vec<&str> = rendering.set.iter().map(|(key, _)| key.as_str()).collect();
            match self.0(&keys, values.is_some()) {
                Ok(text) => {
                    let (rendering, text) = (rendering.name.clone(), text.to_owned());
                    Ok(Rendered { rendering, text, warnings: String::new() })
                }
                Err(message) => {
                    let cause = messages::Advice::new(message);
                    let attempt = "rendering".to_owned();
                    Err(RenderError::Failed { attempt, cause, output: String::new() })
                }
            }
        }
    }

    /// The settings that are relied on if these are set. A text `wrong` is a problem.
    fn relied_on(chart: Rule, keys: &[&str]) -> Vec<String> {
        relied_on_and_needed(chart, keys, &mut BTreeSet::new())
    }

    fn relied_on_and_needed(
        chart: Rule,
        keys: &[&str],
        needed: &mut BTreeSet<String>,
    ) -> Vec<String> {
        let problem = |_: &Rendered, after: &Rendered| {
            Some(after.text.clone()).filter(|text| text == "wrong")
        };
        let rendering = Rendering {
            set: keys.iter().map(|key| ((*key).to_owned(), SetValue::Boolean(true))).collect(),
            ..Rendering::default()
        };
        let found = settings_relied_on(&Chart(chart), &rendering, "a: b", &problem, needed);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_switch_that_only_the_values_need_is_found() {
        // A chart that demands a license, and refuses foreign images until a switch is set.
        let chart = |keys: &[&str], values: bool| match values {
            _ if !keys.contains(&"license") => Err("a license is needed"),
            true if !keys.contains(&"allow") && !keys.contains(&"allowAll") => Err("foreign"),
            _ => Ok("right"),
        };
        let text =
            |setting: &str| vec![format!("the chart renders only if `{setting}` is set as well")];
        assert_eq!(relied_on(chart, &["license", "allow", "x"]), text("allow=true"));
        let both = text("allow=true` or `allowAll=true");
        assert_eq!(relied_on(chart, &["license", "allow", "x", "allowAll"]), both);
        assert_eq!(relied_on(chart, &[]), [""; 0]);

        let needed = &mut BTreeSet::new();
        relied_on_and_needed(chart, &["license", "allow"], needed);
        assert_eq!(needed.iter().collect::<Vec<_>>(), ["license=true"]);
        // Another rendering that has it, too, does not try without it.
        needed.insert("allow=true".to_owned());
        assert_eq!(relied_on_and_needed(chart, &["license", "allow"], needed), [""; 0]);
    }

    #[test]
    fn a_setting_without_which_an_image_is_wrong_is_found() {
        let chart = |keys: &[&str], values: bool| match values {
            _ if !keys.contains(&"license") && !keys.contains(&"trial") => Err("license or trial"),
            true if !keys.iter().any(|key| key.starts_with("mirror")) => Ok("wrong"),
            _ => Ok("right"),
        };
        let text = |setting: &str| vec![format!("but without `{setting}`, wrong")];
        assert_eq!(relied_on(chart, &["license", "mirror"]), text("mirror=true"));
        let both = text("mirror=true` or `mirrors=true");
        assert_eq!(relied_on(chart, &["license", "mirror", "mirrors"]), both);
        assert_eq!(relied_on(chart, &["license", "trial", "mirror", "mirrors"]), both);
    }

    #[test]
    fn the_name_of_a_release_and_its_namespace_are_settings() {
        struct Named;
        impl Renderer for Named {
            fn render(
                &self,
                rendering: &Rendering,
                values: Option<&str>,
            ) -> Result<Rendered, RenderError> {
                let is_moved = rendering.namespace.is_some() && values.is_some();
                let text = if is_moved || values.is_none() { "right" } else { "wrong" };
                Ok(Rendered {
                    rendering: "r".to_owned(),
                    text: text.to_owned(),
                    warnings: String::new(),
                })
            }
        }
        let problem = |_: &Rendered, after: &Rendered| {
            Some(after.text.clone()).filter(|text| text == "wrong")
        };
        let rendering = Rendering {
            release: Some("prod".to_owned()),
            namespace: Some("web".to_owned()),
            ..Rendering::default()
        };
        let mut needed = BTreeSet::new();
        let found = settings_relied_on(&Named, &rendering, "a: b", &problem, &mut needed);
        let names: Vec<_> = found.iter().map(|it| it.setting.as_str()).collect();
        assert_eq!(names, ["namespace = \"web\""]);
        assert!(found[0].hint().contains("choose another"));
    }

    #[test]
    fn a_setting_of_what_the_chart_needs_itself_is_not_relied_on() {
        let chart = |keys: &[&str], values: bool| match (keys.contains(&"component"), values) {
            (true, true) if !keys.contains(&"mirror") => Ok("wrong"),
            _ => Ok("right"),
        };
        let text = vec!["but without `mirror=true`, wrong".to_owned()];
        assert_eq!(relied_on(chart, &["component", "mirror"]), text);
        assert_eq!(relied_on(chart, &["component2", "mirror"]), [""; 0]);
    }
}
