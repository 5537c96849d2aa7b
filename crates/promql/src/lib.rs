//! PromQL as Prometheus evaluates it, over any storage.
//!
//! ```text
//! text ─ Query::parse ─▶ Query ─┐
//!                               ├─ Engine::instant / Engine::range ─▶ Answer { value, warnings }
//! impl Storage ─────────────────┘        within Limits
//! ```
//!
//! Start at [`Query::parse`] and [`Engine`]. The syntax tree is the promql-parser crate's; what it means is decided here,
//! after Prometheus 2.42 ([`Semantics::V2`]) or 3.x ([`Semantics::V3`]), which differ in what lies on the edge of a window.
//! A query costs an error, never the process: its length, depth, steps, samples and time are bounded by [`Limits`].
//!
//! A range is evaluated expression by expression over all its steps at once, so that each series is read and walked
//! once. Native histograms are not supported and refused by name.

mod aggregate;
mod ask;
mod binary;
mod call;
mod engine;
mod error;
mod evaluate;
mod function;
mod limits;
mod memory;
mod moment;
mod query;
mod rows;
mod run;
mod select;
mod semantics;
mod storage;
mod subquery;
mod sum;
mod value;

pub use engine::{Engine, Range};
pub use error::Error;
pub use limits::Limits;
pub use memory::Memory;
pub use query::{Query, Unparsable};
pub use semantics::Semantics;
pub use storage::{Storage, Stored, Unreadable};
pub use value::{Answer, Point, Points, Value};
