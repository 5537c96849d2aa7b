//! The language of the scripts.

use series::{Labels, METRIC_NAME, STALE, Sample};

/// One step of a script.
pub enum Command {
    Clear,
    Load(Vec<(Labels, Vec<Sample>)>),
    Evaluate(Evaluation),
}

/// A query and what it should answer.
pub struct Evaluation {
    pub query: String,
    pub when: When,
    pub expected: Expected,
}

/// Milliseconds since 1970.
#[derive(Clone, Copy)]
pub enum When {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

#[derive(Default)]
pub struct Expected {
    pub fails: bool,
    /// The order of the series counts.
    pub ordered: bool,
    pub text: Option<String>,
    pub scalar: Option<f64>,
    /// `None` where a range has no value.
    pub series: Vec<(Labels, Vec<Option<f64>>)>,
}

/// Returns the commands with the numbers of their lines.
pub fn parse(text: &str) -> Result<Vec<(usize, Command)>, String> {
    let mut commands = Vec::new();
    let mut lines = text.lines().enumerate().map(|(place, line)| (place + 1, line.trim_end())).peekable();
    while let Some((number, line)) = lines.next() {
        let command = line.trim();
        if command.is_empty() || command.starts_with('#') {
            continue;
        }
        let fail = |reason: String| format!("line {number}: {reason}");
        let mut body = Vec::new();
        while let Some((_, next)) = lines.peek() {
            let is_blank = next.trim().is_empty();
            if is_blank || !next.starts_with([' ', '\t']) {
                break;
            }
            if !next.trim().starts_with('#') {
                body.push(next.trim());
            }
            lines.next();
        }
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let parsed = match word {
            "clear" => Command::Clear,
            "load" => Command::Load(load(rest.trim(), &body).map_err(fail)?),
            _ if word.starts_with("eval") => Command::Evaluate(evaluation(word, rest.trim(), &body).map_err(fail)?),
            other => return Err(fail(format!("`{other}` is no command that is known here"))),
        };
        commands.push((number, parsed));
    }
    Ok(commands)
}

fn load(step: &str, body: &[&str]) -> Result<Vec<(Labels, Vec<Sample>)>, String> {
    let step = duration(step)?;
    body.iter()
        .map(|line| {
            let (labels, values) = series(line)?;
            let samples = values
                .into_iter()
                .enumerate()
                .filter_map(|(place, value)| Some(Sample::new(step * place as i64, value?)))
                .collect();
            Ok((labels, samples))
        })
        .collect()
}

fn evaluation(word: &str, rest: &str, body: &[&str]) -> Result<Evaluation, String> {
    let mut expected = Expected { fails: word == "eval_fail", ordered: word == "eval_ordered", ..Expected::default() };
    let (when, query) = if let Some(rest) = rest.strip_prefix("instant at ") {
        let (time, query) = rest.split_once(char::is_whitespace).ok_or("no query")?;
        (When::Instant(duration(time)?), query)
    } else if let Some(rest) = rest.strip_prefix("range from ") {
        let words: Vec<&str> = rest.splitn(6, char::is_whitespace).collect();
        let [start, "to", end, "step", step, query] = words.as_slice() else { return Err("no range".to_owned()) };
        (When::Range { start: duration(start)?, end: duration(end)?, step: duration(step)? }, *query)
    } else {
        return Err(format!("`{rest}` is neither `instant at` nor `range from`"));
    };
    let is_instant = matches!(when, When::Instant(_));
    for line in body {
        if let Some(rest) = line.strip_prefix("expect ") {
            let (what, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            match what {
                "fail" => expected.fails = true,
                "ordered" => expected.ordered = true,
                "string" => expected.text = Some(rest.trim().trim_matches(['"', '`']).to_owned()),
                // What is warned of is not compared.
                _ => {}
            }
        } else if line.starts_with("expected_fail") {
        } else if let Some(number) = is_instant.then(|| number(line)).flatten() {
            expected.scalar = Some(number);
        } else {
            expected.series.push(series(line)?);
        }
    }
    Ok(Evaluation { query: query.trim().to_owned(), when, expected })
}

/// Reads `name{label="value"} 1 2+3x4 _ stale`.
fn series(line: &str) -> Result<(Labels, Vec<Option<f64>>), String> {
    let end = end_of_name(line).ok_or_else(|| format!("`{line}` is no series"))?;
    let (name, values) = line.split_at(end);
    let mut all = Vec::new();
    for word in values.split_whitespace() {
        expand(word, &mut all)?;
    }
    Ok((labels(name)?, all))
}

fn end_of_name(line: &str) -> Option<usize> {
    let mut quoted = None;
    let mut escaped = false;
    let mut in_braces = false;
    for (place, letter) in line.char_indices() {
        match (quoted, letter) {
            _ if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(quote), letter) if quote == letter => quoted = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quoted = Some(letter),
            (None, '{') => in_braces = true,
            (None, '}') => return Some(place + 1),
            (None, letter) if letter.is_whitespace() && !in_braces => {
                // A blank may stand between the name and its labels.
                if line.get(place..)?.trim_start().starts_with('{') {
                    continue;
                }
                return Some(place);
            }
            _ => {}
        }
    }
    Some(line.len())
}

fn labels(text: &str) -> Result<Labels, String> {
    let text = text.trim();
    let (name, rest) = text.split_once('{').map_or((text, ""), |(name, rest)| (name, rest.trim_end_matches('}')));
    let mut pairs: Vec<(String, String)> = Vec::new();
    if !name.trim().is_empty() {
        pairs.push((METRIC_NAME.to_owned(), name.trim().to_owned()));
    }
    let mut rest = rest.trim();
    while !rest.is_empty() {
        // A quoted text without `=` is the metric's name.
        let (label, after) = if rest.starts_with('"') {
            let (label, after) = quoted(rest)?;
            (label, after.trim_start())
        } else {
            let place = rest.find('=').ok_or_else(|| format!("no `=` in `{rest}`"))?;
            let (label, after) = rest.split_at(place);
            (label.trim().to_owned(), after)
        };
        rest = match after.strip_prefix('=') {
            None => {
                pairs.push((METRIC_NAME.to_owned(), label));
                after
            }
            Some(after) => {
                let (value, after) = quoted(after.trim_start())?;
                pairs.push((label, value));
                after
            }
        };
        rest = rest.trim_start().trim_start_matches(',').trim_start();
    }
    Ok(pairs.into_iter().collect())
}

fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut letters = text.char_indices();
    let Some((_, quote @ ('"' | '\'' | '`'))) = letters.next() else { return Err(format!("no quote at `{text}`")) };
    let mut value = String::new();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' if quote != '`' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            letter if letter == quote => return Ok((value, &text[place + 1..])),
            letter => value.push(letter),
        }
    }
    Err(format!("`{text}` has no end"))
}

fn expand(word: &str, into: &mut Vec<Option<f64>>) -> Result<(), String> {
    let bad = || format!("`{word}` is no value");
    if word == "_" {
        into.push(None);
        return Ok(());
    }
    if word == "stale" {
        into.push(Some(STALE));
        return Ok(());
    }
    // In this language `0x10` is ten and one zeroes, not sixteen.
    let Some((start, times)) = word.rsplit_once('x') else {
        into.push(Some(number(word).ok_or_else(bad)?));
        return Ok(());
    };
    let times: usize = times.parse().map_err(|_| bad())?;
    if start == "_" {
        into.extend(std::iter::repeat_n(None, times));
        return Ok(());
    }
    let sign = start
        .char_indices()
        .skip(1)
        .find(|(place, letter)| matches!(letter, '+' | '-') && !start[..*place].ends_with(['e', 'E']))
        .map(|(place, _)| place);
    let (first, growth) = match sign {
        None => (start, 0.0),
        Some(place) => (&start[..place], number(&start[place..]).ok_or_else(bad)?),
    };
    let first = if first == "stale" { STALE } else { number(first).ok_or_else(bad)? };
    let mut value = first;
    for _ in 0..=times {
        into.push(Some(value));
        if growth != 0.0 {
            value += growth;
        }
    }
    Ok(())
}

fn number(text: &str) -> Option<f64> {
    let (sign, digits) =
        text.strip_prefix('-').map_or((1.0, text.strip_prefix('+').unwrap_or(text)), |rest| (-1.0, rest));
    if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return i64::from_str_radix(digits, 16).ok().map(|value| sign * value as f64);
    }
    if digits.starts_with(['+', '-']) {
        return None;
    }
    digits.parse::<f64>().ok().map(|value| sign * value)
}

/// Milliseconds.
fn duration(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is no duration");
    if let Some(seconds) = number(text) {
        return Ok((seconds * 1000.0) as i64);
    }
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut total = 0;
    while !rest.is_empty() {
        let unit = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(bad)?;
        let (count, after) = rest.split_at(unit);
        let end = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return Err(bad()),
        };
        total += count.parse::<i64>().map_err(|_| bad())? * unit;
        rest = after;
    }
    Ok(sign * total)
}
