//! Tells a gateway how a host is doing, under the names that node_exporter gave to these things.
//!
//! ```text
//! /proc /sys statvfs uname ── collect ──▶ page ──▶ Gateway ── PUT /metrics/job/J/instance/I ──▶ Pushgateway
//! bots' /metrics, *.prom ── join ──────────┘
//! state file ─── CPU time at the previous push ───▶ │ TLS · Basic Auth · pinned CA
//!      ▲                                            │
//!      └────────────── written after a yes ◀────────┘
//! ```
//!
//! [`Exporter::build`] takes a [`Config`]; [`Exporter::print`] returns the page that [`Exporter::push`] would hand to a
//! [`Gateway`]. A push is made once and bounded in time: this is what cron runs every minute, on hosts that only ever
//! make outbound connections, so it must stay small, silent when all is well, and say in one line what is wrong.
//! No trouble with one source of figures, nor with the state file, keeps the rest from being pushed.

pub mod cli;
pub mod collect;
mod config;
mod exporter;
mod gateway;
mod host;
pub mod join;
mod stat;
mod state;
mod usage;

pub use self::config::{Config, Timeout};
pub use self::exporter::Exporter;
pub use self::gateway::{ConfigError, Gateway, GatewayUrl, PushError};
pub use self::host::Host;
