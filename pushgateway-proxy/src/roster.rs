//! The allowlist as it is at this moment: what stands in the configuration and its file, and what names resolve to.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::allowlist::{Allowlist, Entry, Range};
use crate::stamp::Stamp;

/// Time for one name to be resolved.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// A name with more addresses than this is no host's.
const ADDRESSES_EACH: usize = 16;

/// Knows who may knock now.
pub struct Roster {
    configured: Allowlist,
    file: Option<PathBuf>,
    now: RwLock<Arc<Now>>,
}

#[derive(Default)]
struct Now {
    ranges: Vec<Range>,
    names: Vec<String>,
    /// What each name resolved to last. A name server that is down takes nobody off the list.
    resolved: HashMap<String, Vec<IpAddr>>,
}

impl Roster {
    /// Takes the configured list and that of `file`, if there is one. Names count from [`Roster::resolve`] on.
    ///
    /// # Errors
    /// When the file cannot be read, or a line of it is neither address nor range nor name.
    pub fn load(configured: Allowlist, file: Option<PathBuf>) -> anyhow::Result<Self> {
        let roster = Self { configured, file, now: RwLock::default() };
        roster.read()?;
        Ok(roster)
    }

    /// Returns whether `client` may knock.
    #[must_use]
    pub fn allows(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        let now = self.current();
        now.ranges.iter().any(|range| range.contains(client))
            || now.names.iter().any(|name| now.resolved.get(name).is_some_and(|known| known.contains(&client)))
    }

    /// Returns when the file was last changed, as far as the system tells.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of(&self.file)
    }

    /// Reads the file again. A broken one changes nothing.
    pub(crate) fn reload(&self) {
        match self.read() {
            Ok(()) => info!("the allowlist changed: {} may knock from now on", self.describe()),
            Err(error) => error!("the allowlist stays as it was, because {error:#}"),
        }
    }

    /// Returns whether there are names to be resolved.
    pub(crate) fn has_names(&self) -> bool {
        !self.current().names.is_empty()
    }

    /// Asks for the addresses of all names, side by side.
    pub async fn resolve(&self) {
        let mut asked = tokio::task::JoinSet::new();
        for name in self.current().names.clone() {
            asked.spawn(async move {
                let found = timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name.as_str(), 0))).await;
                let found = found.map_err(std::io::Error::from).flatten();
                let found = found.map(|found| {
                    found.map(|address| address.ip().to_canonical()).take(ADDRESSES_EACH).collect::<Vec<_>>()
                });
                (name, found)
            });
        }
        let mut resolved = self.current().resolved.clone();
        while let Some(answer) = asked.join_next().await {
            let Ok((name, found)) = answer else { continue };
            match found {
                Ok(found) if resolved.get(&name) != Some(&found) => {
                    info!("{name} on the allowlist has {} address(es) now: {found:?}", found.len());
                    resolved.insert(name, found);
                }
                Ok(_) => {}
                Err(error) => {
                    let kept = resolved.get(&name).map_or(0, Vec::len);
                    warn!("cannot resolve {name} on the allowlist ({error}); {kept} address(es) of it stay");
                }
            }
        }
        let now = self.current();
        resolved.retain(|name, _| now.names.contains(name));
        self.replace(Now { ranges: now.ranges.clone(), names: now.names.clone(), resolved });
    }

    /// Says who may knock, in the operator's words.
    #[must_use]
    pub fn describe(&self) -> String {
        let now = self.current();
        let ranges = now.ranges.iter().map(ToString::to_string);
        ranges.chain(now.names.iter().cloned()).collect::<Vec<_>>().join(", ")
    }

    fn read(&self) -> anyhow::Result<()> {
        let listed = self.file.as_deref().map(read_file).transpose()?;
        let entries = self.configured.entries().iter().chain(listed.as_ref().map_or(&[][..], Allowlist::entries));
        let mut now = Now { resolved: self.current().resolved.clone(), ..Now::default() };
        for entry in entries {
            match entry {
                Entry::Range(range) => now.ranges.push(*range),
                Entry::Name(name) => now.names.push(name.clone()),
            }
        }
        ensure!(!now.ranges.is_empty() || !now.names.is_empty(), "the allowlist is empty, so nobody could push");
        self.replace(now);
        Ok(())
    }

    fn replace(&self, now: Now) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
    }

    fn current(&self) -> Arc<Now> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read_file(path: &Path) -> anyhow::Result<Allowlist> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the allowlist {}", path.display()))?;
    Allowlist::parse(&text).map_err(|(line, error)| anyhow::anyhow!("{}: line {line}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_is_this_machine_and_the_networks_of_docker() {
        let roster = Roster::load(Allowlist::default(), None).unwrap();
        for inside in ["127.0.0.1", "::1", "172.16.0.1", "172.31.255.255", "::ffff:127.0.0.1"] {
            assert!(roster.allows(ip(inside)), "{inside}");
        }
        for outside in ["127.0.0.2", "172.32.0.1", "172.15.255.255", "10.0.0.1", "192.168.1.1", "::2", "203.0.113.7"] {
            assert!(!roster.allows(ip(outside)), "{outside}");
        }
    }

    #[tokio::test]
    async fn a_changed_file_counts_and_a_broken_one_does_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "203.0.113.7\n").unwrap();
        let configured = Allowlist::parse("10.0.0.0/8").unwrap();
        let roster = Roster::load(configured, Some(file.path().to_owned())).unwrap();
        assert!(roster.allows(ip("203.0.113.7")) && roster.allows(ip("10.1.1.1")));
        let before = roster.stamp();

        std::fs::write(&file, "203.0.113.8\nnonsense\n").unwrap();
        assert_ne!(roster.stamp(), before);
        roster.reload();
        assert!(roster.allows(ip("203.0.113.7")));

        std::fs::write(&file, "203.0.113.8\n").unwrap();
        roster.reload();
        assert!(roster.allows(ip("203.0.113.8")) && !roster.allows(ip("203.0.113.7")));
        assert_eq!(roster.describe(), "10.0.0.0/8, 203.0.113.8/32");
    }

    #[tokio::test]
    async fn a_name_counts_once_it_is_resolved_and_keeps_its_address_when_it_cannot_be() {
        let roster = Roster::load(Allowlist::parse("dyn.example.invalid").unwrap(), None).unwrap();
        assert!(roster.has_names() && !roster.allows(ip("203.0.113.7")));
        let resolved = [("dyn.example.invalid".to_owned(), vec![ip("203.0.113.7")])].into_iter().collect();
        let names = roster.current().names.clone();
        roster.replace(Now { ranges: Vec::new(), names, resolved });
        assert!(roster.allows(ip("203.0.113.7")) && roster.allows(ip("::ffff:203.0.113.7")));

        // The name is reserved, so that no server knows it.
        roster.resolve().await;

        assert!(roster.allows(ip("203.0.113.7")));
    }

    #[test]
    fn a_roster_of_nobody_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let nobody = Allowlist::parse("").unwrap();
        assert!(Roster::load(nobody.clone(), Some(file.path().to_owned())).is_err());
        assert!(Roster::load(nobody, None).is_err());
    }
}
