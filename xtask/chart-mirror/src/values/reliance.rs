//! Finds the settings of a rendering without which the chart does not render with the values of a
//! destination, although it does without them: a switch that lets foreign registries pass. Renders.

use crate::chart::{RenderError, Renderer, in_parallel};
use crate::list::{Rendering, SetValue};

/// The settings that the values rely on: `global.security.allowInsecureImages=true`. Their user would not
/// set them.
pub fn settings_relied_on(
    renderer: &dyn Renderer,
    rendering: &Rendering,
    values: &str,
) -> Vec<String> {
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
    let Err(with_values) = renderer.render(&bare, Some(values)) else { return Vec::new() };
    let without_values = renderer.render(&bare, None);
    // The chart demands settings by itself, before it looks at images: only a switch can matter.
    let is_same = without_values.is_err_and(|error| cause(&error) == cause(&with_values));
    let candidates: Vec<Setting> =
        candidates.into_iter().filter(|setting| !is_same || setting.is_switch).collect();
    let needed = in_parallel(&candidates, |setting| {
        renderer.render(&setting.others, Some(values)).is_err()
            && renderer.render(&setting.others, None).is_ok()
    });
    let needed = candidates.into_iter().zip(needed).filter(|(_, is_needed)| *is_needed);
    needed.map(|(setting, _)| setting.name).collect()
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
    use crate::chart::Rendered;

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
        let relied = |keys: &[&str]| settings_relied_on(&Chart, &set(keys), "a: b");
        assert_eq!(relied(&["license", "allowForeign", "other"]), ["allowForeign=true"]);
        assert_eq!(relied(&[]), [""; 0]);
    }
}
