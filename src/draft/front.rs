//! Front matter: cut off the body, read as one tree whatever it is written in, with the place of every key.

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Wrong, place};

/// The deepest nesting that is read; a draft needs four.
const DEEPEST: usize = 16;

/// What front matter is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Yaml,
}

/// A draft cut in two.
#[derive(Debug)]
pub(super) struct Cut<'a> {
    /// Format, text and the line (1-based) on which that text begins.
    pub front: Option<(Format, &'a str, usize)>,
    pub body: &'a str,
    pub body_line: usize,
}

/// A value of the front matter and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub line: usize,
    pub column: usize,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub line: usize,
    pub column: usize,
    pub node: Node,
}

impl Value {
    /// As JSON, keys in their written order.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(n) => (*n).into(),
            Value::Float(n) => (*n).into(),
            Value::Text(text) => text.clone().into(),
            Value::List(list) => list.iter().map(|node| node.value.json()).collect(),
            Value::Table(table) => {
                serde_json::Value::Object(table.iter().map(|e| (e.key.clone(), e.node.value.json())).collect())
            }
        }
    }

    /// For messages: `a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Cuts the front matter off. The text has only `\n` as line ends.
pub(super) fn cut(text: &str) -> Result<Cut<'_>, Wrong> {
    let first = text.split('\n').next().unwrap_or_default();
    let (format, closing): (_, &[&str]) = match first.trim_end() {
        "+++" => (Format::Toml, &["+++"]),
        "---" => (Format::Yaml, &["---", "..."]),
        _ => return Ok(Cut { front: None, body: text, body_line: 1 }),
    };
    let start = (first.len() + 1).min(text.len());
    let mut at = start;
    for (index, line) in text[start..].split('\n').enumerate() {
        if closing.contains(&line.trim_end()) {
            let body = (at + line.len() + 1).min(text.len());
            return Ok(Cut { front: Some((format, &text[start..at], 2)), body: &text[body..], body_line: index + 3 });
        }
        at += line.len() + 1;
    }
    let mark = first.trim_end();
    Err(Wrong::at(
        1,
        format!("front matter is opened with `{mark}` and never closed; put a line `{mark}` after its last key"),
    ))
}

/// Reads front matter; `line` is the draft's line on which it begins.
pub(super) fn read(format: Format, text: &str, line: usize) -> Result<Vec<Entry>, Wrong> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut entries = match format {
        Format::Toml => toml(text)?,
        Format::Yaml => yaml(text)?,
    };
    shift(&mut entries, line - 1);
    match too_deep(&entries, 0) {
        Some(wrong) => Err(wrong),
        None => Ok(entries),
    }
}

fn shift(entries: &mut [Entry], by: usize) {
    for entry in entries {
        entry.line += by;
        shift_node(&mut entry.node, by);
    }
}

fn shift_node(node: &mut Node, by: usize) {
    node.line += by;
    match &mut node.value {
        Value::List(list) => list.iter_mut().for_each(|inner| shift_node(inner, by)),
        Value::Table(table) => shift(table, by),
        _ => {}
    }
}

fn toml(text: &str) -> Result<Vec<Entry>, Wrong> {
    let (table, errors) = DeTable::parse_recoverable(text);
    // the first in the text is the one to mend; those behind it may only follow from it
    if let Some(error) = errors.iter().min_by_key(|error| error.span().map_or(0, |span| span.start)) {
        let (line, column) = error.span().map_or((1, 0), |span| place(text, span.start));
        let message = format!("the front matter is not TOML: {}", one_line(error.message()));
        return Err(Wrong::at(line + 1, message).column(column));
    }
    toml_table(text, table.get_ref(), 0)
}

fn toml_table(text: &str, table: &DeTable<'_>, depth: usize) -> Result<Vec<Entry>, Wrong> {
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
        .into_iter()
        .map(|(key, value)| {
            let (line, column) = place(text, key.span().start);
            let node = toml_node(text, value.get_ref(), value.span().start, depth + 1)?;
            Ok(Entry { key: key.get_ref().to_string(), line, column, node })
        })
        .collect()
}

fn toml_node(text: &str, value: &DeValue<'_>, start: usize, depth: usize) -> Result<Node, Wrong> {
    let (line, column) = place(text, start);
    if depth > DEEPEST {
        return Err(Wrong::at(line + 1, "the front matter is nested too deep"));
    }
    let number = |what: &str| Wrong::at(line + 1, format!("`{what}` is not a number that fits")).column(column);
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(n) => Value::Int(i64::from_str_radix(n.as_str(), n.radix()).map_err(|_| number(n.as_str()))?),
        DeValue::Float(n) => Value::Float(n.as_str().parse().map_err(|_| number(n.as_str()))?),
        DeValue::Boolean(b) => Value::Bool(*b),
        // `at = 2026-12-01T09:00:00` without quotes is a time of its own in TOML
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|item| toml_node(text, item.get_ref(), item.span().start, depth + 1))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => Value::Table(toml_table(text, table, depth)?),
    };
    Ok(Node { line, column, value })
}

fn yaml(text: &str) -> Result<Vec<Entry>, Wrong> {
    // YAML 1.2: `lang: no` is Norwegian
    let options = serde_saphyr::options! { strict_booleans: true, leading_zero_numbers_as_strings: true };
    let node: Node = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 0), |at| (at.line() as usize, at.column() as usize));
        let said = error.without_snippet().to_string();
        // the place is said by us, once
        let said = said.split(" at line ").next().unwrap_or_default();
        let said = said.strip_prefix(&format!("line {line} column {column}: ")).unwrap_or(said);
        Wrong::at(line + 1, format!("the front matter is not YAML: {}", one_line(said))).column(column)
    })?;
    match node.value {
        Value::Table(table) => Ok(table),
        Value::Null => Ok(Vec::new()),
        other => Err(Wrong::at(
            node.line + 1,
            format!(
                "the front matter is {}, not a list of `key: value`; a draft that begins with `---` has front matter",
                other.kind()
            ),
        )),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node {
            line: spanned.referenced.line() as usize,
            column: spanned.referenced.column() as usize,
            value: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_none<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_some<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
                Value::deserialize(deserializer)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
                Ok(Value::Bool(b))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
                Ok(Value::Int(n))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
                Ok(i64::try_from(n).map_or(Value::Float(n as f64), Value::Int))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
                Ok(Value::Float(n))
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(node) = seq.next_element()? {
                    list.push(node);
                }
                Ok(Value::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut table = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let node = map.next_value()?;
                    let (line, column) = (key.referenced.line() as usize, key.referenced.column() as usize);
                    table.push(Entry { key: key.value, line, column, node });
                }
                Ok(Value::Table(table))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The first place that is nested deeper than any draft needs.
fn too_deep(entries: &[Entry], depth: usize) -> Option<Wrong> {
    fn node(at: &Node, depth: usize) -> Option<Wrong> {
        if depth > DEEPEST {
            return Some(Wrong::at(at.line, "the front matter is nested too deep"));
        }
        match &at.value {
            Value::List(list) => list.iter().find_map(|inner| node(inner, depth + 1)),
            Value::Table(table) => too_deep(table, depth),
            _ => None,
        }
    }
    entries.iter().find_map(|entry| node(&entry.node, depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(entries: &[Entry]) -> Vec<(String, usize, usize)> {
        entries.iter().map(|e| (e.key.clone(), e.line, e.column)).collect()
    }

    #[test]
    fn both_formats_give_the_same_tree_with_places() {
        let toml = read(Format::Toml, "title = \"a\"\nn = 3\n[on.x]\ntags = [\"b\"]\n", 2).unwrap();
        let yaml = read(Format::Yaml, "title: a\nn: 3\non:\n  x:\n    tags: [b]\n", 2).unwrap();
        let json = |e: &[Entry]| Value::Table(e.to_vec()).json();
        assert_eq!(json(&toml), json(&yaml));
        assert_eq!(json(&toml).to_string(), r#"{"title":"a","n":3,"on":{"x":{"tags":["b"]}}}"#);
        assert_eq!(lines(&toml)[..2], [("title".into(), 2, 1), ("n".into(), 3, 1)]);
        assert_eq!(lines(&yaml), [("title".into(), 2, 1), ("n".into(), 3, 1), ("on".into(), 4, 1)]);
        let Value::Table(x) = &yaml[2].node.value else { panic!() };
        let Value::Table(tags) = &x[0].node.value else { panic!() };
        assert_eq!(lines(tags), [("tags".into(), 6, 5)]);
    }

    #[test]
    fn wrong_front_matter_is_placed() {
        let wrong = read(Format::Toml, "title = \"a\"\nlang = = 3\n", 2).unwrap_err();
        assert_eq!(wrong.line, 3, "{wrong:?}");
        let wrong = read(Format::Toml, "a = 1\na = 2\n", 2).unwrap_err();
        assert_eq!(wrong.line, 3, "{wrong:?}");
        let wrong = read(Format::Yaml, "title: a\nlang: [b\nx: y\n", 2).unwrap_err();
        assert!((3..=5).contains(&wrong.line), "{wrong:?}");
        let wrong = read(Format::Yaml, "a: 1\na: 2\n", 2).unwrap_err();
        assert_eq!(wrong.line, 3, "{wrong:?}");
        assert!(!wrong.message.contains('\n') && !wrong.message.contains("line "), "{}", wrong.message);
        let wrong = read(Format::Yaml, "just words\n", 2).unwrap_err();
        assert!(wrong.message.contains("key: value"), "{}", wrong.message);
    }

    #[test]
    fn deep_nesting_is_refused_and_not_recursed_into() {
        for depth in [40, 400, 40_000] {
            let text = format!("a = {}1{}", "[".repeat(depth), "]".repeat(depth));
            assert!(read(Format::Toml, &text, 2).is_err());
            let text = format!("a: {}1{}", "[".repeat(depth), "]".repeat(depth));
            assert!(read(Format::Yaml, &text, 2).is_err());
        }
    }

    #[test]
    fn cutting() {
        let cut_ = cut("+++\na = 1\n+++\nbody\n").unwrap();
        assert_eq!((cut_.front, cut_.body, cut_.body_line), (Some((Format::Toml, "a = 1\n", 2)), "body\n", 4));
        let cut_ = cut("---\n---").unwrap();
        assert_eq!((cut_.front, cut_.body, cut_.body_line), (Some((Format::Yaml, "", 2)), "", 3));
        assert_eq!(cut("body\n---\n").unwrap().body, "body\n---\n");
        assert_eq!(cut("+++\na = 1\n").unwrap_err().line, 1);
        assert_eq!(cut("+++").unwrap_err().line, 1);
    }
}
