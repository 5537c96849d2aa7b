//! What every long-running part of ours needs, once.
//!
//! ```text
//! main ──▶ telemetry::init            logs to stderr, RUST_LOG
//!      ──▶ Lifecycle ─ spawn ─▶ part  one stop signal, one drain, READY and STOPPING for systemd
//!      ──▶ Admin                      /metrics, /-/healthy, /-/ready on an address of its own
//! part ──▶ http::client, tls, listen  outgoing calls with timeouts, rustls with ring, sockets with clear errors
//! ```
//!
//! Start at [`Lifecycle`]: it owns all tasks, so nothing runs that nobody awaits.

pub mod admin;
pub mod http;
pub mod lifecycle;
pub mod listen;
pub mod telemetry;
pub mod tls;

pub use admin::Admin;
pub use lifecycle::Lifecycle;
pub use tokio_util::sync::CancellationToken;
