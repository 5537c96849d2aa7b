//! The Prometheus text format 0.0.4, as a Pushgateway takes it.
//!
//! ```text
//! Families ─ family(name, help, kind) ─▶ Family ─ add(labels, value) ─▶ …
//!     └─ to_string() ─▶ # HELP node_load1 1m load average.
//!                       # TYPE node_load1 gauge
//!                       node_load1 0.42
//!
//! bytes ─ parse(bytes, &Limits) ─▶ Families, or the line and what is wrong with it
//! ```
//!
//! Start at [`Families`] to write and at [`parse()`] to read; what was written reads back as the same page. A page is held as a map of families and each family as a map of its series, so the mistakes
//! for which a gateway refuses a whole push cannot be made: a family in two blocks, a type after its samples, a series
//! twice, a name with a character that names do not have. There is no way to give a sample a timestamp, because a
//! Pushgateway refuses those too. No sockets, no clock, no dependency.

mod family;
mod labels;
mod name;
mod number;
mod parse;
mod text;
mod value;

pub use family::{Families, Family, Kind, Refused};
pub use labels::Labels;
pub use name::{InvalidName, LabelName, MetricName};
pub use number::Number;
pub use parse::{Fault, Limits, ParseError, parse};
pub use value::{Float, Histogram, Summary, Value};

/// What goes into a push's `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";
