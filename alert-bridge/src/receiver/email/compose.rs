//! What a mail looks like: subject, headers, and the same in plain text and in HTML.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use ring::digest;

use super::html;
use super::settings::EmailConfig;
use crate::kind::{Level, Occasion, State};
use crate::message::Message;
use crate::receiver::{late, mark, plain};
use crate::template::Templates;
use crate::text::{clip, is_blank, line};

/// A subject line beyond this is not read.
const SUBJECT_LIMIT: usize = 150;
/// Incidents that one mail is filed under.
const THREADS_LIMIT: usize = 20;

/// Writes mails from one sender to one list of recipients.
pub(super) struct Writer {
    from: Mailbox,
    to: Vec<Mailbox>,
    zone: TimeZone,
    templates: Templates,
}

/// One mail, ready to travel.
pub(super) struct Letter {
    /// Its Message-ID.
    pub(super) id: String,
    /// All of it.
    pub(super) raw: Vec<u8>,
}

impl Writer {
    pub(super) fn new(config: &EmailConfig, templates: Templates) -> Self {
        Self {
            from: config.from.mailbox().clone(),
            to: config.to.iter().map(|address| address.mailbox().clone()).collect(),
            zone: config.zone.as_ref().map_or_else(TimeZone::system, |zone| zone.0.clone()),
            templates,
        }
    }

    pub(super) fn sender(&self) -> &Address {
        &self.from.email
    }

    pub(super) fn write(&self, messages: &[Message]) -> Result<Letter, lettre::error::Error> {
        let id = self.id(messages);
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .subject(self.subject(messages))
            .message_id(Some(format!("<{id}>")))
            // Out-of-office programs leave such mail alone (RFC 3834).
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let urgent = messages.iter().flat_map(|message| &message.newly_firing).any(|level| *level == Level::Critical);
        if urgent {
            mail = mail.raw_header(header("Importance", "high")).raw_header(header("X-Priority", "1"));
        }
        let roots: Vec<String> = messages
            .iter()
            .filter(|message| !message.incident.is_empty())
            .map(|message| self.root(message))
            .filter(|root| *root != id)
            .take(THREADS_LIMIT)
            .map(|root| format!("<{root}>"))
            .collect();
        if let Some(first) = roots.first() {
            mail = mail.in_reply_to(first.clone()).references(roots.join(" "));
        }
        let (text, html) = self.bodies(messages);
        let raw = mail.multipart(MultiPart::alternative_plain_html(text, html))?.formatted();
        Ok(Letter { id, raw })
    }

    /// `🔴 HostDown — db-1`; what follows on it bears the same subject behind its state, for the eye of who looks at a list.
    fn subject(&self, messages: &[Message]) -> String {
        let Some(first) = messages.first() else { return String::new() };
        let language = first.language;
        let title = self.templates.title(first).unwrap_or_else(|| {
            let title = if is_blank(&first.title) { language.level(first.level) } else { &first.title };
            match first.state {
                State::Note => format!("{} {title}", mark(first.state, first.level)),
                state => format!("{} {}: {title}", mark(state, first.level), language.told(first.occasion, state)),
            }
        });
        let title = line(&title);
        match messages.len() {
            1 => clip(&title, SUBJECT_LIMIT),
            more => format!("{} {}", clip(&title, SUBJECT_LIMIT), language.more(more - 1)),
        }
    }

    fn bodies(&self, messages: &[Message]) -> (String, String) {
        let moment = |moment: Timestamp| self.local(moment);
        let (mut texts, mut pages) = (Vec::new(), Vec::new());
        for message in messages {
            if let Some(body) = self.templates.body(message) {
                pages.push(html::own_words(message, &body));
                texts.push(body);
                continue;
            }
            let words = |entry: &_| self.templates.line(message, entry);
            let look = plain::Look { moment: &moment, paint: &|text, _, _| text.to_owned(), line: &words };
            texts.push(plain::text(message, &look));
            pages.push(html::card(message, &moment, &words));
        }
        let late = late(messages);
        if !late.is_empty() {
            pages.insert(0, format!("<p>{}</p>\n", html::escape(&late)));
            texts.insert(0, late);
        }
        let language = messages.first().map_or("en", |message| message.language.suffix());
        (texts.join("\n\n") + "\n", html::page(language, &pages))
    }

    /// With the zone's name: a mail may be read elsewhere.
    fn local(&self, moment: Timestamp) -> String {
        moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// The id of the mail that opened the incident. It follows from the incident alone, so nothing needs to be remembered.
    fn root(&self, message: &Message) -> String {
        self.id_of(&["incident", &message.incident])
    }

    fn id(&self, messages: &[Message]) -> String {
        if let [message] = messages
            && message.occasion == Occasion::New
            && !message.incident.is_empty()
        {
            return self.root(message);
        }
        let deliveries: Vec<&str> = messages.iter().map(|message| message.delivery.as_str()).collect();
        if deliveries.iter().any(|delivery| delivery.is_empty()) {
            // Nothing to tell it by, so it is nobody's repetition.
            let now = Timestamp::now().as_nanosecond().to_string();
            return self.id_of(&["moment", &now]);
        }
        self.id_of(&[&["delivery"], deliveries.as_slice()].concat())
    }

    fn id_of(&self, parts: &[&str]) -> String {
        let digest = digest::digest(&digest::SHA256, parts.join("\n").as_bytes());
        let hex: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("noroshi.{hex}@{}", self.from.email.domain())
    }
}

/// A header that lettre has no type for. Its value is ours, never a stranger's.
fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
