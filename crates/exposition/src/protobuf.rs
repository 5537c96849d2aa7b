//! Pages in protobuf: messages `io.prometheus.client.MetricFamily`, each with its length before it.
//!
//! ```text
//! length ─ MetricFamily { name, help, type, metric { label…, counter | gauge | summary | untyped | histogram } … }
//! length ─ MetricFamily …
//! ```
//!
//! The fields are those of <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>.
//! What the text format has no words for is taken and dropped: exemplars, moments of creation, the sparse buckets of
//! native histograms (their sum and count stay). Of histograms that count in fractions the whole part stays. A gauge
//! histogram and a type that nobody knows are refused, since leaving them out would lose them silently.

mod read;
mod wire;
mod write;

pub use self::write::write_family;
use crate::error::{ParseError, Place};
use crate::families::Families;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::raw::Family;
use crate::strict;

/// What goes into a push's `Content-Type`.
pub const CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Reads a page that a gateway would serve. Of two families of one name the last counts, as for a Pushgateway.
///
/// # Errors
/// The first family that is not well formed or beyond a limit; otherwise the first that a gateway would refuse.
pub fn parse(page: &[u8], limits: &Limits) -> Result<Families, ParseError> {
    let mut families = loose(page, limits)?;
    let mut last = std::collections::HashMap::new();
    for (number, family) in families.iter().enumerate() {
        last.insert(family.name.clone().into_owned(), number);
    }
    let mut number = 0;
    families.retain(|family| {
        number += 1;
        last.get(&*family.name) == Some(&(number - 1))
    });
    strict::check(families, |family, series| place(family.at, &family.name, series))
}

/// Reads a page that only has to be well formed: see [`loose`](crate::loose). Families without a series are there too.
///
/// A family must have a name that is one, and labels and their values must be UTF-8.
///
/// # Errors
/// The first family that is not well formed or beyond a limit.
pub fn loose<'page>(page: &'page [u8], limits: &Limits) -> Result<Vec<Family<'page>>, ParseError> {
    let mut families = Vec::new();
    if page.len() > limits.bytes {
        return Err(ParseError { place: place(1, "", 0), fault: Fault::TooManyBytes(limits.bytes) });
    }
    let (mut rest, mut series) = (page, limits.series);
    while !rest.is_empty() {
        let number = families.len() + 1;
        let message = wire::delimited(&mut rest).map_err(|fault| ParseError { place: place(number, "", 0), fault })?;
        let read = read::family(message, number, limits, &mut series);
        families.push(read.map_err(|at| ParseError { place: place(number, &at.name, at.series), fault: at.fault })?);
    }
    Ok(families)
}

/// Writes a page, also families that have no series.
#[must_use]
pub fn write(page: &Families) -> Vec<u8> {
    let mut bytes = Vec::new();
    for family in page.iter() {
        let series = family.series().map(|(labels, value)| (labels.iter(), value));
        write_family(family.name().as_str(), family.help(), family.kind(), series, &mut bytes);
    }
    bytes
}

fn place(number: usize, name: &str, series: usize) -> Place {
    Place::Family { number, name: name.to_owned(), series }
}

#[cfg(test)]
mod tests;
