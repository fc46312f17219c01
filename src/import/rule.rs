//! What goes into our config: a match and what holds for it, as TOML.

use std::collections::BTreeMap;
use std::fmt::Write;

/// One condition under `match`, or one setting.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Flag(bool),
    Text(String),
    List(Vec<String>),
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Value {
    fn toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match self {
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Text(text) => quoted(text),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
                match items.len() > 2 {
                    true => format!("[\n    {},\n]", items.join(",\n    ")),
                    false => format!("[{}]", items.join(", ")),
                }
            }
        }
    }
}

/// Conditions that must all hold, by our keys under `match`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Match(pub(super) BTreeMap<&'static str, Value>);

impl Match {
    /// This and `other` at once; `None` if no channel can match both.
    pub(super) fn and(mut self, other: &Self) -> Option<Self> {
        for (key, value) in &other.0 {
            let both = match (self.0.get(key), value) {
                (None, value) => value.clone(),
                (Some(Value::Number(a)), Value::Number(b)) if key.contains("min_") => {
                    Value::Number(a.max(*b))
                }
                (Some(Value::Number(a)), Value::Number(b)) => Value::Number(a.min(*b)),
                (Some(Value::List(a)), Value::List(b)) => {
                    let both: Vec<_> = a.iter().filter(|item| b.contains(item)).cloned().collect();
                    if both.is_empty() {
                        return None;
                    }
                    Value::List(both)
                }
                (Some(a), b) if a == b => continue,
                (Some(_), _) => return None,
            };
            self.0.insert(key, both);
        }
        let crosses = |(key, least): (&&'static str, &Value)| {
            let most = self.0.get(key.replacen("min_", "max_", 1).as_str());
            matches!((least, most), (Value::Number(a), Some(Value::Number(b))) if a > b)
        };
        let empty = self.0.iter().any(crosses);
        (!empty).then_some(self)
    }
}

/// A table of ours: `[defaults]`, or a `[[rule]]`.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// What it is called; `None` makes it `[defaults]`.
    pub(super) name: Option<String>,
    pub(super) matches: Match,
    pub(super) settings: Settings,
}

/// What holds, in the order in which it is written.
pub(super) type Settings = Vec<(&'static str, Value)>;

impl Rule {
    pub(super) fn toml(&self) -> String {
        let mut text = match &self.name {
            Some(name) => {
                let name = Value::from(name.as_str()).toml();
                format!("[[rule]]\nname = {name}\n")
            }
            None => "[defaults]\n".to_owned(),
        };
        for (key, value) in &self.matches.0 {
            let _ = writeln!(text, "match.{key} = {}", value.toml());
        }
        for (key, value) in &self.settings {
            let _ = writeln!(text, "{key} = {}", value.toml());
        }
        text
    }
}
