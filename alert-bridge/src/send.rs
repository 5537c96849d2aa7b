//! `alert-bridge send`: one note from a script, a cron job or a person, and none is lost.
//!
//! ```text
//! note ─▶ the bridge that runs ── away? ─▶ the receivers themselves ── unreachable? ─▶ spool, on this machine
//!           on its disk: done                somebody was told: done                   goes out with the next one
//! ```
//!
//! The bridge comes first because it folds, routes and remembers. Only when it certainly has not got the note do we tell people
//! ourselves: after a lost answer nobody knows, so the note waits and is handed over again under the same key.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use reqwest::Url;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::config::{Config, Named};
use crate::handover::{Denied, Handover};
use crate::metrics::Metrics;
use crate::receiver::discord::Shared;
use crate::receiver::settings::Place;
use crate::receiver::{Answer, Deed, Receiver, build};
use crate::spool::{Letter, Spool};

/// Nobody waits behind a script, so it may wait longer than Alertmanager does.
const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long what waited may hold up what is new.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);

/// How a note is sent.
pub struct Way {
    /// The bridge, as in `http://127.0.0.1:9096`.
    pub bridge: Url,
    /// Where what cannot be sent waits.
    pub spool: Spool,
}

/// What became of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The bridge has it on its disk.
    ToTheBridge,
    /// These receivers have it.
    ToReceivers(Vec<String>),
    /// It waits in this file; why.
    Kept(PathBuf, String),
}

/// Sends `letter`, and before it what waited.
///
/// # Errors
/// When it is refused for good, or cannot even wait.
pub async fn send(config: &Config, way: &Way, letter: &Letter) -> anyhow::Result<Sent> {
    let bridge = Handover::new(&way.bridge, config.token.clone())?;
    flush(&bridge, &way.spool).await;
    let why = match bridge.hand_over(letter).await {
        Ok(()) => return Ok(Sent::ToTheBridge),
        Err(never @ Denied::Never(_)) => return Err(never.into()),
        Err(denied) => denied,
    };
    let certain = matches!(why, Denied::Away(..) | Denied::Later(_) | Denied::Token(_));
    let mut reasons = vec![why.to_string()];
    if certain {
        match directly(config, letter, None).await {
            Ok(names) => return Ok(Sent::ToReceivers(names)),
            Err(trouble) => reasons.extend(trouble),
        }
    }
    let path = way.spool.put(letter)?;
    Ok(Sent::Kept(path, reasons.join("; ")))
}

/// Hands over what waits, for a few seconds at most; returns how many notes the bridge has now.
pub async fn flush(bridge: &Handover, spool: &Spool) -> usize {
    let until = Instant::now() + FLUSH_PATIENCE;
    let Ok(waiting) = spool.waiting() else { return 0 };
    // Nothing waits, or somebody else is at it.
    let Some(_lock) = (if waiting.is_empty() { None } else { spool.lock() }) else { return 0 };
    let mut handed = 0;
    for path in waiting {
        if Instant::now() > until {
            break;
        }
        let letter = match spool.read(&path) {
            Ok(Some(letter)) => letter,
            Ok(None) => continue,
            Err(trouble) => {
                warn!("{trouble}");
                continue;
            }
        };
        match bridge.hand_over(&letter).await {
            Ok(()) => handed += 1,
            Err(Denied::Never(reason)) => warn!("a note that waited is refused and dropped: {reason}"),
            Err(_) => break,
        }
        if let Err(trouble) = spool.remove(&path) {
            warn!("{trouble}");
        }
    }
    handed
}

/// Tells `letter` to `receivers`, or to those that it is for, without a bridge; returns which of them have it.
///
/// # Errors
/// When none has.
pub async fn deliver(config: &Config, letter: &Letter, receivers: Option<&[String]>) -> anyhow::Result<Vec<String>> {
    directly(config, letter, receivers)
        .await
        .map_err(|trouble| anyhow!(trouble.unwrap_or_else(|| "there is no receiver but the terminal".to_owned())))
}

/// One that was told is enough.
async fn directly(
    config: &Config,
    letter: &Letter,
    receivers: Option<&[String]>,
) -> Result<Vec<String>, Option<String>> {
    // Nobody scrapes a process that lives for seconds.
    let metrics = Metrics::register(&mut Registry::default());
    let shared = Arc::new(Shared::new(config.channel_rate));
    let names = match receivers {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => config.routing.of_note(&letter.note, Timestamp::now()),
    };
    let (mut told, mut trouble) = (Vec::new(), None);
    for name in names {
        let Some(named) = config.places.iter().find(|named| named.name == name) else { continue };
        // What is printed here has not been told to anybody.
        if matches!(named.place, Place::Terminal) {
            continue;
        }
        match tell(config, named, letter, &shared, &metrics).await {
            Ok(()) => told.push(name.to_owned()),
            Err(reason) => trouble = Some(format!("{name}: {reason}")),
        }
    }
    if told.is_empty() { Err(trouble) } else { Ok(told) }
}

async fn tell(
    config: &Config,
    named: &Named,
    letter: &Letter,
    shared: &Arc<Shared>,
    metrics: &Metrics,
) -> Result<(), String> {
    let built = build::receiver(named.place.clone(), named.config.templates.clone(), shared, metrics);
    let receiver = built.map_err(|error| format!("{error:#}"))?;
    let mut message = letter.note.message(named.config.language.unwrap_or(config.language));
    message.delivery.clone_from(&letter.key);
    settle(receiver.as_ref(), &[message]).await
}

/// Posts until the place has said yes or no, or patience ends.
async fn settle(receiver: &dyn Receiver, messages: &[crate::message::Message]) -> Result<(), String> {
    let (until, mut pause) = (Instant::now() + PATIENCE, FIRST_PAUSE);
    loop {
        let (again, trouble) = match receiver.post(messages).await {
            Answer::Done { .. } => return Ok(()),
            Answer::Wait => {
                let open = receiver.opens_at(Deed::Post);
                (open, format!("it asks to wait {} s", (open - Instant::now()).as_secs_f64().ceil()))
            }
            Answer::Trouble(reason) => {
                let again = Instant::now() + pause;
                pause *= 2;
                (again, format!("it could not be reached: {reason}"))
            }
            Answer::Dead(reason) => return Err(format!("it is gone: {reason}")),
            Answer::Refused(reason) => return Err(format!("it refused the message: {reason}")),
            Answer::Gone | Answer::TooOld(_) => return Err("it answered as if to an edit".to_owned()),
        };
        if again > until {
            return Err(trouble);
        }
        sleep_until(again).await;
    }
}
