//! From families to messages.

use crate::kind::Kind;
use crate::value::{Histogram, Summary, Value};

/// Writes one `MetricFamily`, its length before it, behind `out`.
///
/// Takes the series as they are: names must hold, labels should be in the order of their names, and each value must be
/// one for `kind`.
pub fn write_family<'a, L>(
    name: &str,
    help: &str,
    kind: Kind,
    series: impl IntoIterator<Item = (L, &'a Value)>,
    out: &mut Vec<u8>,
) where
    L: IntoIterator<Item = (&'a str, &'a str)>,
{
    // The length stands before what it measures, and takes as many bytes as it needs.
    let mut message = Message::default();
    message.text(1, name);
    if !help.is_empty() {
        message.text(2, help);
    }
    message.varint(3, number_of(kind));
    for (labels, value) in series {
        message.message(4, |metric| {
            for (name, value) in labels {
                metric.message(1, |label| {
                    label.text(1, name);
                    label.text(2, value);
                });
            }
            write_value(kind, value, metric);
        });
    }
    push_varint(out, message.0.len() as u64);
    out.append(&mut message.0);
}

/// Returns the number of the type in `MetricType`.
fn number_of(kind: Kind) -> u64 {
    match kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Summary => 2,
        Kind::Untyped => 3,
        Kind::Histogram => 4,
    }
}

fn write_value(kind: Kind, value: &Value, metric: &mut Message) {
    match value {
        Value::Number(number) => {
            let field = match kind {
                Kind::Gauge => 2,
                Kind::Counter => 3,
                _ => 5,
            };
            metric.message(field, |message| message.double(1, number.0));
        }
        Value::Summary(summary) => metric.message(4, |message| write_summary(summary, message)),
        Value::Histogram(histogram) => metric.message(7, |message| write_histogram(histogram, message)),
    }
}

fn write_summary(summary: &Summary, message: &mut Message) {
    message.varint(1, summary.count());
    message.double(2, summary.sum());
    for (quantile, value) in summary.quantiles() {
        message.message(3, |message| {
            message.double(1, quantile);
            message.double(2, value);
        });
    }
}

fn write_histogram(histogram: &Histogram, message: &mut Message) {
    message.varint(1, histogram.count());
    message.double(2, histogram.sum());
    for (bound, count) in histogram.own_buckets() {
        message.message(3, |message| {
            message.varint(1, count);
            message.double(2, bound);
        });
    }
}

/// A message as far as it is written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, field: u64, number: u64) {
        push_varint(&mut self.0, field << 3);
        push_varint(&mut self.0, number);
    }

    fn double(&mut self, field: u64, number: f64) {
        push_varint(&mut self.0, field << 3 | 1);
        self.0.extend_from_slice(&number.to_bits().to_le_bytes());
    }

    fn text(&mut self, field: u64, text: &str) {
        push_varint(&mut self.0, field << 3 | 2);
        push_varint(&mut self.0, text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Writes a message within this one. Its length is put in where it belongs once it is known.
    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        push_varint(&mut self.0, field << 3 | 2);
        let begin = self.0.len();
        write(self);
        let length = self.0.len() - begin;
        let end = self.0.len();
        push_varint(&mut self.0, length as u64);
        let digits = self.0.len() - end;
        self.0[begin..].rotate_right(digits);
    }
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
