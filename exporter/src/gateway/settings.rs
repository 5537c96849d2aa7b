//! What is said about a gateway, and how that is called.

use std::path::PathBuf;

use super::backfill::BackfillUrl;
use super::target::GatewayUrl;
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

/// How the settings of a server are called, for errors that say what to look at.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// Where it is.
    pub url: &'static str,
    /// Whom we say that we are.
    pub credentials: &'static str,
    /// Whose certificate will do.
    pub ca_file: &'static str,
    /// What it stands in front of, if it is a proxy.
    pub behind: &'static str,
}

/// Of the gateway that takes pushes.
pub static OF_PUSHES: Names = Names {
    url: "PUSHGATEWAY_URL",
    credentials: "PUSHGATEWAY_USER and PUSHGATEWAY_PASSWORD",
    ca_file: "PUSHGATEWAY_CACERT",
    behind: "the Pushgateway",
};

/// Of the store that takes pages of the past.
pub static OF_THE_STORE: Names = Names {
    url: "exporter.buffer.backfill_url",
    credentials: "exporter.buffer.user and exporter.buffer.password_file",
    ca_file: "exporter.buffer.ca_file",
    behind: "the store",
};
