//! One number out of a window.

use series::Sample;

use super::quantile::quantile_of;
use super::rate::instantaneous;
use super::trend::slope;
use crate::select::Window;
use crate::semantics::Semantics;
use crate::sum::{Sum, incremental_mean, mean};

/// A function of a window alone.
type Function = fn(Window<'_>) -> Option<f64>;

/// Returns the function `name` of a window, if it is one that takes nothing else.
pub(crate) fn over_time(name: &str, semantics: Semantics) -> Option<Function> {
    Some(match name {
        "avg_over_time" if semantics == Semantics::V2 => |window| Some(incremental_mean(values(window.samples))),
        "avg_over_time" => |window| Some(mean(values(window.samples))),
        "sum_over_time" => |window| Some(values(window.samples).collect::<Sum>().total()),
        "count_over_time" => |window| Some(window.samples.len() as f64),
        "present_over_time" => |_| Some(1.0),
        "first_over_time" => |window| window.samples.first().map(|sample| sample.value),
        "last_over_time" => |window| window.samples.last().map(|sample| sample.value),
        "min_over_time" => |window| extreme(window.samples, |one, other| one < other).map(|sample| sample.value),
        "max_over_time" => |window| extreme(window.samples, |one, other| one > other).map(|sample| sample.value),
        "ts_of_min_over_time" => |window| extreme_time(window.samples, |one, other| one <= other),
        "ts_of_max_over_time" => |window| extreme_time(window.samples, |one, other| one >= other),
        "ts_of_first_over_time" => |window| window.samples.first().map(seconds),
        "ts_of_last_over_time" => |window| window.samples.last().map(seconds),
        "stdvar_over_time" => |window| Some(variance(window.samples)),
        "stddev_over_time" => |window| Some(variance(window.samples).sqrt()),
        "mad_over_time" => |window| Some(median_deviation(window.samples)),
        "changes" => {
            |window| Some(count_pairs(window.samples, |one, next| one != next && !(one.is_nan() && next.is_nan())))
        }
        "resets" => |window| Some(count_pairs(window.samples, |one, next| next < one)),
        "deriv" => |window| slope(window.samples),
        "irate" => |window| instantaneous(window.samples, true),
        "idelta" => |window| instantaneous(window.samples, false),
        _ => return None,
    })
}

fn values(samples: &[Sample]) -> impl Iterator<Item = f64> + Clone + '_ {
    samples.iter().map(|sample| sample.value)
}

fn seconds(sample: &Sample) -> f64 {
    sample.timestamp as f64 / 1000.0
}

/// Returns the first of the best samples; a NaN gives way to any number.
fn extreme(samples: &[Sample], is_better: impl Fn(f64, f64) -> bool) -> Option<&Sample> {
    samples.iter().reduce(
        |best, sample| {
            if is_better(sample.value, best.value) || best.value.is_nan() { sample } else { best }
        },
    )
}

fn extreme_time(samples: &[Sample], is_better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    extreme(samples, is_better).map(seconds)
}

/// Welford's method with carefully added sums.
fn variance(samples: &[Sample]) -> f64 {
    let mut count = 0.0;
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    for value in values(samples) {
        count += 1.0;
        let distance = value - mean.total();
        mean.add(distance / count);
        squares.add(distance * (value - mean.total()));
    }
    squares.total() / count
}

/// The median of the distances from the median.
fn median_deviation(samples: &[Sample]) -> f64 {
    let mut values: Vec<f64> = values(samples).collect();
    let median = quantile_of(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    quantile_of(0.5, &mut values)
}

fn count_pairs(samples: &[Sample], counts: impl Fn(f64, f64) -> bool) -> f64 {
    samples.iter().zip(samples.iter().skip(1)).filter(|(one, next)| counts(one.value, next.value)).count() as f64
}
