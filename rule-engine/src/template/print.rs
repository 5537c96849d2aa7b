//! Values as text: what an action prints, `print`, and `printf`.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

use super::float;
use super::value::Value;

/// Writes a value as `{{ … }}` shows it.
pub(super) fn one(value: &Value, into: &mut String) {
    match value {
        Value::Missing => into.push_str("<no value>"),
        Value::Bool(value) => into.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let _ = write!(into, "{value}");
        }
        Value::Float(value) => into.push_str(&float::write(*value, 'g', None)),
        Value::Text(text) => into.push_str(text),
        Value::Labels(labels) => {
            let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            let _ = write!(into, "map[{}]", pairs.join(" "));
        }
        Value::Arguments(arguments) => {
            let pairs = arguments.iter().map(|(name, value)| format!("{name}:{}", shown(value)));
            let _ = write!(into, "map[{}]", pairs.collect::<Vec<_>>().join(" "));
        }
        Value::List(list) => {
            let _ = write!(into, "[{}]", list.iter().map(shown).collect::<Vec<_>>().join(" "));
        }
        Value::Sample(sample) => {
            let _ = write!(into, "{} {}", sample.labels, float::write(sample.value, 'g', None));
        }
        Value::Subject => into.push_str("<no value>"),
    }
}

fn shown(value: &Value) -> String {
    let mut text = String::new();
    one(value, &mut text);
    text
}

/// Go's nil reads otherwise when it is an argument.
fn argument(value: &Value) -> String {
    if matches!(value, Value::Missing) { "<nil>".to_owned() } else { shown(value) }
}

/// `print`: a blank stands between two values neither of which is a text.
pub(super) fn all(values: &[Value]) -> String {
    let mut text = String::new();
    let mut follows_text = true;
    for value in values {
        let is_text = matches!(value, Value::Text(_));
        if !is_text && !follows_text {
            text.push(' ');
        }
        text.push_str(&argument(value));
        follows_text = is_text;
    }
    text
}

/// `println`: blanks between all, and a line break.
pub(super) fn line(values: &[Value]) -> String {
    let mut text = values.iter().map(argument).collect::<Vec<_>>().join(" ");
    text.push('\n');
    text
}

/// Writes a text in double quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// The widest that a value is padded to; Go's own limit is a million.
const WIDEST: usize = 10_000;

/// What stands between `%` and its verb.
#[derive(Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// `printf`, with Go's verbs. What does not fit stands in the text as Go writes it: `%!d(float64=1.5)`.
pub(super) fn formatted(format: &str, values: &[Value]) -> String {
    let mut text = String::new();
    let mut next = 0;
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = letters.next_if(|letter| "+-# 0".contains(*letter)) {
            match flag {
                '+' => flags.plus = true,
                '-' => flags.minus = true,
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                _ => flags.zero = true,
            }
        }
        flags.width = count(&mut letters);
        if letters.next_if_eq(&'.').is_some() {
            flags.precision = Some(count(&mut letters));
        }
        let Some(verb) = letters.next() else {
            text.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            text.push('%');
            continue;
        }
        match values.get(next) {
            None => {
                let _ = write!(text, "%!{verb}(MISSING)");
            }
            Some(value) => text.push_str(&padded(verbed(verb, value, &flags), value, &flags)),
        }
        next += 1;
    }
    if let Some(extra) = values.get(next..).filter(|extra| !extra.is_empty()) {
        let extra: Vec<String> = extra.iter().map(|value| format!("{}={}", value.kind(), shown(value))).collect();
        let _ = write!(text, "%!(EXTRA {})", extra.join(", "));
    }
    text
}

/// Reads a width or a precision; none is zero.
fn count(letters: &mut Peekable<Chars<'_>>) -> usize {
    let mut number = 0;
    while let Some(digit) = letters.next_if(char::is_ascii_digit) {
        number = (number * 10 + digit.to_digit(10).unwrap_or(0) as usize).min(WIDEST);
    }
    number
}

fn verbed(verb: char, value: &Value, flags: &Flags) -> String {
    let signed = |text: String| {
        let sign = if text.starts_with(['-', '+']) {
            // Infinity bears its sign always.
            if text == "+Inf" && !flags.plus {
                return text;
            }
            ""
        } else if flags.plus {
            "+"
        } else if flags.space {
            " "
        } else {
            ""
        };
        format!("{sign}{text}")
    };
    match (verb, value) {
        ('v' | 's', Value::Text(text)) => match flags.precision {
            Some(length) => text.chars().take(length).collect(),
            None => text.to_string(),
        },
        ('q', Value::Text(text)) => quoted(text),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('v' | 'd', Value::Int(value)) => signed(value.to_string()),
        ('x', Value::Int(value)) => format!("{}{value:x}", if flags.sharp { "0x" } else { "" }),
        ('X', Value::Int(value)) => format!("{}{value:X}", if flags.sharp { "0X" } else { "" }),
        ('o', Value::Int(value)) => format!("{value:o}"),
        ('b', Value::Int(value)) => format!("{value:b}"),
        ('c', Value::Int(value)) => {
            u32::try_from(*value).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
        }
        ('v', Value::Float(value)) => signed(float::write(*value, 'g', flags.precision)),
        ('g' | 'G', Value::Float(value)) => signed(float::write(*value, verb, flags.precision)),
        ('e' | 'E' | 'f' | 'F', Value::Float(value)) => {
            signed(float::write(*value, verb, Some(flags.precision.unwrap_or(6))))
        }
        ('v' | 't', Value::Bool(_)) => shown(value),
        ('T', _) => value.kind().to_owned(),
        ('v', _) | ('s', Value::Labels(_) | Value::List(_) | Value::Arguments(_)) => shown(value),
        (_, Value::Missing) => format!("%!{verb}(<nil>)"),
        _ => format!("%!{verb}({}={})", value.kind(), shown(value)),
    }
}

fn padded(text: String, value: &Value, flags: &Flags) -> String {
    let missing = flags.width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    let is_number = match value {
        Value::Int(_) => true,
        Value::Float(value) => value.is_finite(),
        _ => false,
    };
    if flags.minus {
        format!("{text}{}", " ".repeat(missing))
    } else if flags.zero && is_number {
        // Zeroes go between the sign and the digits.
        let digits = text.trim_start_matches(['+', '-', ' ']);
        let (sign, digits) = text.split_at(text.len() - digits.len());
        format!("{sign}{}{digits}", "0".repeat(missing))
    } else {
        format!("{}{text}", " ".repeat(missing))
    }
}
