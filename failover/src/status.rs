//! What a supervisor knows, for people and programs.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::config::Sites;
use crate::core::Core;
use crate::core::clock::Moment;
use crate::core::record::Lock;

/// `GET /status`, and one line of `failover status`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// Who tells this.
    pub site: String,
    /// Its state.
    pub state: String,
    /// Whether it leads, at the time of the answer.
    pub leads: bool,
    /// The epoch of its term.
    pub epoch: Option<u64>,
    /// How much of the lease is left, in seconds.
    pub lease_left_seconds: Option<f64>,
    /// The site that holds the record.
    pub leader: Option<String>,
    /// For how long the record has looked as it does, in seconds.
    pub record_age_seconds: Option<f64>,
    /// A client of the plain lock holds it.
    pub old_client: bool,
    /// Since when it is in this state, in seconds.
    pub since_seconds: f64,
    /// How the bot is contained.
    pub containment: String,
    /// All sites, in the order of the list.
    pub sites: Vec<Peer>,
}

/// One site as seen from another.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    pub site: String,
    /// What its heartbeat says of its state.
    pub state: Option<String>,
    /// Whether it may be given the bot.
    pub ready: Option<bool>,
    /// For how long its heartbeat has not moved, in seconds.
    pub heartbeat_age_seconds: Option<f64>,
}

/// The present status, with deadlines instead of what is left, so that it is right whenever it is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<Entry>>);

#[derive(Debug, Default)]
struct Entry {
    status: Status,
    leads_until: Option<Moment>,
    lease_end: Option<Moment>,
    since: Moment,
    seen: Moment,
}

#[expect(clippy::cast_precision_loss, reason = "seconds, for people")]
fn seconds(micros: i64) -> f64 {
    (micros as f64 / 1e6 * 1000.0).round() / 1000.0
}

impl Board {
    pub fn update(&self, core: &Core, sites: &Sites, leads_until: Option<Moment>, containment: &str) {
        let now = clock::now();
        let mut entry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = core.phase().as_str();
        if entry.status.state != state {
            entry.since = now;
        }
        let peers = sites.all().map(|site| {
            let seen = core.heartbeat(site, now);
            let phase =
                |beat: u8| crate::core::Phase::ALL.get(usize::from(beat)).map(|phase| phase.as_str().to_owned());
            Peer {
                site: sites.name(site).to_owned(),
                state: seen.and_then(|(beat, _)| phase(beat.phase)),
                ready: seen.map(|(beat, _)| beat.ready),
                heartbeat_age_seconds: seen.map(|(_, age)| seconds(age.as_micros())),
            }
        });
        entry.status = Status {
            site: sites.my_name().to_owned(),
            state: state.to_owned(),
            leads: false,
            epoch: core.epoch(),
            lease_left_seconds: None,
            leader: core.leader().map(|site| sites.name(site).to_owned()),
            record_age_seconds: core.record().map(|(_, since)| seconds((now - since).as_micros())),
            old_client: core.lock() == Lock::Foreign,
            since_seconds: 0.0,
            containment: containment.to_owned(),
            sites: peers.collect(),
        };
        (entry.leads_until, entry.lease_end, entry.seen) = (leads_until, core.lease_end(), now);
    }

    /// The status at this moment.
    pub fn read(&self) -> Status {
        let now = clock::now();
        let entry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut status = entry.status.clone();
        let passed = seconds((now - entry.seen).as_micros());
        status.leads = entry.leads_until.is_some_and(|until| now < until);
        status.lease_left_seconds = entry.lease_end.map(|end| seconds((end - now).as_micros()));
        status.since_seconds = seconds((now - entry.since).as_micros());
        status.record_age_seconds = status.record_age_seconds.map(|age| age + passed);
        for peer in &mut status.sites {
            peer.heartbeat_age_seconds = peer.heartbeat_age_seconds.map(|age| age + passed);
        }
        status
    }
}
