//! Pages of metrics as a Pushgateway takes them: the Prometheus text format 0.0.4 and its protobuf twin.
//!
//! ```text
//! Families ─ family(name, help, kind) ─▶ Family ─ add(labels, value) ─▶ …
//!     └─ to_string() ─▶ # HELP node_load1 1m load average.
//!                       # TYPE node_load1 gauge
//!                       node_load1 0.42
//!
//! body ─ encoding::decode ─▶ bytes ─ parse or protobuf::parse ─▶ Families, or the place and what is wrong there
//! ```
//!
//! Start at [`Families`] to write and at [`parse()`] to read; what was written reads back as the same page. A page is
//! held as a map of families and each family as a map of its series, so the mistakes for which a gateway refuses a whole
//! push cannot be made: a family in two blocks, a type after its samples, a series twice, a name with a character that
//! names do not have. There is no way to give a sample a timestamp, because a Pushgateway refuses those too. A store
//! that has to look at a page before it is held to all that starts at [`loose`].
//!
//! No sockets, no clock; no dependency either, but for the decoders of the feature `encoding`.

#[cfg(feature = "encoding")]
pub mod encoding;
pub mod loose;
pub mod protobuf;

mod check;
mod error;
mod escape;
mod families;
mod family;
mod fault;
mod kind;
mod labels;
mod limits;
mod name;
mod number;
#[cfg(test)]
mod pages;
mod parse;
mod raw;
mod refused;
mod strict;
mod text;
mod value;

pub use check::{Outline, check};
pub use error::{ParseError, Place};
pub use families::Families;
pub use family::Family;
pub use fault::{Class, Fault, Quoted};
pub use kind::Kind;
pub use labels::{InvalidLabels, Labels};
pub use limits::Limits;
pub use name::{InvalidName, LabelName, MetricName};
pub use number::Number;
pub use parse::parse;
pub use refused::Refused;
pub use value::{Float, Histogram, Summary, Value};

/// What goes into a push's `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";
