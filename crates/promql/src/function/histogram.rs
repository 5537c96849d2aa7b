//! Quantiles of classic histograms.

use std::cmp::Ordering;

/// A bucket: how many observations were at most `upper_bound`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) upper_bound: f64,
    pub(crate) count: f64,
}

/// Brings buckets into order: sorted, of one bound only one, and never falling. Nothing without a last bucket for all.
fn prepare(mut buckets: Vec<Bucket>) -> Option<Vec<Bucket>> {
    buckets.sort_by(|one, other| one.upper_bound.partial_cmp(&other.upper_bound).unwrap_or(Ordering::Equal));
    if buckets.last()?.upper_bound != f64::INFINITY {
        return None;
    }
    // `le="1"` and `le="1.0"` are one bucket, whose observations are in both.
    #[expect(clippy::float_cmp, reason = "the same bound, written twice")]
    buckets.dedup_by(|later, earlier| {
        let same = later.upper_bound == earlier.upper_bound;
        if same {
            earlier.count += later.count;
        }
        same
    });
    // A scrape may catch the buckets of a histogram while they change.
    let mut most = f64::NEG_INFINITY;
    for bucket in &mut buckets {
        if bucket.count < most {
            bucket.count = most;
        } else if bucket.count > most {
            most = bucket.count;
        }
    }
    Some(buckets)
}

/// `histogram_quantile`: the observation of which `share` lie below, taking them as evenly spread in their bucket.
pub(crate) fn quantile(share: f64, buckets: Vec<Bucket>) -> f64 {
    if share.is_nan() {
        return f64::NAN;
    }
    if share < 0.0 {
        return f64::NEG_INFINITY;
    }
    if share > 1.0 {
        return f64::INFINITY;
    }
    let Some(buckets) = prepare(buckets) else { return f64::NAN };
    let [first, .., before_last, last] = buckets.as_slice() else { return pair(share, &buckets) };
    within(share, &buckets, *first, *before_last, *last)
}

fn pair(share: f64, buckets: &[Bucket]) -> f64 {
    let [first, last] = buckets else { return f64::NAN };
    within(share, buckets, *first, *first, *last)
}

fn within(share: f64, buckets: &[Bucket], first: Bucket, before_last: Bucket, last: Bucket) -> f64 {
    if last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let mut rank = share * last.count;
    let place = buckets.iter().take(buckets.len() - 1).position(|bucket| bucket.count >= rank);
    let Some(place) = place else { return before_last.upper_bound };
    if place == 0 && first.upper_bound <= 0.0 {
        return first.upper_bound;
    }
    let Some(Bucket { upper_bound: end, mut count }) = buckets.get(place).copied() else { return f64::NAN };
    let mut start = 0.0;
    if let Some(below) = place.checked_sub(1).and_then(|below| buckets.get(below)) {
        start = below.upper_bound;
        count -= below.count;
        rank -= below.count;
    }
    start + (end - start) * (rank / count)
}

/// `histogram_fraction`: which share of the observations lies between `lower` and `upper`.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: Vec<Bucket>) -> f64 {
    let Some(buckets) = prepare(buckets) else { return f64::NAN };
    let total = buckets.last().map_or(0.0, |bucket| bucket.count);
    if total == 0.0 || total.is_nan() || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, &buckets, total) - rank_of(lower, &buckets, total)) / total
}

/// Returns how many observations are below `bound`.
fn rank_of(bound: f64, buckets: &[Bucket], total: f64) -> f64 {
    let mut below: f64 = 0.0;
    let mut start = match buckets.first() {
        Some(first) if first.upper_bound <= 0.0 => f64::NEG_INFINITY,
        _ => 0.0,
    };
    for bucket in buckets {
        if start >= bound {
            return below.min(total);
        }
        if bucket.upper_bound > bound {
            let share = if start.is_infinite() {
                // All of a bucket without a lower bound is taken to be at its upper one.
                0.0
            } else {
                (bound - start) / (bucket.upper_bound - start)
            };
            return (below + (bucket.count - below) * share).min(total);
        }
        below = bucket.count;
        start = bucket.upper_bound;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|(upper_bound, count)| Bucket { upper_bound: *upper_bound, count: *count }).collect()
    }

    #[test]
    fn a_quantile_in_the_last_bucket_is_the_last_bound_known() {
        let histogram = buckets(&[(1.0, 1.0), (5.0, 2.0), (f64::INFINITY, 10.0)]);

        assert_eq!(quantile(0.95, histogram.clone()), 5.0);
        assert_eq!(quantile(0.1, histogram), 1.0);
    }

    #[test]
    fn without_a_bucket_for_all_there_is_no_quantile() {
        assert!(quantile(0.5, buckets(&[(1.0, 1.0), (2.0, 3.0)])).is_nan());
        assert!(quantile(0.5, buckets(&[(f64::INFINITY, 3.0)])).is_nan());
    }

    #[test]
    fn a_fraction_is_taken_in_proportion() {
        let histogram = buckets(&[(1.0, 2.0), (3.0, 6.0), (f64::INFINITY, 8.0)]);

        assert_eq!(fraction(1.0, 2.0, histogram.clone()), 0.25);
        assert_eq!(fraction(f64::NEG_INFINITY, f64::INFINITY, histogram), 1.0);
    }
}
