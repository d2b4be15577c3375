//! Keys of `[on.NAME]` that only one network knows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Notes;
use crate::draft::{KEYS, did_you_mean};
use crate::platform::{Field, FieldKind, Spec};

/// Checks the keys against the network's list and turns values into what the list says.
pub(super) fn options(spec: &Spec, extra: &BTreeMap<String, Value>, notes: &mut Notes) -> BTreeMap<String, Value> {
    let mut options = BTreeMap::new();
    for (key, value) in extra {
        let Some(field) = spec.options.iter().find(|field| field.name == key) else {
            let names: Vec<&str> = spec.options.iter().map(|field| field.name).collect();
            let mut hint = did_you_mean(key, names.iter().copied().chain(KEYS.iter().copied()));
            if hint.is_empty() && !names.is_empty() {
                hint = format!("; it knows `{}`", names.join("`, `"));
            }
            notes.problem("unknown_option", format!("{} has no option `{key}`{hint}", spec.title));
            continue;
        };
        match convert(field, value) {
            Ok(value) => {
                options.insert(key.clone(), value);
            }
            Err(wanted) => notes.problem("option", format!("`{key}` of {} must be {wanted}", spec.title)),
        }
    }
    for field in spec.options.iter().filter(|field| field.required && !options.contains_key(field.name)) {
        // one that was given and is wrong has been told already
        if !extra.contains_key(field.name) {
            let message = format!("{} needs `{}` under `[on.{}]`: {}", spec.title, field.name, spec.name, field.help);
            notes.problem("missing_option", message);
        }
    }
    options
}

/// The value as the field's kind, or what it should have been.
fn convert(field: &Field, value: &Value) -> Result<Value, String> {
    match (field.kind, value) {
        (FieldKind::Text | FieldKind::Secret | FieldKind::Directory, Value::String(_))
        | (FieldKind::Bool, Value::Bool(_))
        | (FieldKind::Number, Value::Number(_))
        | (FieldKind::Table, Value::Object(_))
        | (FieldKind::Any, _) => Ok(value.clone()),
        // an id is text that often looks like a number
        (FieldKind::Text, Value::Number(number)) => Ok(Value::from(number.to_string())),
        (FieldKind::Choice(words), Value::String(word)) if words.contains(&word.as_str()) => Ok(value.clone()),
        (FieldKind::Choice(words), other) => {
            let near = other.as_str().map_or_else(String::new, |word| did_you_mean(word, words.iter().copied()));
            Err(format!("one of `{}`{near}", words.join("`, `")))
        }
        (FieldKind::List, Value::String(_)) => Ok(Value::Array(vec![value.clone()])),
        (FieldKind::List, Value::Array(list)) if list.iter().all(|item| item.is_string() || item.is_number()) => {
            let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_string);
            Ok(list.iter().map(|item| Value::from(text(item))).collect())
        }
        (FieldKind::Text | FieldKind::Secret | FieldKind::Directory, _) => Err("text".to_string()),
        (FieldKind::Bool, _) => Err("`true` or `false`".to_string()),
        (FieldKind::Number, _) => Err("a number".to_string()),
        (FieldKind::List, _) => Err("a list of texts".to_string()),
        (FieldKind::Table, _) => Err("a table".to_string()),
    }
}
