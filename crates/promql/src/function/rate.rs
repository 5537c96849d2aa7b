//! How fast a counter grows.

use series::Sample;

use crate::select::Window;
use crate::semantics::Semantics;

/// What is asked of the growth within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// `rate`: per second, resets of the counter added back.
    PerSecond,
    /// `increase`: in the whole window.
    Increase,
    /// `delta`: of a gauge, where falling is falling.
    Delta,
}

/// The samples rarely lie on the window's edges; what they grew by is stretched to the whole window, but by no more than
/// half the usual distance between two samples if the series seems to begin or end within it.
pub(crate) fn rate(window: Window<'_>, rate: Rate, semantics: Semantics) -> Option<f64> {
    let [first, .., last] = window.samples else { return None };
    let is_counter = rate != Rate::Delta;
    let mut growth = last.value - first.value;
    if is_counter {
        let pairs = window.samples.iter().zip(window.samples.iter().skip(1));
        growth += pairs.filter(|(one, next)| next.value < one.value).map(|(one, _)| one.value).sum::<f64>();
    }
    let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1000.0;
    let sampled = seconds(first.timestamp, last.timestamp);
    let usual = sampled / (window.samples.len() - 1) as f64;
    let threshold = usual * 1.1;

    let mut to_start = seconds(window.start, first.timestamp);
    let mut to_end = seconds(last.timestamp, window.end);
    // When the counter must have been zero, going back at this speed.
    let to_zero = (is_counter && growth > 0.0 && first.value >= 0.0).then(|| sampled * (first.value / growth));
    match semantics {
        Semantics::V2 => {
            to_start = to_zero.map_or(to_start, |to_zero| to_zero.min(to_start));
            if to_start >= threshold {
                to_start = usual / 2.0;
            }
        }
        Semantics::V3 => {
            if to_start >= threshold {
                to_start = usual / 2.0;
            }
            to_start = to_zero.map_or(to_start, |to_zero| to_zero.min(to_start));
        }
    }
    if to_end >= threshold {
        to_end = usual / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if rate == Rate::PerSecond {
        factor /= seconds(window.start, window.end);
    }
    Some(growth * factor)
}

/// `irate` and `idelta`: between the last two samples.
pub(crate) fn instantaneous(samples: &[Sample], is_rate: bool) -> Option<f64> {
    let [.., previous, last] = samples else { return None };
    let distance = last.timestamp - previous.timestamp;
    if distance == 0 {
        return None;
    }
    let growth = if is_rate && last.value < previous.value { last.value } else { last.value - previous.value };
    Some(if is_rate { growth / (distance as f64 / 1000.0) } else { growth })
}
