//! Tries to make the failover protocol run two bots at once.
//!
//! ```text
//! Plan (times, sites, kinds of faults) ── seed ──▶ World ──▶ Outcome        one schedule: hosts with drifting clocks,
//!                                           failover::core::Core × hosts      a bad network, one Redis, up to 15 faults
//! exhaustive::Model ── stateright ──▶ every state of a small bound
//! ```
//!
//! [`batch::run`] runs many schedules and counts. The supervisors in it are the product's own [`failover::core::Core`].
//! A [`failover::core::rules::Mutant`] breaks one rule, and must be caught: that shows that the net has no hole there.

pub mod batch;
pub mod exhaustive;
pub mod host;
pub mod monitor;
pub mod plan;
pub mod random;
pub mod store;
pub mod world;

pub use batch::{Tally, run};
pub use exhaustive::{Bounds, Exhaustive};
pub use plan::{FaultKind, Outside, Plan};
pub use world::World;
