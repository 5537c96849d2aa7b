//! `len` and `index`.

use super::value::Value;

pub(super) fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Text(text) => Ok(text.len()),
        Value::Labels(labels) => Ok(labels.len()),
        Value::Arguments(arguments) => Ok(arguments.len()),
        Value::List(list) => Ok(list.len()),
        other => Err(format!("len of type {}", other.kind())),
    }
}

pub(super) fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Labels(labels), Value::Text(name)) => Ok(Value::text(labels.get(name))),
        (Value::Arguments(arguments), Value::Text(name)) => {
            Ok(arguments.get(&**name).cloned().unwrap_or(Value::Missing))
        }
        (Value::List(list), Value::Int(place)) => usize::try_from(*place)
            .ok()
            .and_then(|place| list.get(place).cloned())
            .ok_or_else(|| format!("index out of range: {place}")),
        (Value::Text(text), Value::Int(place)) => usize::try_from(*place)
            .ok()
            .and_then(|place| text.as_bytes().get(place))
            .map(|byte| Value::Int(i64::from(*byte)))
            .ok_or_else(|| format!("index out of range: {place}")),
        (Value::Missing, _) => Err("index of untyped nil".to_owned()),
        (Value::Labels(_) | Value::Arguments(_), other) => {
            Err(format!("value has type {}; should be string", other.kind()))
        }
        (Value::List(_) | Value::Text(_), other) => Err(format!("cannot index slice/array with type {}", other.kind())),
        (other, _) => Err(format!("can't index item of type {}", other.kind())),
    }
}
