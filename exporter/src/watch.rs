//! What an operator wants to be there: processes, units, ports, pages, heartbeats, bots.
//!
//! ```text
//! exporter.watch: ── Watches::build ──▶ Watches ── look ──▶ page
//!                                        │ side by side, each with its own time-out
//!          /proc · systemctl show · connections · files' ages · bots' /health
//! ```
//!
//! [`Watches::look`] takes as long as the slowest of its watches, and each of those is bounded. That something watched is
//! not well is a figure and no warning; a warning is that it could not be looked at. Only the host's own configuration
//! file says what is asked here: nothing that comes over the network can.
//!
//! Every series bears the label `bot`, if there is a name for it, but for `node_systemd_*`: to those, dashboards join
//! other `node_*` series by labels.

mod address;
mod bot;
mod config;
mod fetch;
mod heartbeat;
mod labels;
mod memory;
mod pattern;
mod probe;
mod processes;
mod reply;
mod together;
mod trust;
mod units;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::config::Environment;
use exposition::Families;

use self::bot::Health;
use self::config::{Bot, Heartbeat, Process, UnitName};
pub use self::config::{Config, Timeout};
use self::memory::Memory;
use self::probe::Probe;
use self::processes::Look;
use self::together::all;
use self::trust::Trusts;
use self::units::Systemctl;
use crate::aside::Aside;
use crate::host::Host;

/// How long a pass over /proc may take. A process whose memory the kernel has locked lets nobody read its command line.
const SCAN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the ages of files may take: one may lie on a network share whose server has gone.
const HEARTBEATS_TIMEOUT: Duration = Duration::from_secs(5);

/// All that is watched on this host.
#[derive(Debug, Default)]
pub struct Watches {
    host: Host,
    /// Value of the label `bot` where a watch names none.
    bot: Option<String>,
    processes: Arc<[Process]>,
    units: Vec<UnitName>,
    probes: Vec<Probe>,
    heartbeats: Arc<[Heartbeat]>,
    bots: Vec<Bot>,
    systemctl: Systemctl,
    trusts: Trusts,
    memory: Mutex<Memory>,
    scanning: Aside,
    ageing: Aside,
}

/// What a kind of watch has for the page.
type Result = anyhow::Result<Families>;

/// The same, and what is to be said of single watches that could not be looked at.
type Partly = (Result, Vec<String>);

impl Watches {
    /// Takes from `config` what to watch. Touches nothing yet.
    ///
    /// What the processes did is remembered beside the `state` file of the exporter.
    #[must_use]
    pub fn build(config: &Config, host: Host, environment: &Environment, state: Option<&Path>) -> Self {
        let Config { processes, units, tcp, http, heartbeats, bots } = config.clone();
        let tcp = tcp.into_vec().into_iter().map(Probe::Tcp);
        let http = http.into_vec().into_iter().map(Probe::Http);
        Self {
            host,
            // A name that is no text is no label either.
            bot: environment.text("BOT_NAME").ok().flatten(),
            processes: processes.into_vec().into(),
            units: units.into_vec(),
            probes: tcp.chain(http).collect(),
            heartbeats: heartbeats.into_vec().into(),
            bots: bots.into_vec(),
            memory: Mutex::new(Memory::beside(state)),
            ..Self::default()
        }
    }

    /// Looks at everything at once, and puts onto `page` what it saw. What could not be looked at is left out with a word to
    /// `warn`, and `noroshi_exporter_watch_success` says 0 for its kind.
    pub async fn look(&self, page: &mut Families, warn: &mut dyn FnMut(String)) {
        self.probes.iter().for_each(|probe| probe.prepare(&self.trusts));
        if self.bots.iter().any(|bot| bot.health.server.is_tls()) {
            self.trusts.prepare(None, false);
        }
        let mut said = Vec::new();
        let (processes, units, probes, heartbeats, bots) =
            tokio::join!(self.processes(), self.units(), self.probes(), self.heartbeats(), self.bots(),);
        let (probes, untrusting) = probes;
        said.extend(untrusting);
        let kinds: [(&str, bool, Partly); 5] = [
            ("processes", !self.processes.is_empty(), (processes, Vec::new())),
            ("units", !self.units.is_empty(), (units, Vec::new())),
            // A server whose certificates we cannot judge was looked at, and has failed.
            ("probes", !self.probes.is_empty(), (probes, Vec::new())),
            ("heartbeats", !self.heartbeats.is_empty(), heartbeats),
            ("bots", !self.bots.is_empty(), (bots, Vec::new())),
        ];
        for (kind, _, (result, troubles)) in kinds.into_iter().filter(|(_, is_asked, _)| *is_asked) {
            let result = result.and_then(|own| Ok(page.append(own)?));
            let is_whole = result.is_ok() && troubles.is_empty();
            said.extend(troubles);
            if let Err(error) = &result {
                said.push(format!("what is watched of {kind} is left out of this push: {error:#}"));
            }
            let success = page
                .gauge("noroshi_exporter_watch_success", "Whether this kind of watch could be looked at for this push.")
                .and_then(|family| family.add([("watch", kind)], f64::from(u8::from(is_whole))).map(drop));
            said.extend(success.err().map(|error| error.to_string()));
        }
        said.into_iter().for_each(warn);
    }

    /// Keeps what the next run must know of what the last look saw. Trouble with that is told to `warn`.
    pub fn remember(&self, warn: &mut dyn FnMut(String)) {
        if self.processes.is_empty() {
            return;
        }
        if let Err(error) = self.memory().save() {
            warn(format!("the counters of watched processes will fall when one of them leaves: {error:#}"));
        }
    }

    async fn processes(&self) -> Result {
        if self.processes.is_empty() {
            return Ok(Families::new());
        }
        let (host, watches) = (self.host.clone(), Arc::clone(&self.processes));
        // Kept to the end: looks go into the totals in the order in which they were taken.
        let look = self.scanning.run(SCAN_TIMEOUT, move || Look::take(&host, &watches)).await?;
        let look = look.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        self.memory().with_totals(|totals| look.write(&self.processes, self.bot.as_deref(), totals))
    }

    async fn units(&self) -> Result {
        if self.units.is_empty() { Ok(Families::new()) } else { self.systemctl.show(&self.units).await }
    }

    async fn probes(&self) -> Partly {
        let looks = self.probes.iter().map(|probe| probe.look(&self.trusts)).collect();
        let replies = all(looks).await;
        let mut said = Vec::new();
        for (probe, reply) in self.probes.iter().zip(&replies) {
            said.extend(reply.warning.as_ref().map(|warning| format!("probe {}: {warning}", probe.name())));
        }
        (probe::write(&self.probes, &replies, self.bot.as_deref()), said)
    }

    async fn heartbeats(&self) -> Partly {
        if self.heartbeats.is_empty() {
            return (Ok(Families::new()), Vec::new());
        }
        let heartbeats = Arc::clone(&self.heartbeats);
        match self.ageing.run(HEARTBEATS_TIMEOUT, move || heartbeat::ages(&heartbeats)).await {
            Ok(ages) => (
                heartbeat::write(&self.heartbeats, &ages, self.bot.as_deref()),
                heartbeat::troubles(&self.heartbeats, &ages),
            ),
            Err(error) => (Err(error), Vec::new()),
        }
    }

    async fn bots(&self) -> Result {
        let looks = self.bots.iter().map(|bot| Health::ask(bot, &self.trusts)).collect();
        bot::write(&self.bots, &all(looks).await, self.bot.as_deref())
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
