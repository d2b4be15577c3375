//! Placeholders of wire files: `{{any}}`, `{{NAME}}`, `{{NAME=VALUE}}`, and the comparison of what was written with what came.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What the names stand for.
pub type Scope = BTreeMap<String, String>;

#[derive(Debug, PartialEq)]
enum Token {
    Text(String),
    Any,
    Name(String),
    Define(String, String),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inner, behind)) = after.split_once("}}") else { break };
        if !before.is_empty() {
            out.push(Token::Text(before.to_string()));
        }
        let inner = inner.trim_start_matches('#');
        out.push(match inner.split_once('=') {
            Some((name, value)) => Token::Define(name.to_string(), value.to_string()),
            None if inner == "any" => Token::Any,
            None => Token::Name(inner.to_string()),
        });
        rest = behind;
    }
    if !rest.is_empty() {
        out.push(Token::Text(rest.to_string()));
    }
    out
}

/// The placeholder where the whole text is one of the number kind, `{{#NAME}}`.
fn number(text: &str) -> bool {
    text.starts_with("{{#") && text.ends_with("}}") && text.matches("{{").count() == 1
}

/// Whether names of earlier answers stand in it, apart from those that every file knows.
pub fn has_names(text: &str, given: &Scope) -> bool {
    tokens(text).iter().any(|token| matches!(token, Token::Name(name) if given.contains_key(name)))
}

/// The text with its names filled in; `{{NAME=VALUE}}` gives the name on the way, `{{any}}` stays the word.
///
/// # Errors
/// A name that nobody gave.
pub fn expand(text: &str, scope: &mut Scope) -> Result<String, String> {
    let mut out = String::new();
    for token in tokens(text) {
        match token {
            Token::Text(text) => out.push_str(&text),
            Token::Any => out.push_str("any"),
            Token::Name(name) => out.push_str(scope.get(&name).ok_or(format!("nothing is called `{name}`"))?),
            Token::Define(name, value) => {
                out.push_str(&value);
                scope.insert(name, value);
            }
        }
    }
    Ok(out)
}

/// The same for all strings of a JSON value; strings of the number kind become numbers.
pub fn expand_json(template: &Value, scope: &mut Scope) -> Result<Value, String> {
    Ok(match template {
        Value::String(text) if number(text) => {
            let text = if text == "{{#any}}" { "0".to_string() } else { expand(text, scope)? };
            serde_json::from_str(&text).map_err(|_| format!("`{text}` is not a number"))?
        }
        Value::String(text) => json!(expand(text, scope)?),
        Value::Array(list) => Value::Array(list.iter().map(|one| expand_json(one, scope)).collect::<Result<_, _>>()?),
        Value::Object(map) => Value::Object(
            map.iter().map(|(key, one)| Ok((key.clone(), expand_json(one, scope)?))).collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

/// What stood at each `{{any}}` and `{{NAME=…}}` where the text fits the template.
fn captures(template: &str, actual: &str, scope: &Scope) -> Option<Vec<String>> {
    fn walk(tokens: &[Token], actual: &str, scope: &Scope, out: &mut Vec<String>) -> bool {
        match tokens {
            [] => actual.is_empty(),
            [Token::Text(text), rest @ ..] => {
                actual.strip_prefix(text.as_str()).is_some_and(|left| walk(rest, left, scope, out))
            }
            [Token::Name(name), rest @ ..] => {
                let value = scope.get(name).and_then(|value| actual.strip_prefix(value.as_str()));
                value.is_some_and(|left| walk(rest, left, scope, out))
            }
            [Token::Any | Token::Define(..), rest @ ..] => {
                let ends = actual.char_indices().map(|(at, _)| at).chain([actual.len()]);
                for end in ends {
                    let length = out.len();
                    out.push(actual[..end].to_string());
                    if walk(rest, &actual[end..], scope, out) {
                        return true;
                    }
                    out.truncate(length);
                }
                false
            }
        }
    }
    let mut out = Vec::new();
    walk(&tokens(template), actual, scope, &mut out).then_some(out)
}

/// Whether a text fits its template.
pub fn fits(template: &str, actual: &str, scope: &Scope) -> bool {
    captures(template, actual, scope).is_some()
}

/// Whether a JSON value fits; what does not is said in one line each.
pub fn compare(template: &Value, actual: &Value, scope: &Scope, at: &str, problems: &mut Vec<String>) {
    match (template, actual) {
        (Value::String(text), _) if text == "{{any}}" => {}
        (Value::String(text), Value::Number(_)) if text == "{{#any}}" => {}
        (Value::String(text), _) if number(text) => {
            let wanted =
                expand(text, &mut scope.clone()).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
            if wanted.as_ref() != Some(actual) {
                problems.push(format!("{at}: {actual} instead of `{text}`"));
            }
        }
        (Value::String(text), Value::String(given)) if fits(text, given, scope) => {}
        (Value::Array(wanted), Value::Array(given)) if wanted.len() == given.len() => {
            for (n, (wanted, given)) in wanted.iter().zip(given).enumerate() {
                compare(wanted, given, scope, &format!("{at}[{n}]"), problems);
            }
        }
        (Value::Object(wanted), Value::Object(given)) => {
            for (key, wanted) in wanted {
                match given.get(key) {
                    Some(given) => compare(wanted, given, scope, &format!("{at}.{key}"), problems),
                    None => problems.push(format!("{at}.{key}: is missing")),
                }
            }
            let more = given.keys().filter(|key| !wanted.contains_key(*key));
            problems.extend(more.map(|key| format!("{at}.{key}: is not in the file")));
        }
        _ if template == actual => {}
        _ => problems.push(format!("{at}: {actual} instead of {template}")),
    }
}

/// What was really sent, with the names of the file standing for other values: for the twin, whose ids are its own.
pub fn refill(template: &str, actual: &str, then: &Scope, now: &Scope) -> String {
    let Some(captured) = captures(template, actual, then) else { return actual.to_string() };
    let mut captured = captured.into_iter();
    let pieces = tokens(template).into_iter().map(|token| match token {
        Token::Text(text) => text,
        Token::Any | Token::Define(..) => captured.next().unwrap_or_default(),
        Token::Name(name) => now.get(&name).cloned().unwrap_or_default(),
    });
    pieces.collect()
}

/// The same for JSON.
pub fn refill_json(template: &Value, actual: &Value, then: &Scope, now: &Scope) -> Value {
    match (template, actual) {
        (Value::String(text), _) if number(text) && text != "{{#any}}" => {
            let name = text.trim_start_matches("{{#").trim_end_matches("}}");
            now.get(name).and_then(|value| serde_json::from_str(value).ok()).unwrap_or(Value::Null)
        }
        (Value::String(text), Value::String(given)) => json!(refill(text, given, then, now)),
        (Value::Array(wanted), Value::Array(given)) => {
            wanted.iter().zip(given).map(|(wanted, given)| refill_json(wanted, given, then, now)).collect()
        }
        (Value::Object(wanted), Value::Object(given)) => Value::Object(
            given
                .iter()
                .map(|(key, one)| {
                    let filled =
                        wanted.get(key).map_or_else(|| one.clone(), |wanted| refill_json(wanted, one, then, now));
                    (key.clone(), filled)
                })
                .collect(),
        ),
        _ => actual.clone(),
    }
}

/// Whether an answer has the keys and types of the file's; gives the file's names the values of this answer.
pub fn same_shape(template: &Value, actual: &Value, scope: &mut Scope, at: &str, problems: &mut Vec<String>) {
    match (template, actual) {
        (Value::Null, _) => {}
        (Value::String(text), _) if text == "{{any}}" => {}
        (Value::String(text), Value::Number(given)) if number(text) => {
            if let [Token::Define(name, _)] = tokens(text).as_slice() {
                scope.insert(name.clone(), given.to_string());
            }
        }
        (Value::String(text), Value::String(given)) if !number(text) => {
            if let Some(captured) = captures(text, given, scope) {
                let holes = tokens(text).into_iter().filter(|token| matches!(token, Token::Any | Token::Define(..)));
                for (token, value) in holes.zip(captured) {
                    if let Token::Define(name, _) = token {
                        scope.insert(name, value);
                    }
                }
            }
        }
        (Value::Bool(_), Value::Bool(_)) => {}
        (Value::Number(a), Value::Number(b)) if a.is_f64() || !b.is_f64() => {}
        (Value::Array(wanted), Value::Array(given)) => {
            let Some(first) = wanted.first() else { return };
            if given.is_empty() {
                problems.push(format!("{at}: an empty list"));
            }
            for (n, given) in given.iter().enumerate() {
                same_shape(wanted.get(n).unwrap_or(first), given, scope, &format!("{at}[{n}]"), problems);
            }
        }
        (Value::Object(wanted), Value::Object(given)) => {
            for (key, wanted) in wanted {
                match given.get(key) {
                    Some(given) => same_shape(wanted, given, scope, &format!("{at}.{key}"), problems),
                    None => problems.push(format!("{at}.{key}: is missing")),
                }
            }
        }
        _ => problems.push(format!("{at}: {actual} is of another type than {template}")),
    }
}
