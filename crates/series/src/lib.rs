//! What a time series is: [`Labels`] that name it, [`Sample`]s that fill it, [`Matcher`]s that choose among many.
//!
//! ```text
//! up{job="host", instance="db-1"}   (t₀, 1) (t₁, 1) (t₂, STALE)
//! └─ Labels ───────────────────┘    └─ Sample ─┘
//!      ▲ Matcher: instance=~"db-.*"
//! ```
//!
//! The floor that the store, the query engine and the rules stand on. No sockets, no clock, no storage.

mod labels;
mod matcher;
mod sample;

pub use labels::{Label, Labels};
pub use matcher::{InvalidMatcher, Matcher, Operator};
pub use sample::{STALE, Sample, is_stale};

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";
