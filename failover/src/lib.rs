//! Decides which of several sites runs a bot.

pub mod config;
pub mod core;
pub mod language;
pub mod redis;

pub use config::Config;
