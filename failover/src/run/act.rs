//! What the core wants done, carried out; and what others may see of it.

use tracing::{error, warn};

use super::Supervisor;
use crate::bot::Order;
use crate::clock;
use crate::core::clock::Moment;
use crate::core::event::{Action, Event};
use crate::core::record::Request;
use crate::probe;

impl Supervisor {
    pub(super) fn show(&self) {
        let now = clock::now();
        let leads_until = self.core.lease_end().filter(|_| self.core.leads(now)).map(|end| self.timing.stop_at(end));
        self.board.update(&self.core, &self.sites, leads_until, self.recipe.containment.as_str());
        let metrics = &self.metrics;
        metrics.is_in(self.core.phase());
        metrics.leads.set(i64::from(leads_until.is_some()));
        metrics.epoch.set(i64::try_from(self.core.highest_epoch()).unwrap_or(i64::MAX));
        let left = self.core.lease_end().map_or(0.0, |end| (end - now).to_duration().as_secs_f64());
        metrics.lease_left.set(left);
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Send(id, request) => self.call(id, request),
            Action::Disconnect => {
                if let Some(call) = self.calling.take() {
                    call.abort();
                }
                self.link.disconnect();
            }
            Action::Arm(at) => self.order(Order::Arm(at)),
            Action::Start { epoch } => {
                self.metrics.starts.inc();
                self.order(Order::Start { epoch });
            }
            Action::Terminate => self.order(Order::Terminate),
            Action::Kill => self.order(Order::Kill),
            Action::Tell(notice) => self.tell(notice),
        }
    }

    fn order(&self, order: Order) {
        // Its receiver lives as long as we do.
        let _ = self.orders.send(order);
    }

    fn call(&mut self, id: u64, request: Request) {
        let (link, events, metrics) = (self.link.clone(), self.events.clone(), self.metrics.clone());
        self.calling = Some(tokio::spawn(async move {
            let begin = tokio::time::Instant::now();
            let event = match link.call(&request).await {
                Ok(answer) => Event::Answered(id, answer),
                Err(error) => {
                    tracing::debug!("Redis: {error}");
                    Event::Unanswered(id)
                }
            };
            metrics.round_trip.set(begin.elapsed().as_secs_f64());
            let _ = events.send(event);
        }));
    }

    /// Looks whether the bot is well, beside everything else: a page that hangs must not hold up a renewal.
    pub(super) fn probe(&mut self) {
        self.probe_at = clock::now() + self.config.probe.every.into();
        if self.probing.is_none() {
            let probe = self.config.probe.clone();
            self.probing = Some(tokio::spawn(async move { probe::trouble(&probe).await }));
        }
    }

    /// A bot that hangs is killed; then it is as if it had ended by itself.
    pub(super) fn probed(&mut self, trouble: Option<String>) {
        let Some(reason) = trouble else {
            self.failures = 0;
            return;
        };
        self.failures += 1;
        let (name, limit) = (&self.recipe.name, self.config.probe.failures);
        warn!("{name} does not look well ({reason}): {} of {limit}", self.failures);
        if self.failures >= limit {
            error!("{name} hangs and is killed");
            self.probe_at = Moment::NEVER;
            self.order(Order::Kill);
        }
    }
}
