//! Turns Alertmanager's webhooks into messages for people, and loses none of them on the way.
//!
//! ```text
//! Alertmanager ── POST /alertmanager ──▶ server ──▶ intake ──▶ outbox (on disk) ──▶ sender ──▶ receiver ──▶ Discord
//!       ▲                                  read       route,      events, cards       one for     posts,
//!       └── 200 on disk · 503 not yet · 400 never ◀── key                             each        edits
//! ```
//!
//! [`AlertBridge::build`] opens the outbox and binds the listener, [`AlertBridge::run`] serves until asked to stop. A webhook
//! is answered 200 only once it is on disk. From there on it is told, through restarts, rate limits and hours of outage:
//! once as far as the receiver's interface allows, many in one message when many wait, and as one card for each incident,
//! which is edited when something about it changes.

pub mod clock;
mod compose;
mod config;
pub mod data;
mod figures;
mod fires;
pub mod handover;
pub mod incident;
pub mod intake;
mod kind;
mod language;
mod message;
mod metrics;
pub mod note;
pub mod outbox;
pub mod receiver;
mod report;
pub mod routing;
mod scope;
pub mod send;
pub mod sender;
mod server;
pub mod spool;
mod template;
mod text;
mod watchdog;
mod webhook;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use daemon::{CancellationToken, listen};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::info;

pub use crate::compose::{Seen, View, compose};
pub use crate::config::{Config, ConfigError, Named, TOKEN_VARIABLE, WEBHOOK_VARIABLE};
pub use crate::kind::{Level, LinkKind, Occasion, State};
pub use crate::language::Language;
pub use crate::message::{Entry, Label, Link, Message, Picture};
pub use crate::metrics::Metrics;
pub use crate::report::Reporter;
pub use crate::webhook::{Alert, Labels, NotUnderstood, Status, Webhook, parse};

use crate::clock::Clock;
use crate::fires::Fires;
use crate::intake::Intake;
use crate::outbox::{Opened, Outbox};
use crate::receiver::build;
use crate::receiver::discord::Shared;
use crate::report::Reports;
use crate::sender::{Post, Sender, Source};
use crate::server::Bridge;
use crate::spool::Spool;
use crate::watchdog::Watchdog;

/// The bridge, bound and ready to serve.
pub struct AlertBridge {
    listener: TcpListener,
    intake: Intake,
    token: Option<SecretString>,
    spool: Option<Spool>,
    senders: Vec<(String, Sender)>,
    watchdog: Watchdog,
    reports: Option<Reports>,
    metrics: Metrics,
}

impl AlertBridge {
    /// Prepares everything that may fail before the first webhook: outbox, receivers, listener.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub async fn build(config: Config, registry: &mut Registry) -> anyhow::Result<Self> {
        let (outbox, opened) = match &config.data {
            Some(directory) => {
                info!("what waits to be told is kept in {}", directory.display());
                Outbox::open(directory)?
            }
            None => (Outbox::in_memory()?, Opened::default()),
        };
        let metrics = Metrics::register(registry);
        let posts = posts(&config, &metrics)?;
        let routing = config.routing.clone();
        let clock = Clock::System;
        let intake = Intake::new(outbox.clone(), routing, config.incidents, clock, metrics.clone());
        if let Some(aside) = &opened.set_aside {
            let note = config.language.outbox_was_damaged(&aside.display().to_string(), Timestamp::now());
            intake.note(&note).await.context("cannot write into the new outbox")?;
        }
        let source = config.alertmanager_url.clone().map(|url| Fires::new(url, clock)).transpose()?.map(Arc::new);
        let senders = posts.into_iter().map(|post| {
            metrics.expect_receiver(&post.name);
            let name = post.name.clone();
            let sender = Sender::new(post, config.incidents, outbox.clone(), intake.clone(), clock, metrics.clone());
            let asking = |source: &Arc<Fires>| Arc::clone(source) as Arc<dyn Source>;
            (name, source.as_ref().map(asking).into_iter().fold(sender, Sender::asking))
        });
        let senders = senders.collect();
        let reporter = Reporter::new(&config)?;
        let watchdog = Watchdog::open(config.watchdog, intake.clone(), outbox.clone(), clock, metrics.clone()).await?;
        let known: Vec<&str> = intake.routing().receivers().collect();
        let strangers = config.report.receivers.iter().flatten().find(|name| !known.contains(&name.as_str()));
        if let Some(stranger) = strangers {
            bail!("bridge.report.receivers: there is no receiver `{stranger}`; there are {}", known.join(", "));
        }
        let reports = Reports::new(reporter, intake.clone(), outbox, clock, metrics.clone());
        let listener = listen::bind(config.listen, "webhooks").await?;
        let spool = config.notify.spool.map(Spool::new);
        Ok(Self { listener, intake, token: config.token, spool, senders, watchdog, reports, metrics })
    }

    /// Returns the address bound, which tells the port when port 0 was asked for.
    ///
    /// # Errors
    /// When the system does not know the socket any more.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`. What is being accepted or told then is finished; what waits is told after the next start.
    ///
    /// # Errors
    /// When the listener breaks or the outbox is damaged.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { listener, intake, token, spool, senders, watchdog, reports, metrics } = self;
        info!("webhooks are welcome at http://{}/alertmanager", listener.local_addr()?);
        let mut parts = JoinSet::new();
        for (name, sender) in senders {
            let run = sender.run(stop.clone());
            parts.spawn(async move { run.await.with_context(|| format!("the sender for `{name}` failed")) });
        }
        if let Some(reports) = reports {
            let run = reports.run(stop.clone());
            parts.spawn(async move {
                run.await;
                Ok(())
            });
        }
        if let Some(spool) = spool {
            let run = spool::pick_up(spool, intake.clone(), stop.clone());
            parts.spawn(async move {
                run.await;
                Ok(())
            });
        }
        let run = watchdog.clone().run(stop.clone());
        parts.spawn(async move {
            run.await;
            Ok(())
        });
        let router = server::router(Bridge::new(intake, watchdog, metrics, stop.clone()).asking_for(token));
        let serve = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        parts.spawn(async move { serve.await.context("the listener failed") });
        while let Some(ended) = parts.join_next().await {
            ended.map_err(|panic| anyhow!("a part of the bridge panicked: {panic}")).flatten()?;
        }
        Ok(())
    }
}

/// Prepares the receivers that are configured; without any, the terminal.
fn posts(config: &Config, metrics: &Metrics) -> anyhow::Result<Vec<Post>> {
    let shared = Arc::new(Shared::new(config.channel_rate));
    let posts = config.places.iter().map(|Named { name, place, config: receiver }| {
        info!("the receiver `{name}` is {place}");
        let built = build::receiver(place.clone(), receiver.templates.clone(), &shared, metrics);
        Ok(Post {
            name: name.clone(),
            receiver: built.with_context(|| format!("cannot prepare the receiver `{name}`"))?,
            language: receiver.language.unwrap_or(config.language),
            fallback_after: receiver.fallback_after,
        })
    });
    posts.collect()
}
