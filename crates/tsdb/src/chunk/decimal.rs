//! Most measured values are decimal fractions of a few digits: whole numbers, when multiplied by a power of ten.

use series::Sample;

/// As many digits behind the point are looked for.
pub(crate) const MOST_DIGITS: u8 = 9;

const TENS: [f64; MOST_DIGITS as usize + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Up to here every whole number is a float.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// Returns the values as whole numbers, and the digits behind the point. None if one of them would not come back to the
/// bit.
pub(crate) fn from_samples(samples: &[Sample]) -> Option<(Vec<i64>, u8)> {
    let mut digits = 0;
    for sample in samples {
        while whole(sample.value, digits).is_none() {
            digits += 1;
            if digits > MOST_DIGITS {
                return None;
            }
        }
    }
    // A value with fewer digits than the last is looked at again: it may have become too large.
    let numbers = samples.iter().map(|sample| whole(sample.value, digits)).collect::<Option<_>>()?;
    Some((numbers, digits))
}

/// Returns the value of a whole number. `digits` is [`MOST_DIGITS`] at most.
#[inline]
pub(crate) fn to_value(number: i64, digits: u8) -> f64 {
    let ten = TENS.get(usize::from(digits)).copied().unwrap_or(1.0);
    if digits == 0 { number as f64 } else { number as f64 / ten }
}

fn whole(value: f64, digits: u8) -> Option<i64> {
    let scaled = (value * TENS.get(usize::from(digits))?).round();
    // Neither NaN nor infinity is less.
    if scaled.abs() < LARGEST {
        let number = scaled as i64;
        (to_value(number, digits).to_bits() == value.to_bits()).then_some(number)
    } else {
        None
    }
}
