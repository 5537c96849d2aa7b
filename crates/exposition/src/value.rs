//! What a series says: a number, or a distribution.

/// What stands behind a series' labels.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Of a counter, a gauge or an untyped series.
    Number(Float),
    /// How many observations fell below each bound.
    Histogram(Histogram),
    /// Quantiles that were calculated where the observations were made.
    Summary(Summary),
}

/// A number as the text format knows it: every NaN is the same one, which makes pages comparable.
#[derive(Clone, Copy, Debug)]
pub struct Float(pub f64);

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || (self.0.is_nan() && other.0.is_nan())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(Float(number))
    }
}

impl From<Histogram> for Value {
    fn from(histogram: Histogram) -> Self {
        Self::Histogram(histogram)
    }
}

impl From<Summary> for Value {
    fn from(summary: Summary) -> Self {
        Self::Summary(summary)
    }
}

/// A histogram with cumulative buckets, of which the last one that matters is `+Inf`.
#[derive(Clone, Debug)]
pub struct Histogram {
    pub(crate) buckets: Vec<(Float, u64)>,
    pub(crate) sum: Float,
    pub(crate) count: u64,
}

/// With and without a bucket `+Inf` of its own is the same, as long as the same stands in it.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let buckets = |own: &Self| own.buckets().map(|(bound, count)| (Float(bound), count)).collect::<Vec<_>>();
        (self.sum, self.count) == (other.sum, other.count) && buckets(self) == buckets(other)
    }
}

impl Histogram {
    /// Takes pairs of upper bound and cumulative count, in the order in which they are to be written.
    ///
    /// A missing bucket `+Inf` is made of `count`, as a Pushgateway does it. A bound that is no number is left out: the
    /// text format has no word for it. The format carries counts up to 2^53 exactly.
    #[must_use]
    pub fn new(buckets: impl IntoIterator<Item = (f64, u64)>, sum: f64, count: u64) -> Self {
        let buckets = buckets.into_iter().filter(|(bound, _)| !bound.is_nan());
        Self { buckets: buckets.map(|(le, n)| (Float(le), n)).collect(), sum: Float(sum), count }
    }

    /// Returns pairs of upper bound and cumulative count, with one for `+Inf`.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let is_open = !self.buckets.iter().any(|(bound, _)| bound.0 == f64::INFINITY);
        self.own_buckets().chain(is_open.then_some((f64::INFINITY, self.count)))
    }

    /// Returns pairs of upper bound and cumulative count as they were given: `+Inf` may be missing.
    pub fn own_buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.buckets.iter().map(|(bound, count)| (bound.0, *count))
    }

    /// Returns the sum of all observations.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum.0
    }

    /// Returns how many observations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Quantiles with the sum and the number of what was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub(crate) quantiles: Vec<(Float, Float)>,
    pub(crate) sum: Float,
    pub(crate) count: u64,
}

impl Summary {
    /// Takes pairs of quantile and value, in the order in which they are to be written; a quantile that is no number is
    /// left out.
    #[must_use]
    pub fn new(quantiles: impl IntoIterator<Item = (f64, f64)>, sum: f64, count: u64) -> Self {
        let quantiles = quantiles.into_iter().filter(|(quantile, _)| !quantile.is_nan());
        Self { quantiles: quantiles.map(|(q, value)| (Float(q), Float(value))).collect(), sum: Float(sum), count }
    }

    /// Returns pairs of quantile and value.
    pub fn quantiles(&self) -> impl Iterator<Item = (f64, f64)> {
        self.quantiles.iter().map(|(quantile, value)| (quantile.0, value.0))
    }

    /// Returns the sum of all observations.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum.0
    }

    /// Returns how many observations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}
