//! Adding up without losing the small ones.

/// A sum that carries along what rounding cut off (Kahan's summation in Neumaier's form), as Prometheus adds: without it
/// `avg_over_time(x[5m]) > 85` flips at 85.00000000000001.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        self.lost = if total.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.lost + ((self.sum - total) + value)
        } else {
            self.lost + ((value - total) + self.sum)
        };
        self.sum = total;
    }

    /// Returns the sum without what was cut off, for those who go on computing with it.
    pub(crate) fn rough(self) -> f64 {
        self.sum
    }

    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut sum = Self::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }
}

/// Returns the mean of `values` without ever holding a number larger than the largest of them, as Prometheus 2.42 computes
/// every mean, and 3.x those whose sum is infinite. NaN for no values.
pub(crate) fn incremental_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut mean = Sum::default();
    let mut count = 0.0;
    for value in values {
        count += 1.0;
        let so_far = mean.rough();
        if so_far.is_infinite() {
            // An infinity stays one, unless its opposite or a NaN comes along.
            if value.is_finite() || value == so_far {
                continue;
            }
        }
        mean.add(value / count - so_far / count);
    }
    if count == 0.0 { f64::NAN } else { mean.total() }
}

/// Returns the mean of `values` as Prometheus 3.x computes it: a sum divided once, unless that overflows.
pub(crate) fn mean(values: impl IntoIterator<Item = f64> + Clone) -> f64 {
    let mut sum = Sum::default();
    let mut count = 0.0;
    for value in values.clone() {
        sum.add(value);
        count += 1.0;
    }
    if sum.rough().is_infinite() {
        return incremental_mean(values);
    }
    sum.total() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_survive_beside_large_ones() {
        assert_eq!([1e100, 1.0, -1e100].into_iter().collect::<Sum>().total(), 1.0);
    }

    #[test]
    fn a_mean_survives_the_overflow_of_its_sum() {
        assert_eq!(mean([f64::MAX, f64::MAX]), f64::MAX);
        assert_eq!(mean([f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(mean([f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }
}
