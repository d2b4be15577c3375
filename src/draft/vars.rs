//! `{{ var }}` in front matter and body.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use super::error::Wrong;
use super::near::did_you_mean;

/// Variables by name, as text.
pub type Vars = BTreeMap<String, String>;

/// The built-in variables for a moment: `date` (`2026-12-01`), `time` (`09:00`) and `now` (RFC 3339), in the zone of that moment.
pub fn built_ins<Tz: TimeZone>(now: &DateTime<Tz>) -> Vars
where
    Tz::Offset: std::fmt::Display,
{
    [("date", "%Y-%m-%d"), ("time", "%H:%M"), ("now", "%Y-%m-%dT%H:%M:%S%:z")]
        .into_iter()
        .map(|(name, form)| (name.to_string(), now.format(form).to_string()))
        .collect()
}

/// Whether there is anything to fill in.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// The text with variables filled in; `line` is where it begins in the draft. A text without `{{` and `{%` is left as it is.
pub(super) fn fill(text: &str, line: usize, vars: &Vars) -> Result<String, Wrong> {
    if !is_template(text) {
        return Ok(text.to_string());
    }
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_debug(true);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let context = minijinja::Value::from(vars.clone());
    let wrong = |error: &minijinja::Error, missing: Option<String>| {
        let at = line + error.line().unwrap_or(1).saturating_sub(1);
        match (error.kind(), missing) {
            (ErrorKind::UndefinedError, Some(name)) => Wrong::at(
                at,
                format!(
                    "variable `{name}` is not defined; set it with `--var {name}=…` or `XPOST_VAR_{}`{}",
                    name.to_uppercase(),
                    did_you_mean(&name, vars.keys().map(String::as_str))
                ),
            ),
            _ => {
                let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
                Wrong::at(
                    at,
                    format!(
                        "the template is wrong: {detail}; braces that are meant literally go between `{{% raw %}}` and `{{% endraw %}}`"
                    ),
                )
            }
        }
    };
    let template = env.template_from_str(text).map_err(|error| wrong(&error, None))?;
    template.render(context).map_err(|error| {
        let mut missing: Vec<String> =
            template.undeclared_variables(false).into_iter().filter(|name| !vars.contains_key(name)).collect();
        missing.sort();
        // the place in the template tells which of several it was
        let seen = error.range().and_then(|range| text.get(range)).unwrap_or_default();
        let named =
            missing.iter().position(|name| seen.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|w| w == name));
        let name = named.or((!missing.is_empty()).then_some(0)).map(|index| missing.swap_remove(index));
        wrong(&error, name)
    })
}

/// What a template names that it does not set itself.
///
/// # Errors
/// It is no template.
pub(super) fn names(text: &str) -> Result<std::collections::HashSet<String>, String> {
    let env = Environment::new();
    let template = env.template_from_str(text).map_err(|error| {
        format!("the template is wrong: {}", error.detail().map_or_else(|| error.kind().to_string(), str::to_string))
    })?;
    Ok(template.undeclared_variables(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> Vars {
        [("version".to_string(), "2.0 <b>".to_string()), ("name".to_string(), "Ferris".to_string())].into()
    }

    #[test]
    fn variables_are_filled_in_as_they_are() {
        assert_eq!(fill("{{ name }}\n{{ version }}!", 1, &vars()).unwrap(), "Ferris\n2.0 <b>!");
        assert_eq!(fill("{% if name %}a{% endif %}{{ name | upper }}", 1, &vars()).unwrap(), "aFERRIS");
        assert_eq!(fill("no { braces } {# here #}", 1, &vars()).unwrap(), "no { braces } {# here #}");
    }

    #[test]
    fn an_undefined_one_is_named_with_its_line() {
        let wrong = fill("a {{ name }}\n\nb {{ verson }} {{ zzz }}", 10, &vars()).unwrap_err();
        assert_eq!(wrong.line, 12);
        assert!(wrong.message.contains("`verson` is not defined; set it with `--var verson="), "{}", wrong.message);
        assert!(wrong.message.ends_with("did you mean `version`?"), "{}", wrong.message);
        let wrong = fill("x\n{{ open", 3, &vars()).unwrap_err();
        assert_eq!(wrong.line, 4);
        assert!(wrong.message.contains("raw"), "{}", wrong.message);
    }

    #[test]
    fn built_ins_come_from_the_moment_given() {
        let now = chrono::DateTime::parse_from_rfc3339("2026-12-01T09:05:00+01:00").unwrap();
        let vars = built_ins(&now);
        assert_eq!((vars["date"].as_str(), vars["time"].as_str()), ("2026-12-01", "09:05"));
        assert_eq!(vars["now"], "2026-12-01T09:05:00+01:00");
    }
}
