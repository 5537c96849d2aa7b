//! One deed: what is told, and what its answer means for the cards.

use std::time::Duration;

use daemon::CancellationToken;
use jiff::SignedDuration;
use tracing::{error, info, warn};

use super::Sender;
use crate::compose::compose;
use crate::incident::Incident;
use crate::kind::{Occasion, State};
use crate::message::Message;
use crate::outbox::Trouble;
use crate::outbox::card::{Beside, Card, Content, Posted};
use crate::receiver::{Answer, Form};

/// More cards than any message can name.
const FOLD_LIMIT: usize = 400;
/// How long a message is left alone that was refused in every form.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);
/// How long to wait before what was told is noted again, when it could not be.
const NOTE_PAUSE: Duration = Duration::from_secs(1);

/// Whoever had to wait longer than this reads why.
const LATE: SignedDuration = SignedDuration::from_mins(2);

/// What was told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Telling {
    Card,
    Notice,
}

impl Sender {
    /// Posts the cards that have no message yet.
    pub(super) async fn post(&mut self, stop: &CancellationToken) -> Result<(), Trouble> {
        let now = self.clock.now();
        let cards = self.outbox.to_post(&self.name, now, FOLD_LIMIT.min(self.fold)).await?;
        let cards = self.unless_held(cards).await?;
        let (cards, messages) = self.composed(cards, Telling::Card, Self::card).await?;
        self.tell(cards, messages, Telling::Card, stop).await
    }

    /// Posts what is new about cards that have a message: an edit tells nobody.
    pub(super) async fn notice(&mut self, stop: &CancellationToken) -> Result<(), Trouble> {
        let now = self.clock.now();
        let cards = self.outbox.to_notice(&self.name, now, FOLD_LIMIT.min(self.fold)).await?;
        let cards = self.unless_held(cards).await?;
        let (cards, messages) = self.composed(cards, Telling::Notice, Self::news).await?;
        self.tell(cards, messages, Telling::Notice, stop).await
    }

    /// Posts as many of `messages` as one message can tell.
    async fn tell(
        &mut self,
        mut cards: Vec<Card>,
        mut messages: Vec<Message>,
        telling: Telling,
        stop: &CancellationToken,
    ) -> Result<(), Trouble> {
        if messages.is_empty() {
            return Ok(());
        }
        let count = self.receiver.fits(&messages).clamp(1, messages.len());
        cards.truncate(count);
        messages.truncate(count);
        for (message, card) in messages.iter_mut().zip(&cards) {
            let waited = self.clock.now().duration_since(card.changed);
            message.late = Some(waited).filter(|waited| *waited > LATE);
        }
        let answer = self.receiver.post(&messages).await;
        self.settle(answer, cards, &messages, telling, stop).await
    }

    /// Brings a message up to date.
    pub(super) async fn edit(&mut self, message: &Posted, stop: &CancellationToken) -> Result<(), Trouble> {
        let cards = self.outbox.shown_by(message.id).await?;
        let (mut cards, messages) = self.composed(cards, Telling::Card, Self::card).await?;
        let Some(remote) = message.remote.as_deref().filter(|_| !messages.is_empty()) else {
            return self.forget(cards).await;
        };
        match self.receiver.edit(remote, &messages).await {
            Answer::Done { .. } => {
                self.passed().await?;
                self.metrics.edited(&self.name);
                for card in &mut cards {
                    if let Content::Incident(incident) = &mut card.content {
                        incident.edited();
                    }
                }
                self.note_down(stop, || self.outbox.save(&self.name, cards.clone(), Beside::Nothing, self.clock.now()))
                    .await
            }
            Answer::Wait => Ok(()),
            Answer::Trouble(reason) => {
                self.failed(&reason);
                Ok(())
            }
            Answer::Dead(reason) => self.die(reason).await,
            Answer::Gone => {
                info!(bridge.receiver = %self.name, "a message was deleted there, so what it told is posted anew");
                self.forget(cards).await
            }
            Answer::TooOld(pause) => {
                let until = self.clock.now().checked_add(pause).unwrap_or_default();
                self.outbox.edit_later(message.id, until).await?;
                for card in &mut cards {
                    if let Content::Incident(incident) = &mut card.content {
                        incident.edit_refused();
                    }
                }
                self.outbox.save(&self.name, cards, Beside::Nothing, self.clock.now()).await
            }
            Answer::Refused(reason) => {
                error!(bridge.receiver = %self.name, "an edit was refused, so what it would have told is posted anew: {reason}");
                self.metrics.refused(&self.name);
                self.forget(cards).await
            }
        }
    }

    /// Composes what each card has to tell; those that have nothing to tell are done with.
    async fn composed(
        &self,
        cards: Vec<Card>,
        telling: Telling,
        compose: impl Fn(&Self, &Card) -> Option<Message>,
    ) -> Result<(Vec<Card>, Vec<Message>), Trouble> {
        let (mut told, mut messages, mut mute) = (Vec::new(), Vec::new(), Vec::new());
        for mut card in cards {
            match compose(self, &card) {
                Some(message) => {
                    told.push(card);
                    messages.push(message);
                }
                None => {
                    note(&mut card, telling);
                    mute.push(card);
                }
            }
        }
        if !mute.is_empty() {
            self.outbox.save(&self.name, mute, Beside::Nothing, self.clock.now()).await?;
        }
        Ok((told, messages))
    }

    /// The whole of it; where nothing can be edited, what has changed.
    fn card(&self, card: &Card) -> Option<Message> {
        let mut message = match &card.content {
            Content::Note(note) => note.message(self.language),
            Content::Incident(incident) if self.receiver.edits() => {
                compose(incident.whole(group_key(card, incident)), self.language)?
            }
            Content::Incident(incident) => {
                let mut message = compose(incident.changes(group_key(card, incident)), self.language)?;
                message.occasion = match (card.message.is_some(), incident.remind) {
                    (false, _) => Occasion::New,
                    (true, true) => Occasion::Reminder,
                    (true, false) => Occasion::Update,
                };
                message
            }
        };
        self.sign(&mut message, card);
        // What was told before, and is told anew because its message is gone, calls nobody for a second time.
        if let Content::Incident(incident) = &card.content {
            message.newly_firing = incident.newly_firing();
        }
        Some(message)
    }

    /// What is new about it.
    fn news(&self, card: &Card) -> Option<Message> {
        let Content::Incident(incident) = &card.content else { return None };
        let mut message = compose(incident.news(group_key(card, incident)), self.language)?;
        message.occasion = if incident.remind { Occasion::Reminder } else { Occasion::Update };
        message.newly_firing = incident.newly_firing();
        message.silent = matches!(message.state, State::Resolved | State::PartlyResolved | State::Lost);
        message.beside = card.message.as_ref().and_then(|posted| posted.remote.clone());
        self.sign(&mut message, card);
        Some(message)
    }

    fn sign(&self, message: &mut Message, card: &Card) {
        message.incident = format!("{}-{}", card.opened.as_millisecond(), card.id);
        message.delivery = format!("{}-{}", message.incident, card.version);
    }

    async fn settle(
        &mut self,
        answer: Answer,
        mut cards: Vec<Card>,
        messages: &[Message],
        telling: Telling,
        stop: &CancellationToken,
    ) -> Result<(), Trouble> {
        match answer {
            Answer::Done { id, form } => {
                self.passed().await?;
                self.fold = usize::MAX;
                if form == Form::PlainText {
                    self.metrics.refused(&self.name);
                }
                let oldest = cards.iter().map(|card| card.changed).min();
                self.metrics.posted(&self.name, form, oldest.map(|oldest| self.age(oldest)));
                let (firing, resolved) = counts(messages);
                info!(bridge.receiver = %self.name, firing, resolved, "told {firing} firing and {resolved} resolved alerts of {} groups in one message", cards.len());
                cards.iter_mut().for_each(|card| note(card, telling));
                let (name, outbox, clock) = (&self.name, &self.outbox, self.clock);
                match telling {
                    Telling::Card => {
                        self.note_down(stop, || outbox.posted(name, cards.clone(), id.clone(), clock.now())).await
                    }
                    Telling::Notice => {
                        self.note_down(stop, || outbox.save(name, cards.clone(), Beside::Message, clock.now())).await
                    }
                }
            }
            Answer::Wait => Ok(()),
            Answer::Trouble(reason) => {
                self.fold = cards.len();
                self.failed(&reason);
                Ok(())
            }
            Answer::Dead(reason) => self.die(reason).await,
            Answer::Refused(reason) if cards.len() > 1 => {
                warn!(bridge.receiver = %self.name, "a message was refused, so fewer are told in one: {reason}");
                self.metrics.refused(&self.name);
                self.fold = cards.len() / 2;
                Ok(())
            }
            Answer::Refused(reason) => {
                error!(bridge.receiver = %self.name, "a message was refused in every form and is tried again in {REFUSED_PAUSE:?}: {reason}");
                self.metrics.refused(&self.name);
                let until = self.clock.now().checked_add(REFUSED_PAUSE).ok();
                for card in &mut cards {
                    card.hold = until;
                }
                self.outbox.save(&self.name, cards, Beside::Nothing, self.clock.now()).await
            }
            Answer::Gone if telling == Telling::Notice => {
                info!(bridge.receiver = %self.name, "the place of a message was deleted there, so what it told is posted anew");
                self.forget(cards).await
            }
            Answer::Gone | Answer::TooOld(_) => {
                self.failed("the receiver answered a new message as if it were an edit");
                Ok(())
            }
        }
    }

    /// What stood in the channel does so no more: it is told anew.
    async fn forget(&self, mut cards: Vec<Card>) -> Result<(), Trouble> {
        for card in &mut cards {
            card.message = None;
            if let Content::Incident(incident) = &mut card.content {
                incident.message_gone();
            }
        }
        self.outbox.save(&self.name, cards, Beside::Nothing, self.clock.now()).await
    }

    /// Notes what was told, however long it takes: what is told and not noted would be told again.
    async fn note_down<F: Future<Output = Result<(), Trouble>>>(
        &self,
        stop: &CancellationToken,
        note: impl Fn() -> F,
    ) -> Result<(), Trouble> {
        loop {
            match note().await {
                Err(trouble @ (Trouble::Full | Trouble::Crowded | Trouble::Other(_))) if !stop.is_cancelled() => {
                    error!(bridge.receiver = %self.name, "a message was told, and that cannot be noted: {trouble}");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(NOTE_PAUSE) => {}
                    }
                }
                result => return result,
            }
        }
    }

    fn failed(&mut self, reason: &str) {
        let (first, pause) = self.backoff.failed();
        self.metrics.failed(&self.name);
        if first {
            warn!(bridge.receiver = %self.name, "the receiver `{}` cannot be reached and is tried again: {reason}", self.name);
        } else {
            tracing::debug!(bridge.receiver = %self.name, "still no way to the receiver, next try in {pause:?}: {reason}");
        }
    }

    async fn passed(&mut self) -> Result<(), Trouble> {
        self.announce_return().await?;
        if let Some(lasted) = self.backoff.passed() {
            info!(bridge.receiver = %self.name, "the receiver `{}` is reached again after {} s", self.name, lasted.as_secs());
        }
        Ok(())
    }
}

/// Notes on `card` that it was told.
fn note(card: &mut Card, telling: Telling) {
    match (&mut card.content, telling) {
        (Content::Incident(incident), Telling::Card) => incident.posted(),
        (Content::Incident(incident), Telling::Notice) => incident.noticed(),
        (Content::Note(_), _) => {}
    }
}

/// The group's key as Alertmanager gives it: in front of it stands its receiver.
fn group_key<'a>(card: &'a Card, incident: &Incident) -> &'a str {
    let key = card.group_key.strip_prefix(incident.receiver.as_str()).and_then(|key| key.strip_prefix('|'));
    key.unwrap_or(&card.group_key)
}

fn counts(messages: &[Message]) -> (usize, usize) {
    messages.iter().map(Message::counts).fold((0, 0), |(firing, resolved), (f, r)| (firing + f, resolved + r))
}
