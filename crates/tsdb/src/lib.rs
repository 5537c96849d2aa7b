//! Keeps samples: compressed in memory, in a log and in blocks on disk.
//!
//! ```text
//! append ──▶ log ──▶ head ──(2 h)──▶ block ──(merge)──▶ larger block ──(retention)──▶ gone
//!            disk    memory          disk
//!                      └───────────────┴──────▶ select ──▶ promql
//! ```
//!
//! Start at [`Store::open`], [`Store::append`] and [`Store::upkeep`]; queries ask by way of [`promql::Storage`]. A sample keeps
//! the time that it comes with. What [`append`](Store::append) answered survives the end of the process, and that of the machine
//! as [`Sync`] says. Damage in a file is found by checksums, reported, and costs what it touches. The files are described in
//! `docs/tsdb.md`.

mod bits;
pub mod block;
pub mod chunk;
mod commit;
mod error;
pub mod frame;
mod head;
mod index;
pub mod log;
mod merge;
mod options;
mod stats;
mod store;
mod varint;

pub use error::{Broken, Error, Refusal};
pub use options::{Limits, Options, Sync};
pub use stats::Stats;
pub use store::{Appended, Damage, Found, Refused, SeriesRef, Store};
