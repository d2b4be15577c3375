//! `links`: what is added to the addresses of one's own pages, so that one sees where readers come from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::near::did_you_mean;
use super::vars::{Vars, fill, names};

/// What a template may name beside the draft's variables; known only when a target is planned.
const TARGET: &[&str] = &["platform", "account"];
/// What the clock gives, for templates that were written before any draft.
const CLOCK: &[&str] = &["date", "time", "now"];

/// `links` of a draft or `[links]` of the settings.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Links {
    /// `false`: nothing is added.
    pub wanted: Option<bool>,
    /// Links in the text too, where their host is one of `hosts`; else only the draft's `link`.
    pub all: Option<bool>,
    /// One's own hosts; those below them are meant too.
    pub hosts: Option<Vec<String>>,
    /// Parameters by name; one whose value is empty is not added.
    pub parameters: BTreeMap<String, Template>,
}

/// The value of a parameter: text with `{{ names }}`, and what is known of these names so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template {
    pub text: String,
    pub vars: Vars,
}

impl TryFrom<Value> for Links {
    type Error = String;

    /// As it stands in settings: no variables are known there but those of the clock and the target.
    fn try_from(value: Value) -> Result<Links, String> {
        Links::read(&value, &CLOCK.iter().map(|name| (name.to_string(), String::new())).collect())
    }
}

impl Links {
    /// Reads `"all"`, `"link"`, `true`, `false` or a table of parameters, `hosts` and `all`.
    ///
    /// # Errors
    /// What is wrong with it; a name in a template that will never have a value among it.
    pub(super) fn read(value: &Value, vars: &Vars) -> Result<Links, String> {
        let table = match value {
            Value::Bool(wanted) => return Ok(Links { wanted: Some(*wanted), ..Links::default() }),
            Value::String(word) if word == "all" || word == "link" => {
                return Ok(Links { all: Some(word == "all"), ..Links::default() });
            }
            Value::Object(table) => table,
            _ => return Err("`links` must be `true`, `false`, `\"link\"`, `\"all\"` or a table of parameters".into()),
        };
        let mut links = Links::default();
        for (name, value) in table {
            match (name.as_str(), value) {
                ("all", Value::Bool(all)) => links.all = Some(*all),
                ("all", _) => return Err("`all` in `links` must be `true` or `false`".into()),
                ("hosts", Value::Array(list)) => {
                    links.hosts = Some(list.iter().map(host).collect::<Result<_, String>>()?);
                }
                ("hosts", one) => links.hosts = Some(vec![host(one)?]),
                (name, Value::String(text)) => {
                    let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
                    if name.is_empty() || !name.chars().all(good) {
                        return Err(format!("`{name}` in `links` is no name of a parameter"));
                    }
                    links.parameters.insert(name.to_string(), template(name, text, vars)?);
                }
                (name, _) => return Err(format!("`{name}` in `links` must be text")),
            }
        }
        Ok(links)
    }

    /// The same with what its templates name filled in as far as it is known.
    #[must_use]
    pub fn knowing(mut self, vars: &Vars) -> Links {
        for template in self.parameters.values_mut() {
            let known = vars.iter().filter(|(name, _)| template.vars.contains_key(*name));
            template.vars.extend(known.map(|(name, value)| (name.clone(), value.clone())).collect::<Vars>());
        }
        self
    }

    /// Puts what another says over it.
    pub(crate) fn merge(&mut self, over: &Links) {
        self.wanted = over.wanted.or(self.wanted);
        self.all = over.all.or(self.all);
        if over.hosts.is_some() {
            self.hosts.clone_from(&over.hosts);
        }
        self.parameters.extend(over.parameters.iter().map(|(name, template)| (name.clone(), template.clone())));
    }

    /// Whether a page is on one of the hosts.
    pub(crate) fn hosted(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let host = url.host_str().unwrap_or_default();
        self.hosts
            .iter()
            .flatten()
            .any(|own| host == own || host.strip_suffix(own.as_str()).is_some_and(|sub| sub.ends_with('.')))
    }

    /// The parameters for one target, in the order of their names.
    ///
    /// # Errors
    /// A template that comes to nothing there.
    pub(crate) fn pairs(&self, platform: &str, account: &str) -> Result<Vec<(String, String)>, String> {
        if self.wanted == Some(false) {
            return Ok(Vec::new());
        }
        let mut pairs = Vec::new();
        for (name, template) in &self.parameters {
            let mut vars = template.vars.clone();
            vars.extend(TARGET.iter().map(|name| name.to_string()).zip([platform.to_string(), account.to_string()]));
            let value = fill(&template.text, 1, &vars).map_err(|wrong| format!("`links.{name}`: {}", wrong.message))?;
            if !value.trim().is_empty() {
                pairs.push((name.clone(), value.trim().to_string()));
            }
        }
        Ok(pairs)
    }
}

/// The address with these parameters behind its own, before the fragment; `None` where it has them all. Nothing else of it changes.
pub(crate) fn with_parameters(url: &str, pairs: &[(String, String)]) -> Option<String> {
    let (page, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (path, query) = page.split_once('?').map_or((page, None), |(path, query)| (path, Some(query)));
    let there: BTreeSet<String> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let mut added = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(name, _)| !there.contains(name)) {
        added.append_pair(name, value);
    }
    let added = added.finish();
    if added.is_empty() {
        return None;
    }
    // `https://example.org?a=b` is right, and often not understood
    let root = path.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    let joint = match query {
        None if root => "/?",
        None => "?",
        Some(query) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    Some(format!("{page}{joint}{added}{fragment}"))
}

fn host(value: &Value) -> Result<String, String> {
    let text = value.as_str().map(str::trim).unwrap_or_default();
    match Url::parse(&format!("https://{text}/")) {
        Ok(url) if url.path() == "/" && url.username().is_empty() && url.port().is_none() && url.query().is_none() => {
            Ok(url.host_str().unwrap_or_default().to_string())
        }
        _ => Err(format!("`{text}` in `links.hosts` is no host; write it as `example.org`")),
    }
}

fn template(name: &str, text: &str, vars: &Vars) -> Result<Template, String> {
    let named = names(text).map_err(|why| format!("`links.{name}`: {why}"))?;
    let known = || vars.keys().map(String::as_str).chain(TARGET.iter().copied());
    if let Some(stray) = named.iter().find(|named| known().all(|known| known != *named)) {
        let near = did_you_mean(stray, known());
        return Err(format!("`links.{name}`: `{stray}` is not defined; there are `platform`, `account`, `date`{near}"));
    }
    let vars = vars.iter().filter(|(name, _)| named.contains(*name));
    Ok(Template { text: text.to_string(), vars: vars.map(|(name, value)| (name.clone(), value.clone())).collect() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_added_once_and_nothing_else_changes() {
        let pairs = [("utm_source".to_string(), "a b".to_string()), ("utm_medium".into(), "x&y".into())];
        for (url, with) in [
            ("https://a.example", "https://a.example/?utm_source=a+b&utm_medium=x%26y"),
            ("https://a.example/p", "https://a.example/p?utm_source=a+b&utm_medium=x%26y"),
            ("https://a.example/p?", "https://a.example/p?utm_source=a+b&utm_medium=x%26y"),
            (
                "https://a.example/p?z=1&b=%C3%A9#top?x",
                "https://a.example/p?z=1&b=%C3%A9&utm_source=a+b&utm_medium=x%26y#top?x",
            ),
            ("https://a.example/p?z&#top", "https://a.example/p?z&utm_source=a+b&utm_medium=x%26y#top"),
            ("https://a.example/p?utm_source=mine#t", "https://a.example/p?utm_source=mine&utm_medium=x%26y#t"),
            ("https://a.example/p?utm%5Fsource=mine", "https://a.example/p?utm%5Fsource=mine&utm_medium=x%26y"),
        ] {
            let once = with_parameters(url, &pairs).unwrap();
            assert_eq!(once, with);
            assert_eq!(with_parameters(&once, &pairs), None);
        }
        assert_eq!(with_parameters("https://a.example/", &[]), None);
    }

    #[test]
    fn what_is_read_and_what_is_wrong() {
        let vars: Vars = [("version".to_string(), "2".to_string()), ("unused".into(), "1".into())].into();
        let links = Links::read(
            &json!({"utm_source": "{{ platform }}", "utm_campaign": "v{{ version }}-{{ account }}", "utm_term": "", "hosts": ["Example.org"]}),
            &vars,
        )
        .unwrap();
        assert_eq!(links.parameters["utm_campaign"].vars.len(), 1);
        assert_eq!(
            links.pairs("harbour", "work").unwrap(),
            [("utm_campaign".to_string(), "v2-work".to_string()), ("utm_source".into(), "harbour".into())]
        );
        assert!(links.hosted("https://www.example.org/x") && links.hosted("http://EXAMPLE.org"));
        assert!(!links.hosted("https://badexample.org/") && !links.hosted("https://example.org.evil.example/"));
        let mut off = links.clone();
        off.merge(&Links::read(&json!(false), &vars).unwrap());
        assert_eq!(off.pairs("harbour", "work").unwrap(), []);
        off.merge(&Links::read(&json!({"utm_source": "x"}), &vars).unwrap());
        assert!(off.hosts.is_some() && off.wanted == Some(false));
        assert_eq!(Links::read(&json!("all"), &vars).unwrap().all, Some(true));
        for (value, said) in [
            (
                json!({"a": "{{ platfrom }}"}),
                "`platfrom` is not defined; there are `platform`, `account`, `date`; did you mean `platform`?",
            ),
            (json!({"a": "{{ open"}), "`links.a`: the template is wrong"),
            (json!({"a b": "x"}), "no name of a parameter"),
            (json!({"a": 3}), "must be text"),
            (json!({"hosts": ["https://x"]}), "is no host"),
            (json!({"hosts": ["a.example/x"]}), "is no host"),
            (json!("some"), "must be `true`"),
        ] {
            let why = Links::read(&value, &vars).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
        let settings: Links = serde_json::from_value(json!({"d": "{{ date }}"})).unwrap();
        let known = settings.knowing(&[("date".to_string(), "2026-12-01".to_string())].into());
        assert_eq!(known.pairs("x", "y").unwrap(), [("d".to_string(), "2026-12-01".to_string())]);
    }
}
