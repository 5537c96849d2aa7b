//! Pages of every kind, for the properties that hold for all of them.

use std::ops::Range;

use proptest::prelude::*;

use crate::{Families, Histogram, Kind, Summary, Value};

/// Numbers, the odd ones more often than by chance.
fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(0.0), Just(-0.0)]
}

fn values(counts: Range<u64>) -> impl Strategy<Value = Value> {
    let count = counts;
    let histogram = (proptest::collection::vec((numbers(), count.clone()), 0..4), numbers(), count.clone());
    let summary = (proptest::collection::vec((numbers(), numbers()), 0..4), numbers(), count);
    prop_oneof![
        numbers().prop_map(Value::from),
        histogram.prop_map(|(buckets, sum, count)| Histogram::new(buckets, sum, count).into()),
        summary.prop_map(|(quantiles, sum, count)| Summary::new(quantiles, sum, count).into()),
    ]
}

/// What text carries exactly.
pub const TEXT_COUNTS: Range<u64> = 0..(1 << 53);

/// Pages whose families' names are often alike, with labels and help of any text; their counts are in a range.
pub fn pages(counts: Range<u64>) -> impl Strategy<Value = Families> {
    let series = (proptest::collection::btree_map("[a-c]|le|quantile", any::<String>(), 0..3), values(counts));
    let family = ("[a-b:](_count|_sum|_bucket)?", any::<String>(), proptest::collection::vec(series, 1..5));
    proptest::collection::vec(family, 0..5).prop_map(|families| {
        let mut page = Families::new();
        for (name, help, series) in families {
            let kind = match series[0].1 {
                Value::Number(_) => [Kind::Counter, Kind::Gauge, Kind::Untyped][help.len() % 3],
                Value::Histogram(_) => Kind::Histogram,
                Value::Summary(_) => Kind::Summary,
            };
            // What is refused here (another type, a collision, a second value) is what this test wants to provoke.
            let Ok(family) = page.family(name, help, kind) else { continue };
            for (labels, value) in series {
                let _ = family.add(labels, value);
            }
        }
        let empty: Vec<_> =
            page.iter().filter(|family| family.series_count() == 0).map(|family| family.name().clone()).collect();
        for name in empty {
            page.remove(name.as_str());
        }
        page
    })
}
