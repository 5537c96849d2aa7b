//! The gateway against a server of one connection, in this process.

mod answers;
pub(crate) mod server;
mod settings;
mod trust;

use super::*;

/// Builds a gateway from variables alone.
fn gateway<const LEN: usize>(variables: [(&str, &str); LEN]) -> Result<Gateway, ConfigError> {
    Gateway::build(&Settings::default(), &Environment::from(variables), &mut |_| ())
}
