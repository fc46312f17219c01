//! JSON merge patches (RFC 7396): how what one turn was given differs from what
//! the one before was. A patch says "gone" by a null, so values must be free of
//! nulls: serde reads a missing field as `None` all the same.

use serde_json::{Map, Value};

/// The value without its nulls.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields_without_nulls(fields)),
        other => other,
    }
}

/// The fields that are not null, without nulls in them.
pub(super) fn fields_without_nulls(fields: Map<String, Value>) -> Map<String, Value> {
    let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(k, v)| (k, without_nulls(v))).collect()
}

/// `before`, which may be no object, changed by a patch.
pub(super) fn onto(before: Value, patch: Map<String, Value>) -> Value {
    let mut fields = match without_nulls(before) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    apply(&mut fields, patch);
    Value::Object(fields)
}

/// What makes `to` of `from`; both are objects.
pub(super) fn between(from: &Map<String, Value>, to: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, new) in to {
        match (from.get(name), new) {
            (Some(old), new) if old == new => {}
            (Some(Value::Object(old)), Value::Object(new)) => {
                patch.insert(name.clone(), Value::Object(between(old, new)));
            }
            _ => {
                patch.insert(name.clone(), new.clone());
            }
        }
    }
    patch
}

/// Changes `value` by a patch.
pub(super) fn apply(value: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, new) in patch {
        match (value.get_mut(&name), new) {
            (_, Value::Null) => {
                value.remove(&name);
            }
            (Some(Value::Object(old)), Value::Object(new)) => apply(old, new),
            (_, new) => {
                value.insert(name, new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Objects over few names, so that two of them have much in common.
    fn objects() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (0..3_u64).prop_map(Value::from),
            Just(json!([1, null, {"a": null}])),
            Just(json!({})),
        ];
        let object = |inner| {
            let fields = proptest::collection::btree_map("[abc]", inner, 0..4);
            fields.prop_map(|fields| Value::Object(fields.into_iter().collect()))
        };
        object(
            leaf.prop_recursive(3, 20, 4, move |inner| object(inner).boxed())
                .boxed(),
        )
    }

    fn fields(value: &Value) -> &Map<String, Value> {
        value.as_object().expect("an object")
    }

    proptest! {
        #[test]
        fn a_patch_makes_the_one_of_the_other(from in objects(), to in objects()) {
            let mut value = fields(&from).clone();
            let patch = between(&value, fields(&to));
            apply(&mut value, patch);
            prop_assert_eq!(Value::Object(value), to);
        }
    }

    #[test]
    fn a_patch_names_what_differs_and_nothing_else() {
        let from = json!({"a": {"b": 1, "c": 2}, "d": [1, 2], "e": 1});
        let to = json!({"a": {"b": 1, "c": 3}, "d": [1, 3]});
        let patch = between(fields(&from), fields(&to));
        let expected = json!({"a": {"c": 3}, "d": [1, 3], "e": null});
        assert_eq!(Value::Object(patch), expected);
    }

    #[test]
    fn nulls_are_left_out_but_not_from_lists() {
        let value = json!({"a": null, "b": {"c": null, "d": 1}, "e": [null]});
        assert_eq!(without_nulls(value), json!({"b": {"d": 1}, "e": [null]}));
    }
}
