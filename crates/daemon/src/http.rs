//! Outgoing calls.

use std::time::Duration;

use anyhow::Context;

/// Time to reach the other side, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a whole call, from the first byte out to the last byte in.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Returns a pooled client that gives up after 5 s without a connection and 15 s without an answer.
///
/// It follows no redirect: whoever moves an endpoint of ours does not get our credentials.
/// `user_agent` is what the other side sees; Discord refuses clients without one.
///
/// # Errors
/// When the system's certificate roots cannot be set up.
#[expect(clippy::disallowed_methods, reason = "this is the function that the others are told to use")]
pub fn client(user_agent: &str) -> anyhow::Result<reqwest::Client> {
    crate::tls::install_provider();
    reqwest::Client::builder()
        .user_agent(user_agent)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot set up the HTTP client")
}
