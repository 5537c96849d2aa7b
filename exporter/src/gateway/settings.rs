//! What is said about a gateway and a store.

use std::path::PathBuf;

use super::target::{BackfillUrl, GatewayUrl};
use crate::settings::Timeout;

/// What the configuration file says about the gateway that takes pushes.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where it is, with or without our group.
    pub url: Option<GatewayUrl>,
    /// Value of the label `job` when the URL leaves it open.
    pub job: Option<String>,
    /// Value of the label `instance` when the URL leaves it open.
    pub instance: Option<String>,
    /// Name for Basic Auth.
    pub user: Option<String>,
    /// File that holds the password for Basic Auth.
    pub password_file: Option<PathBuf>,
    /// PEM file with the only certificates that we trust.
    pub ca_file: Option<PathBuf>,
    /// Whether to push to whoever answers.
    pub insecure: bool,
    /// How long a push may take.
    pub timeout: Timeout,
}

/// What the configuration file says about the store that takes pages of the past.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Where it is.
    pub url: BackfillUrl,
    /// Name for Basic Auth.
    pub user: Option<String>,
    /// File that holds the password for Basic Auth.
    pub password_file: Option<PathBuf>,
    /// PEM file with the only certificates that we trust.
    pub ca_file: Option<PathBuf>,
}
