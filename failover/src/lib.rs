//! Decides which of several sites runs a bot: the protocol. See [`core`].

pub mod core;
