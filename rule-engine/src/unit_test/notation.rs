//! Series and their values as test files write them: `up{job="host"}` and `1x5 _ 2+0.5x3 stale`.

use series::{Labels, METRIC_NAME, STALE};

/// Values of one series; more cost memory and prove nothing.
const MOST: usize = 2_000_000;

/// Reads `name{label="value", …}`, or either half of it.
///
/// # Errors
/// When it is neither. The words are for the one who wrote it.
pub(super) fn metric(text: &str) -> Result<Labels, String> {
    let bad = |reason: &str| format!("`{text}` names no series: {reason}");
    let trimmed = text.trim();
    let (name, labels) = match trimmed.find('{') {
        None => (trimmed, None),
        Some(place) => {
            let (name, labels) = trimmed.split_at(place);
            (name.trim(), labels.get(1..))
        }
    };
    let mut pairs: Vec<(String, String)> = Vec::new();
    if !name.is_empty() {
        if !is_name(name, true) {
            return Err(bad(&format!("`{name}` is no metric")));
        }
        pairs.push((METRIC_NAME.to_owned(), name.to_owned()));
    }
    let Some(mut rest) = labels else { return Ok(pairs.into_iter().collect()) };
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            if !after.trim().is_empty() {
                return Err(bad("something follows its `}`"));
            }
            return Ok(pairs.into_iter().collect());
        }
        let (label, after) = rest.split_once('=').ok_or_else(|| bad("its `}` is missing"))?;
        let label = label.trim();
        if !is_name(label, false) {
            return Err(bad(&format!("`{label}` is no label")));
        }
        let (value, after) = quoted(after.trim_start()).map_err(|reason| bad(&reason))?;
        pairs.push((label.to_owned(), value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err(bad("a `,` is missing between its labels")),
        }
    }
}

fn is_name(text: &str, is_metric: bool) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || is_metric && first == ':')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || is_metric && letter == ':')
}

fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut letters = text.char_indices();
    let Some((_, quote @ ('"' | '\'' | '`'))) = letters.next() else {
        return Err("a label's value has no quotes".to_owned());
    };
    let mut value = String::new();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' if quote != '`' => match letters.next().map(|(_, letter)| letter) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(letter @ ('\\' | '"' | '\'')) => value.push(letter),
                other => return Err(format!("`\\{}` is unknown", other.unwrap_or_default())),
            },
            letter if letter == quote => return Ok((value, text.get(place + 1..).unwrap_or_default())),
            letter => value.push(letter),
        }
    }
    Err("a label's value has no end".to_owned())
}

/// Reads values: one for each interval, none where there is no sample.
///
/// # Errors
/// When a word is no value. The words are for the one who wrote it.
pub(super) fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut all = Vec::new();
    if text.trim().contains('\n') {
        return Err("the values stand on more than one line".to_owned());
    }
    for word in text.split_whitespace() {
        if word.contains("{{") {
            return Err("native histograms are not supported".to_owned());
        }
        item(word, &mut all).ok_or_else(|| format!("`{word}` is no value (say 1, _, stale, 1x5 or 1+2x5)"))?;
        if all.len() > MOST {
            return Err(format!("`{word}` makes it more than {MOST} values"));
        }
    }
    Ok(all)
}

fn item(word: &str, into: &mut Vec<Option<f64>>) -> Option<()> {
    let times = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // Beyond the limit it does not matter by how much.
        is_number.then(|| text.parse::<usize>().map_or(MOST + 1, |times| times.min(MOST + 1)))
    };
    if let Some(rest) = word.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { times(rest.strip_prefix('x')?)? };
        into.extend(std::iter::repeat_n(None, count));
        return Some(());
    }
    let (mut value, rest) = number(word)?;
    if rest.is_empty() {
        into.push(Some(value));
        return Some(());
    }
    let (growth, rest) = if rest.starts_with(['+', '-']) { number(rest)? } else { (0.0, rest) };
    // The first value stands before those that are counted.
    let count = times(rest.strip_prefix('x')?)?;
    for _ in 0..=count {
        into.push(Some(value));
        // The marker would become an ordinary NaN.
        if growth != 0.0 {
            value += growth;
        }
    }
    Some(())
}

/// Reads a number at the start of `text`, and returns what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let letters = unsigned.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(unsigned.len());
    if letters > 0 {
        let (word, rest) = unsigned.split_at(letters);
        return match word.to_ascii_lowercase().as_str() {
            "stale" if unsigned.len() == text.len() => Some((STALE, rest)),
            "inf" => Some((sign * f64::INFINITY, rest)),
            "nan" => Some((f64::NAN, rest)),
            _ => None,
        };
    }
    let bytes = unsigned.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let power = digits(end + 1 + signed);
        if power > 0 {
            end += 1 + signed + power;
        }
    }
    let (number, rest) = unsigned.split_at(end);
    Some((sign * number.parse::<f64>().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spread_out() {
        let read = |text| values(text).unwrap();
        assert_eq!(read("1 -2 +3.5e1 .5 1e-1"), [1.0, -2.0, 35.0, 0.5, 0.1].map(Some));
        assert_eq!(read("1x2 1+2x2 5-1x1 -1-1x1"), [1.0, 1.0, 1.0, 1.0, 3.0, 5.0, 5.0, 4.0, -1.0, -2.0].map(Some));
        assert_eq!(read("_ _x2 1x0 0x1"), [None, None, None, Some(1.0), Some(0.0), Some(0.0)]);
        assert_eq!(read("").len(), 0);
        assert!(series::is_stale(read("stale")[0].unwrap()));
        assert_eq!(read("Inf -inf"), [f64::INFINITY, f64::NEG_INFINITY].map(Some));
        assert!(read("NaN")[0].unwrap().is_nan());
        for bad in [
            "1+1",
            "x3",
            "1x",
            "1x-3",
            "_3",
            "stalex3",
            "-stale",
            "abc",
            "1x9999999999",
            "1+x3",
            "{{schema:0}}",
            "1\n2",
        ] {
            assert!(values(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn series_are_named_as_in_prometheus() {
        let name = |text| metric(text).unwrap().to_string();
        assert_eq!(name("up"), "up");
        assert_eq!(name(r#"up {b="2", a='1',}"#), r#"up{a="1", b="2"}"#);
        assert_eq!(name(r#"{a="x\"}",b=`\d`}"#), r#"{a="x\"}", b="\\d"}"#);
        assert_eq!(name("{}"), "{}");
        for bad in ["1up", "up{", "up{a}", "up{a=1}", "up{a=\"1\"} x", "up{a=\"1\" b=\"2\"}", "up{a=\"1}", "a b"] {
            assert!(metric(bad).is_err(), "{bad}");
        }
    }
}
