//! The product against the real engines.
//!
//! ```text
//! noroshi-exporter ─▶ pushgateway-proxy or nginx ─▶ Pushgateway ─▶ Prometheus ─▶ Alertmanager ─▶ alert-bridge ─▶ discord
//!     ours                      ours / real             real          real            real          ours         double
//! ```
//!
//! [`world::World`] starts all of it on free ports with shortened times and hides every wait; [`discord::Discord`] stands
//! in for what a test cannot reach, as do [`slack::Slack`], [`smtp::Smtp`] and [`hook::Hook`]. The tests themselves are in `tests/`, their names are the sentences
//! that hold.

pub mod discord;
pub mod door;
pub mod hook;
pub mod places;
pub mod slack;
pub mod smtp;
pub mod world;
