//! One file for each subcommand: its arguments, and `run`, which says how it ended.

pub mod pushgateway;
pub mod rules;
pub mod silence;
