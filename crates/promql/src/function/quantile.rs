//! The value below which a share of the others lies.

use std::cmp::Ordering;

/// Returns the value of which `share` (0 to 1) of `values` lie below, between two of them if need be. Sorts `values`.
/// Outside 0 to 1 it is infinite; NaN for a NaN or for no values.
pub(crate) fn quantile_of(share: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || share.is_nan() {
        return f64::NAN;
    }
    if share < 0.0 {
        return f64::NEG_INFINITY;
    }
    if share > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|one, other| match (one.is_nan(), other.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => one.partial_cmp(other).unwrap_or(Ordering::Equal),
    });
    let last = values.len() - 1;
    let rank = share * last as f64;
    let lower = (rank.floor() as usize).min(last);
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    match (values.get(lower), values.get(upper)) {
        (Some(lower), Some(upper)) => lower * (1.0 - weight) + upper * weight,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_values_it_lies_in_proportion() {
        assert_eq!(quantile_of(0.75, &mut [3.0, 1.0, 2.0]), 2.5);
        assert_eq!(quantile_of(1.0, &mut [7.0]), 7.0);
        assert_eq!(quantile_of(1.1, &mut [7.0]), f64::INFINITY);
    }
}
