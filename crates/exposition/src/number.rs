//! Numbers as Prometheus prints them.

use std::fmt;

/// Prints a value as Prometheus' own programs do, so that a page of ours and one of theirs can be compared by eye.
///
/// The text format takes any notation that Go's `strconv.ParseFloat` reads
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>); what Prometheus' Go library writes is
/// `strconv.FormatFloat(value, 'g', -1, 64)`: the fewest digits that read back as the same value, with an exponent of
/// at least two digits when it is below -4 or from 6 up (for the shortest form Go takes 6 for `%g`'s precision,
/// <https://pkg.go.dev/strconv#FormatFloat>). Infinities are `+Inf` and `-Inf`, and both zeros are `0`.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            return f.write_str("NaN");
        }
        if value.is_infinite() {
            return f.write_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        }
        if value == 0.0 {
            return f.write_str("0");
        }
        let mut text = Text::default();
        text.number(value);
        f.write_str(text.as_str())
    }
}

/// A number being written, without asking the allocator: a page has hundreds of them.
#[derive(Default)]
struct Text {
    /// The longest, `-2.2250738585072014e-308`, has 24; Rust's own notation of the same is no longer.
    bytes: [u8; 32],
    len: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(free) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            free.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    /// Writes a finite number other than zero.
    fn number(&mut self, value: f64) {
        if value < 0.0 {
            self.push(b"-");
        }
        let (digits, exponent) = shortest(value.abs());
        let digits = digits.as_str().as_bytes();
        match exponent {
            0..6 => {
                // The point lies among the digits or behind them.
                let before = usize::from(exponent.unsigned_abs()) + 1;
                let (whole, fraction) = digits.split_at(before.min(digits.len()));
                self.push(whole);
                self.push(b"00000".get(..before - whole.len()).unwrap_or_default());
                if !fraction.is_empty() {
                    self.push(b".");
                    self.push(fraction);
                }
            }
            -4..0 => {
                self.push(b"0.");
                self.push(b"000".get(..usize::from(exponent.unsigned_abs()) - 1).unwrap_or_default());
                self.push(digits);
            }
            _ => {
                let (first, others) = digits.split_at(1);
                self.push(first);
                if !others.is_empty() {
                    self.push(b".");
                    self.push(others);
                }
                self.push(if exponent < 0 { b"e-" } else { b"e+" });
                let size = exponent.unsigned_abs();
                if size < 10 {
                    self.push(b"0");
                }
                self.push(Self::whole(size.into()).as_str().as_bytes());
            }
        }
    }

    fn whole(mut number: u64) -> Self {
        let mut bytes = [0; 32];
        let mut place = bytes.len();
        loop {
            place -= 1;
            bytes[place] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        let mut text = Self::default();
        text.push(&bytes[place..]);
        text
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Returns the fewest digits that read back as `value`, which is above zero, and the exponent of the first of them.
fn shortest(value: f64) -> (Text, i16) {
    /// Up to here every whole number is exact, and its digits are its shortest.
    const EXACT: f64 = 1e15;
    if value < EXACT && value.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number below 10^15")]
        let mut text = Text::whole(value as u64);
        #[expect(clippy::cast_possible_truncation, reason = "sixteen at most")]
        let exponent = text.len as i16 - 1;
        while text.len > 1 && text.bytes[text.len - 1] == b'0' {
            text.len -= 1;
        }
        return (text, exponent);
    }
    let mut scientific = Text::default();
    // Cannot fail: the text has room for every number.
    let _ = fmt::write(&mut scientific, format_args!("{value:e}"));
    let (mantissa, exponent) = scientific.as_str().split_once('e').unwrap_or(("0", "0"));
    let mut digits = Text::default();
    mantissa.split('.').for_each(|part| digits.push(part.as_bytes()));
    (digits, exponent.parse().unwrap_or(0))
}

/// Reads a number in the notations that the text format has: decimal with or without an exponent, `Inf` and `NaN`.
///
/// As Go reads it: a NaN has no sign, and what is too large for a number is none.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    if let Some(whole) = parse_whole(text) {
        return Some(whole);
    }
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    // Inf, infinity and NaN all have an n; what has none and is infinite was too large.
    let holds = match value.is_nan() {
        true => !text.starts_with(['+', '-']),
        false => value.is_finite() || text.contains(['n', 'N']),
    };
    holds.then_some(value)
}

/// Reads a number of a few digits and nothing else, as most are.
fn parse_whole(text: &[u8]) -> Option<f64> {
    /// As many digits as are exact whatever they are.
    const DIGITS: usize = 15;
    if text.is_empty() || text.len() > DIGITS {
        return None;
    }
    let mut whole = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        whole = whole * 10 + u64::from(digit);
    }
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits are exact")]
    Some(whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_printed_as_go_prints_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (0.1, "0.1"),
            (100_000.0, "100000"),
            (999_999.5, "999999.5"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (-125_000.0, "-125000"),
            (2_465_610.0, "2.46561e+06"),
            (1_795_369_604.877_961_2, "1.7953696048779612e+09"),
            (18_446_744_073_709_551_615.0, "1.8446744073709552e+19"),
            (29.702_222_000_000_003, "29.702222000000003"),
            (0.000_1, "0.0001"),
            (0.000_01, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(Number(value).to_string(), text);
        }
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, value) in [
            ("1", 1.0),
            ("+1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1E3", 1000.0),
            ("1e-400", 0.0),
            ("Inf", f64::INFINITY),
            ("+inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse(b"nan").is_some_and(f64::is_nan));
        for text in ["", ".", "e5", "1e", "1_0", "0x10", "0x1p-2", "1e400", "-1e400", "+NaN", "-nan", "1\r", "\u{ff11}"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    /// The same by way of the standard library's two notations.
    fn by_the_library(value: f64) -> String {
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        if (-4..6).contains(&exponent) {
            return value.to_string();
        }
        format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
    }

    proptest! {
        #[test]
        fn a_number_has_the_digits_that_the_library_finds(odd in any::<f64>(), whole in any::<i64>(), shift in -9..9_i32) {
            for value in [odd, whole as f64, (whole % 100_000) as f64, (whole % 1_000_000) as f64 * 10_f64.powi(shift)] {
                if value.is_finite() && value != 0.0 {
                    prop_assert_eq!(Number(value).to_string(), by_the_library(value));
                }
            }
        }

        #[test]
        fn a_number_reads_back_as_itself(value in any::<f64>()) {
            let read: f64 = Number(value).to_string().parse().unwrap();
            prop_assert!(read == value || (read.is_nan() && value.is_nan()));
        }

        #[test]
        fn an_exponent_has_a_sign_and_two_digits(value in any::<f64>()) {
            let text = Number(value).to_string();
            if let Some((_, exponent)) = text.split_once('e') {
                prop_assert!(exponent.starts_with(['+', '-']) && exponent.len() >= 3, "{}", text);
            }
        }
    }
}
