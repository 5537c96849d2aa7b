//! Runs a bot on exactly one of several sites, and moves it when its site fails.
//!
//! ```text
//! site A: supervisor ── lease, heartbeat ──▶ Redis ◀── heartbeat, patience ── supervisor of site B
//!            │ arm, start, term, kill        (one script)
//!            ▼
//!          guard ── SIGKILL at the deadline ──▶ bot and all it starts
//! ```
//!
//! [`Failover::build`] opens the state file and the side-car, [`Failover::run`] runs the command whenever this site leads,
//! until asked to stop. The promise: at no moment do two supervised bots run, whatever crashes, hangs, is cut off, restarts or
//! loses its data, as long as clocks run at about the same speed and supervisor and guard are not both stopped.
//! [`core`] has the protocol and its rules, `docs/failover.md` the limits in plain words.

mod bot;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod core;
pub mod guard;
mod hooks;
pub mod language;
mod memory;
mod metrics;
mod notify;
mod probe;
pub mod redis;
mod run;
mod sidecar;
pub mod status;

pub use config::Config;
pub use metrics::Metrics;
pub use run::Failover;
