//! How settings are called, for errors that say what to look at.

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
