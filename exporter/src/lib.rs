//! Tells a gateway how a host is doing, under the names that node_exporter gave to these things.
//!
//! ```text
//! /proc /sys statvfs uname ── collect ──▶ page ──▶ Delivery ── PUT /metrics/job/J/instance/I ──▶ Pushgateway
//! bots' /metrics, *.prom ── join ──────────┘
//! state file ─── counters of the previous push ───▶ │ │ tried again · TLS · Basic Auth · pinned CA
//!      ▲                                            │ └─ no way ─▶ Buffer on disk ── later ──▶ VictoriaMetrics
//!      └────────────── written after a yes ◀────────┘
//! ```
//!
//! [`Exporter::build`] takes a [`Config`]; [`Exporter::print`] returns the page that [`Exporter::push`] would hand to a
//! [`Delivery`]. A push is bounded in time: cron runs it every minute, and [`daemon::Daemon`] every 15 seconds, on hosts
//! that only ever make outbound connections, so it must stay small, silent when all is well, and say in one line what is
//! wrong. What is watched besides ([`watch`]) is asked side by side with time-outs of its own. No trouble with one source of figures, nor with state file or buffer, keeps the rest from being pushed.

mod aside;
pub mod buffer;
pub mod cli;
pub mod collect;
mod config;
pub mod daemon;
mod delivery;
mod exporter;
mod files;
mod gateway;
mod host;
pub mod join;
mod lock;
mod origin;
mod pack;
mod settings;
pub mod splay;
mod stat;
mod state;
mod stopping;
mod stuck;
mod text;
mod usage;
pub mod watch;

pub use self::config::Config;
pub use self::delivery::{Compress, Delivery};
pub use self::exporter::{Exporter, Pushed};
pub use self::gateway::{ConfigError, Gateway, GatewayUrl, PushError};
pub use self::host::Host;
pub use self::lock::Lock;
pub use self::settings::{Interval, Loopback, RetryBudget, Timeout};
pub use self::stopping::Stopping;
