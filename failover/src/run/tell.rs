//! What the core has to tell, in the log, to the lost hook and to people.

use tracing::{error, info, warn};

use super::Supervisor;
use crate::clock;
use crate::core::clock::Moment;
use crate::core::event::{Leave, Loss, Notice};
use crate::core::record::Site;
use crate::hooks::Hook;
use crate::language::Language;
use crate::notify::Note;

impl Supervisor {
    pub(super) fn tell(&mut self, notice: Notice) {
        let name = |site: Option<Site>| site.map(|site| self.sites.name(site).to_owned());
        let bot = self.recipe.name.clone();
        match notice {
            Notice::Leads { epoch, from, why } => {
                self.metrics.changes.inc();
                let (me, from) = (self.sites.my_name().to_owned(), name(from).filter(|from| from != "?"));
                let language = self.config.notify.language;
                let gap = clock::now() - self.gap_since;
                info!(
                    failover.epoch = epoch,
                    "{me} leads under epoch {epoch}: {}",
                    Language::En.why(why, from.as_deref())
                );
                if from.as_deref() == Some(&*me) {
                    return; // Where it was before: nothing for people.
                }
                let mut fields = Vec::new();
                if let Some(from) = &from {
                    fields.push((language.field("from").to_owned(), from.clone()));
                }
                fields.push((language.field("to").to_owned(), me.clone()));
                fields.push((language.field("epoch").to_owned(), epoch.to_string()));
                if self.had_leader {
                    fields.push((language.field("gap").to_owned(), gap.to_string()));
                }
                let (title, text) = (language.title(&bot, &me), language.why(why, from.as_deref()));
                let key = format!("failover:{}:{epoch}", self.config.namespace);
                let _ = self.notes.send(Note::new(title, text, fields, key));
            }
            Notice::Leaves { to, why } => {
                let to = name(to).unwrap_or_else(|| "whoever is first".to_owned());
                let why = match why {
                    Leave::Preferred => "a better site is back",
                    Leave::Stopping => "this supervisor was asked to end",
                    Leave::SteppedDown => "an operator asked for it",
                    Leave::FailedStarts => "it cannot be started here",
                    Leave::LeaseAtRisk => "Redis does not answer and the lease runs out",
                };
                info!("{bot} is given to {to}: {why}");
            }
            Notice::Lost(loss) => {
                self.metrics.lost.inc();
                let epoch = self.core.highest_epoch();
                let why = match loss {
                    Loss::LeaseOver => "the lease is over",
                    Loss::OtherHolder => "another holder was seen",
                    Loss::OldClient => "a client of the plain lock holds it",
                };
                warn!("the lease is lost: {why}");
                let hook = Hook {
                    name: "lost",
                    command: self.config.hooks.lost.clone(),
                    timeout: self.config.hooks.timeout,
                    site: self.sites.my_name().to_owned(),
                };
                tokio::spawn(async move { hook.run(epoch, Moment::NEVER).await });
            }
            Notice::Restarts(pause) => warn!("{bot} is started again in {pause}"),
            Notice::GaveUp => error!("{bot} cannot be kept running here, another site shall have it"),
            Notice::RedisRestarted => warn!("Redis was restarted"),
            Notice::Duplicate => error!(
                "another supervisor says that it is site {}: give each its own SITE_ID; neither can do harm meanwhile",
                self.sites.my_name()
            ),
            Notice::DuplicateGone => info!("no other supervisor uses our site's name any more"),
            Notice::OldClient => warn!(
                "{} is held by a client of the plain lock: no bot of ours starts while it is; stop that client to finish the move",
                self.link.keys().leader()
            ),
            Notice::NoSuccessor => warn!("nobody is ready to take the bot over, so it stays"),
            Notice::OfferLapsed(site) => warn!("{} was offered the bot and did not answer", self.sites.name(site)),
        }
    }
}
