//! What a supervisor finds on its host: the place of its state, and chance.

use std::path::PathBuf;

use crate::config::{Config, Sites};

/// The file of a site: of root below /var/lib, of others in their own home.
pub(super) fn state_file(config: &Config, sites: &Sites) -> PathBuf {
    if let Some(path) = &config.state {
        return path.clone();
    }
    let name = format!("failover-{}-{}.json", config.namespace.replace(':', "_"), sites.my_name());
    let own = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    let home = || {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        state.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))
    };
    let directory = own.unwrap_or_else(|| {
        if rustix::process::geteuid().is_root() {
            return PathBuf::from("/var/lib/noroshi");
        }
        home().unwrap_or_else(std::env::temp_dir).join("noroshi")
    });
    directory.join(name)
}

/// A number that no other supervisor has.
pub(super) fn random() -> anyhow::Result<u64> {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; 8];
    let filled = ring::rand::SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| anyhow::anyhow!("the system has no randomness"))?;
    Ok(u64::from_ne_bytes(bytes) | 1)
}
