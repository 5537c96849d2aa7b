//! Writing a page.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::escape;
use crate::families::Families;
use crate::family::Family;
use crate::labels::Labels;
use crate::name::MetricName;
use crate::number::Number;
use crate::value::{Histogram, Summary, Value};

/// The whole page, each line with its line end: a gateway refuses a last line without one.
impl Display for Families {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|family| family.fmt(f))
    }
}

/// The family's block, or nothing when it has no series.
impl Display for Family {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut series = self.series().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        // Piece by piece: a page has thousands, and each macro of formatting costs more than what it writes.
        let name = self.name();
        if !self.help().is_empty() {
            for piece in ["# HELP ", name.as_str(), " "] {
                f.write_str(piece)?;
            }
            escape::help(self.help(), f)?;
            f.write_char('\n')?;
        }
        for piece in ["# TYPE ", name.as_str(), " ", self.kind().as_str(), "\n"] {
            f.write_str(piece)?;
        }
        series.try_for_each(|(labels, value)| match value {
            Value::Number(number) => {
                f.write_str(name.as_str())?;
                labels.fmt(f)?;
                f.write_char(' ')?;
                Number(number.0).fmt(f)?;
                f.write_char('\n')
            }
            Value::Histogram(histogram) => write_histogram(f, name, labels, histogram),
            Value::Summary(summary) => write_summary(f, name, labels, summary),
        })
    }
}

fn write_histogram(f: &mut Formatter<'_>, name: &MetricName, labels: &Labels, histogram: &Histogram) -> fmt::Result {
    for (bound, count) in histogram.buckets() {
        write!(f, "{name}_bucket")?;
        write_labels(f, labels, Some(("le", bound)))?;
        writeln!(f, " {}", count_number(count))?;
    }
    write_totals(f, name, labels, histogram.sum(), histogram.count())
}

fn write_summary(f: &mut Formatter<'_>, name: &MetricName, labels: &Labels, summary: &Summary) -> fmt::Result {
    for (quantile, value) in summary.quantiles() {
        write!(f, "{name}")?;
        write_labels(f, labels, Some(("quantile", quantile)))?;
        writeln!(f, " {}", Number(value))?;
    }
    write_totals(f, name, labels, summary.sum(), summary.count())
}

fn write_totals(f: &mut Formatter<'_>, name: &MetricName, labels: &Labels, sum: f64, count: u64) -> fmt::Result {
    writeln!(f, "{name}_sum{labels} {}", Number(sum))?;
    writeln!(f, "{name}_count{labels} {}", count_number(count))
}

/// Counts are written as all numbers are, since they are read as such.
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers; 2^53 observations are many")]
fn count_number(count: u64) -> Number {
    Number(count as f64)
}

/// Writes labels and, behind them, the one that tells the lines of a series apart.
fn write_labels(f: &mut Formatter<'_>, labels: &Labels, own: Option<(&str, f64)>) -> fmt::Result {
    let Some((name, value)) = own else { return labels.fmt(f) };
    let mut before = '{';
    for (name, value) in labels.iter() {
        write!(f, "{before}{name}=\"")?;
        escape::label_value(value, f)?;
        f.write_char('"')?;
        before = ',';
    }
    write!(f, "{before}{name}=\"{}\"}}", Number(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Float, Kind};
    use checker::check;
    use proptest::prelude::*;

    /// A second opinion on the format, which shares no line with the code above.
    mod checker;

    #[test]
    fn a_page_is_written_family_by_family() {
        let mut page = Families::new();
        let cpu = page.counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.").unwrap();
        cpu.add([("mode", "user"), ("cpu", "0")], 193.39).unwrap().add([("mode", "idle"), ("cpu", "0")], 1e6).unwrap();
        page.family("a_first", "", Kind::Untyped).unwrap().set(f64::NAN).unwrap();
        page.gauge("nothing_yet", "Has no series.").unwrap();
        assert_eq!(
            page.to_string(),
            "# TYPE a_first untyped\n\
             a_first NaN\n\
             # HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n\
             # TYPE node_cpu_seconds_total counter\n\
             node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 1e+06\n\
             node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 193.39\n"
        );
    }

    #[test]
    fn quotes_backslashes_and_line_ends_are_escaped_where_they_must_be() {
        let mut page = Families::new();
        page.gauge("m", "a \"b\" \\ c\nd").unwrap().add([("l", "a \"b\" \\ c\nd\té\r")], 1.0).unwrap();
        assert_eq!(
            page.to_string(),
            "# HELP m a \"b\" \\\\ c\\nd\n# TYPE m gauge\nm{l=\"a \\\"b\\\" \\\\ c\\nd\té\r\"} 1\n"
        );
    }

    /// Pages of a few families that often share names, with labels and help of any text.
    fn pages() -> impl Strategy<Value = Families> {
        let series = (proptest::collection::btree_map("[a-c]", any::<String>(), 0..3), any::<f64>());
        let family = ("[a-b_:]{1,2}", any::<String>(), 0..3_usize, proptest::collection::vec(series, 0..4));
        proptest::collection::vec(family, 0..5).prop_map(|families| {
            let mut page = Families::new();
            for (name, help, kind, series) in families {
                let kind = [Kind::Counter, Kind::Gauge, Kind::Untyped][kind];
                // What is refused (a second type, a second value) is what this test wants to provoke.
                let Ok(family) = page.family(name, help, kind) else { continue };
                for (labels, value) in series {
                    let _ = family.add(labels, value);
                }
            }
            page
        })
    }

    proptest! {
        #[test]
        fn whatever_was_built_is_well_formed_and_says_the_same(page in pages()) {
            let read = check(&page.to_string()).map_err(TestCaseError::fail)?;
            let told = page.iter().flat_map(|family| {
                family.series().map(|(labels, value)| {
                    let Value::Number(Float(value)) = value else { panic!("only numbers were built") };
                    let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_owned())).collect();
                    let help = family.help().to_owned();
                    (family.name().to_string(), family.kind().as_str().to_owned(), help, labels, value.to_bits())
                })
            });
            // Every NaN is written alike, and so is a zero of either sign.
            let plain = |bits: u64| match f64::from_bits(bits) {
                value if value.is_nan() => f64::NAN.to_bits(),
                0.0 => 0,
                value => value.to_bits(),
            };
            let told: Vec<_> = told.map(|(a, b, c, d, bits)| (a, b, c, d, plain(bits))).collect();
            let read: Vec<_> = read.into_iter().map(|(a, b, c, d, bits)| (a, b, c, d, plain(bits))).collect();
            prop_assert_eq!(read, told);
        }
    }
}
