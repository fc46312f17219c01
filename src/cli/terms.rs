//! In what two values differ, part by part.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// A part that differs; `None` where it is missing.
#[derive(Debug, PartialEq, Serialize)]
pub struct Term {
    name: String,
    then: Option<Value>,
    now: Option<Value>,
}

impl Term {
    /// In words.
    pub fn render(&self) -> String {
        let shown = |value: &Option<Value>| match value {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        format!(
            "{}: {} stored, {} replayed",
            self.name,
            shown(&self.then),
            shown(&self.now)
        )
    }
}

/// The parts in which two values differ.
pub fn terms(then: &impl Serialize, now: &impl Serialize) -> Vec<Term> {
    let value = |what: Result<Value, _>| what.unwrap_or(Value::Null);
    let (then, now) = (serde_json::to_value(then), serde_json::to_value(now));
    let mut found = vec![];
    part("", Some(value(then)), Some(value(now)), &mut found);
    found
}

fn part(name: &str, then: Option<Value>, now: Option<Value>, found: &mut Vec<Term>) {
    match (then, now) {
        (Some(Value::Object(mut then)), Some(Value::Object(mut now))) => {
            let names: BTreeSet<String> = then.keys().chain(now.keys()).cloned().collect();
            for inner in names {
                let path = match name {
                    "" => inner.clone(),
                    _ => format!("{name}.{inner}"),
                };
                part(&path, then.remove(&inner), now.remove(&inner), found);
            }
        }
        (then, now) if then == now => {}
        (then, now) => found.push(Term {
            name: name.to_owned(),
            then,
            now,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_parts_that_differ_are_named() {
        let then = json!({"terms": {"balance": 0.1, "level": 0.2}, "verdict": {"hold": "at_rest"}});
        let now = json!({"terms": {"balance": 0.3, "level": 0.2}, "verdict": {"to": 5}});
        let shown: Vec<String> = terms(&then, &now).iter().map(Term::render).collect();
        let expected = [
            "terms.balance: 0.1 stored, 0.3 replayed",
            "verdict.hold: \"at_rest\" stored, nothing replayed",
            "verdict.to: nothing stored, 5 replayed",
        ];
        assert_eq!(shown, expected);
    }
}
