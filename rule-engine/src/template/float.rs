//! Numbers as Go writes them.

/// Writes `value` as `%e`, `%f` or `%g` with so many digits; none are as few as tell it from its neighbours.
pub(super) fn write(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match verb {
        'e' | 'E' => exponent(value, precision, verb),
        'f' | 'F' => precision.map_or_else(|| format!("{value}"), |digits| format!("{value:.digits$}")),
        _ => general(value, precision, if verb == 'G' { 'E' } else { 'e' }),
    }
}

/// `1.5e+06`: the exponent has a sign and two digits at least.
fn exponent(value: f64, precision: Option<usize>, letter: char) -> String {
    let written = match precision {
        Some(digits) => format!("{value:.digits$e}"),
        None => format!("{value:e}"),
    };
    let (mantissa, power) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, digits) = power.strip_prefix('-').map_or(('+', power), |digits| ('-', digits));
    format!("{mantissa}{letter}{sign}{digits:0>2}")
}

fn general(value: f64, precision: Option<usize>, letter: char) -> String {
    let significant = precision.map(|digits| digits.max(1));
    let rounded = exponent(value, significant.map(|digits| digits - 1), letter);
    let (mantissa, power) = rounded.split_once(letter).unwrap_or((&rounded, "+00"));
    let power: i64 = power.parse().unwrap_or(0);
    // Where the number of digits is left open, Go decides as if it were six.
    let limit = significant.map_or(6, |digits| digits as i64);
    if power < -4 || power >= limit {
        let mantissa = if precision.is_some() { trimmed(mantissa) } else { mantissa };
        let (_, tail) = rounded.split_at(rounded.find(letter).unwrap_or(rounded.len()));
        return format!("{mantissa}{tail}");
    }
    match significant {
        None => format!("{value}"),
        Some(digits) => {
            let after = usize::try_from(digits as i64 - 1 - power).unwrap_or(0);
            trimmed(&format!("{value:.after$}")).to_owned()
        }
    }
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}
