//! Decides which of several sites runs a bot.

pub mod core;
