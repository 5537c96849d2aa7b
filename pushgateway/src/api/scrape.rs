//! The page for Prometheus, written while it is read.
//!
//! The groups are taken once and stay as they were until the last byte is out; a push meanwhile makes new ones. What is
//! printed of a series was printed when it was pushed, so most of this is copying.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Body;
use exposition::{Kind, Number, Value};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::answer;
use crate::api::stream::Chunks;
use crate::store::group::{Family, Series};
use crate::store::labels;
use crate::store::view::{Ordered, View};
use crate::wording::{Metric, kind_name};

/// About so much is written at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format 0.0.4.
    Text,
    /// Protobuf messages, each with its length before it.
    Delimited,
    /// Protobuf as text, one family a line.
    CompactText,
}

impl Format {
    /// Returns the format that a client prefers. OpenMetrics is not one of them, as with a Pushgateway.
    #[must_use]
    pub fn negotiate(headers: &HeaderMap) -> Self {
        let mut wanted: Vec<(f64, &str)> = Vec::new();
        for header in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
            for range in header.split(',') {
                let weight = range.split(';').find_map(|part| part.trim().strip_prefix("q="));
                wanted.push((weight.and_then(|weight| weight.trim().parse().ok()).unwrap_or(1.0), range));
            }
        }
        wanted.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        for (_, range) in wanted {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let parameter = |name: &str| {
                let of = |part: &str| {
                    let (own, value) = part.trim().split_once('=')?;
                    (own.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
                };
                range.split(';').find_map(of)
            };
            if kind == "application/vnd.google.protobuf"
                && parameter("proto").as_deref() == Some("io.prometheus.client.MetricFamily")
            {
                match parameter("encoding").as_deref() {
                    Some("delimited") => return Self::Delimited,
                    Some("text" | "compact-text") => return Self::CompactText,
                    _ => {}
                }
            }
            if kind == "text/plain" && parameter("version").is_none_or(|version| version == "0.0.4") {
                return Self::Text;
            }
        }
        Self::Text
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::Delimited => exposition::protobuf::CONTENT_TYPE,
            Self::CompactText => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=compact-text"
            }
        })
    }
}

/// Answers with all groups and `own`, the families of the gateway itself.
pub fn answer(view: View, own: Vec<Family>, headers: &HeaderMap) -> Response<Body> {
    let format = Format::negotiate(headers);
    let gzip = wants_gzip(headers);
    let page = Page::new(view, own, format);
    let body = if gzip { Chunks::body(Gzip::new(page)) } else { Chunks::body(page) };
    let mut response = answer::with(StatusCode::OK, format.content_type(), body);
    if gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether the word stands there, whatever its weight: what a Pushgateway looks for.
fn wants_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut encodings = values.flat_map(|value| value.split(','));
    encodings.any(|encoding| encoding.trim().split(';').next().is_some_and(|name| name == "gzip"))
}

/// The page, piece by piece.
struct Page {
    view: Arc<View>,
    own: Vec<Family>,
    format: Format,
    /// Families to come: the gateway's own, the pushed one, or both of one name; the first comes last.
    rest: Vec<(Option<usize>, Option<usize>)>,
    /// How many series of the family at the end of `rest` are out.
    written: usize,
}

impl Page {
    fn new(view: View, own: Vec<Family>, format: Format) -> Self {
        let pushed = view.families();
        let mut rest: Vec<(Option<usize>, Option<usize>)> = Vec::with_capacity(pushed.len() + own.len());
        let mut place = 0;
        for (number, family) in pushed.iter().enumerate().filter(|(_, family)| !family.is_empty()) {
            while own.get(place).is_some_and(|own| own.name < family.name) {
                rest.push((Some(place), None));
                place += 1;
            }
            let same = own.get(place).is_some_and(|own| own.name == family.name);
            rest.push((same.then_some(place), Some(number)));
            place += usize::from(same);
        }
        rest.extend((place..own.len()).map(|place| (Some(place), None)));
        rest.reverse();
        Self { view: Arc::new(view), own, format, rest, written: 0 }
    }

    /// Writes a piece of the last family of `rest`, and returns whether that is all of it.
    fn write(&self, own: Option<&Family>, pushed: Option<&Ordered>, out: &mut Vec<u8>) -> (bool, usize) {
        let (name, kind) = match (own, pushed) {
            (Some(own), _) => (&*own.name, own.kind),
            (None, Some(pushed)) => (&*pushed.name, pushed.kind),
            (None, None) => return (true, 0),
        };
        let help = own.map_or_else(|| pushed.map(|pushed| pushed.help.as_str()), |own| Some(&*own.help));
        let help = help.unwrap_or_default();
        // The gateway's own series and pushed ones of the same name: rare, and few.
        let both: Vec<&Series>;
        let mut series: Box<dyn Iterator<Item = &Series>> = match (own, pushed) {
            (Some(own), Some(pushed)) => {
                let mut all: Vec<&Series> = own.series.iter().chain(self.view.series_from(pushed, 0)).collect();
                all.sort_by_cached_key(|series| labels::sort_key(series.labels()));
                both = all;
                Box::new(both.iter().skip(self.written).copied())
            }
            (Some(own), None) => Box::new(own.series.iter().skip(self.written)),
            (None, Some(pushed)) => Box::new(self.view.series_from(pushed, self.written)),
            (None, None) => return (true, 0),
        };
        match self.format {
            Format::Text => {
                if self.written == 0 {
                    write_head(name, help, kind, out);
                }
                let mut count = 0;
                while out.len() < CHUNK_BYTES {
                    let Some(series) = series.next() else { return (true, count) };
                    write_series(name, series, out);
                    count += 1;
                }
                (false, count)
            }
            Format::Delimited => {
                let values: Vec<(Vec<_>, Value)> =
                    series.map(|series| (series.label_pairs().collect(), series.value())).collect();
                let metrics = values.iter().map(|(pairs, value)| (pairs.iter().map(|(n, v)| (*n, &**v)), value));
                exposition::protobuf::write_family(name, help, kind, metrics, out);
                (true, values.len())
            }
            Format::CompactText => {
                let mut text = format!("name:{} ", crate::wording::proto_string(name));
                if !help.is_empty() {
                    text.push_str(&format!("help:{} ", crate::wording::proto_string(help)));
                }
                text.push_str(&format!("type:{} ", kind_name(kind)));
                let mut count = 0;
                for series in series {
                    let (pairs, value) = (series.label_pairs().collect::<Vec<_>>(), series.value());
                    let metric = Metric { labels: &pairs, value: Some((kind, &value)) };
                    text.push_str(&format!("metric:<{metric}> "));
                    count += 1;
                }
                text.push('\n');
                out.extend_from_slice(text.as_bytes());
                (true, count)
            }
        }
    }
}

impl Iterator for Page {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(CHUNK_BYTES + 4096);
        while out.len() < CHUNK_BYTES {
            let Some((own, pushed)) = self.rest.last().copied() else { break };
            let own = own.and_then(|place| self.own.get(place));
            let pushed = pushed.and_then(|place| self.view.families().get(place));
            let (is_all, count) = self.write(own, pushed, &mut out);
            if is_all {
                self.rest.pop();
                self.written = 0;
            } else {
                self.written += count;
            }
        }
        (!out.is_empty()).then_some(out)
    }
}

fn write_head(name: &str, help: &str, kind: Kind, out: &mut Vec<u8>) {
    let mut text = String::new();
    if !help.is_empty() {
        text.push_str("# HELP ");
        text.push_str(name);
        text.push(' ');
        for character in help.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('\n');
    }
    for piece in ["# TYPE ", name, " ", kind.as_str(), "\n"] {
        text.push_str(piece);
    }
    out.extend_from_slice(text.as_bytes());
}

fn write_series(name: &str, series: &Series, out: &mut Vec<u8>) {
    match (series.line(), series.as_distribution()) {
        (Some(line), _) => {
            out.extend_from_slice(name.as_bytes());
            // Without labels the line begins with the brace that closes none.
            if series.labels().is_empty() {
                out.extend_from_slice(&line.as_bytes()[1..]);
            } else {
                out.push(b'{');
                out.extend_from_slice(line.as_bytes());
            }
        }
        (None, Some(Value::Histogram(histogram))) => {
            for (bound, count) in histogram.buckets() {
                write_line(name, "_bucket", series.labels(), Some(("le", bound)), count_number(count), out);
            }
            write_line(name, "_sum", series.labels(), None, histogram.sum(), out);
            write_line(name, "_count", series.labels(), None, count_number(histogram.count()), out);
        }
        (None, Some(Value::Summary(summary))) => {
            for (quantile, value) in summary.quantiles() {
                write_line(name, "", series.labels(), Some(("quantile", quantile)), value, out);
            }
            write_line(name, "_sum", series.labels(), None, summary.sum(), out);
            write_line(name, "_count", series.labels(), None, count_number(summary.count()), out);
        }
        _ => {}
    }
}

#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers; 2^53 observations are many")]
fn count_number(count: u64) -> f64 {
    count as f64
}

fn write_line(name: &str, suffix: &str, labels: &str, own: Option<(&str, f64)>, value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    // Writing to a vector cannot fail.
    let _ = match (labels.is_empty(), own) {
        (true, None) => writeln!(out, " {}", Number(value)),
        (false, None) => writeln!(out, "{{{labels}}} {}", Number(value)),
        (true, Some((own, bound))) => writeln!(out, "{{{own}=\"{}\"}} {}", Number(bound), Number(value)),
        (false, Some((own, bound))) => writeln!(out, "{{{labels},{own}=\"{}\"}} {}", Number(bound), Number(value)),
    };
}

/// The same page in gzip: fast rather than small, since it crosses a machine or a rack.
struct Gzip<I> {
    pieces: I,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I> Gzip<I> {
    fn new(pieces: I) -> Self {
        Self { pieces, encoder: Some(GzEncoder::new(Vec::with_capacity(CHUNK_BYTES), Compression::fast())) }
    }
}

impl<I: Iterator<Item = Vec<u8>>> Iterator for Gzip<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let encoder = self.encoder.as_mut()?;
            match self.pieces.next() {
                // Writing to a vector cannot fail.
                Some(piece) => drop(encoder.write_all(&piece)),
                None => return self.encoder.take()?.finish().ok(),
            }
            if encoder.get_ref().len() >= CHUNK_BYTES / 4 {
                return Some(std::mem::take(encoder.get_mut()));
            }
        }
    }
}
