//! Lines through samples.

use series::Sample;

use crate::select::Window;
use crate::sum::Sum;

/// `deriv`: the slope, per second.
pub(crate) fn slope(samples: &[Sample]) -> Option<f64> {
    let [first, _, ..] = samples else { return None };
    Some(regression(samples, first.timestamp).0)
}

/// `predict_linear`: what the value will be in `seconds`.
pub(crate) fn predict(window: Window<'_>, seconds: f64) -> Option<f64> {
    let [_, _, ..] = window.samples else { return None };
    let (slope, now) = regression(window.samples, window.now);
    Some(slope * seconds + now)
}

/// Returns slope, per second, and height at `origin` of the line with the least squares.
fn regression(samples: &[Sample], origin: i64) -> (f64, f64) {
    let first = samples.first().map_or(f64::NAN, |sample| sample.value);
    #[expect(clippy::float_cmp, reason = "a series that never moved")]
    let is_constant = samples.iter().all(|sample| sample.value == first);
    if is_constant {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let (mut xs, mut ys, mut products, mut squares) = (Sum::default(), Sum::default(), Sum::default(), Sum::default());
    for sample in samples {
        let x = sample.timestamp.saturating_sub(origin) as f64 / 1000.0;
        xs.add(x);
        ys.add(sample.value);
        products.add(x * sample.value);
        squares.add(x * x);
    }
    let count = samples.len() as f64;
    let covariance = products.total() - xs.total() * ys.total() / count;
    let variance = squares.total() - xs.total() * xs.total() / count;
    let slope = covariance / variance;
    (slope, ys.total() / count - slope * xs.total() / count)
}

/// `double_exponential_smoothing` (Holt and Winters): the last value of the smoothed series.
pub(crate) fn smooth(samples: &[Sample], smoothing: f64, trend_factor: f64) -> Option<f64> {
    let [first, second, ..] = samples else { return None };
    let (mut before, mut level) = (0.0, first.value);
    let mut trend = second.value - first.value;
    for (place, sample) in samples.iter().skip(1).enumerate() {
        if place > 0 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * sample.value + (1.0 - smoothing) * (level + trend);
        (before, level) = (level, next);
    }
    Some(level)
}
