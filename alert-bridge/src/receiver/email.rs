//! Mail, through a relay. Each message is a mail of its own; those about one incident form a thread.

mod compose;
mod html;
mod settings;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls as Encryption, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use self::compose::{Letter, Writer};
pub use self::settings::{EmailConfig, MailAddress, MailMismatch, Smarthost, Tls};
use super::{Answer, Answering, Form, Receiver};
use crate::message::Message;
use crate::template::Templates;
use crate::text;

/// A relay that greylists or is slow answers within this time, or not at all.
const TIMEOUT: Duration = Duration::from_secs(15);
const REASON_LIMIT: usize = 250;
/// Messages in one mail. What waits longer comes in the next one.
const MESSAGES_LIMIT: usize = 50;
/// Alerts in one mail of several messages.
const ALERTS_LIMIT: usize = 500;

type Relay = AsyncSmtpTransport<Tokio1Executor>;

/// One relay with its recipients.
pub struct Email {
    relay: Relay,
    writer: Writer,
    to: Vec<Address>,
    /// Who has got the mail that is being tried, so that nobody gets it twice because of somebody else's mailbox.
    got: Mutex<Got>,
}

#[derive(Default)]
struct Got {
    mail: String,
    by: BTreeSet<Address>,
}

impl Email {
    /// Prepares to write through the relay of `config`, logging in with `password`.
    ///
    /// # Errors
    /// When the file with the relay's authority cannot be used.
    pub fn new(config: EmailConfig, password: Option<SecretString>, templates: Templates) -> anyhow::Result<Self> {
        daemon::tls::install_provider();
        let relay = Relay::builder_dangerous(&config.smarthost.host)
            .port(config.smarthost.port)
            .tls(encryption(&config)?)
            .timeout(Some(TIMEOUT));
        let relay = match (&config.user, password) {
            (Some(user), Some(password)) => {
                relay.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()))
            }
            _ => relay,
        };
        let to = config.to.iter().map(|address| address.address().clone()).collect();
        Ok(Self { relay: relay.build(), writer: Writer::new(&config, templates), to, got: Mutex::default() })
    }

    /// Hands the mail to the relay for everybody at once; when the relay wants somebody not, for each alone.
    async fn settle(&self, messages: &[Message]) -> Answer {
        let letter = match self.writer.write(messages) {
            Ok(letter) => letter,
            Err(error) => return Answer::Refused(format!("the mail cannot be written: {error}")),
        };
        let open = self.still_to_get(&letter);
        let reason = match self.hand_over(&letter, open.clone()).await {
            Ok(()) => return done(),
            Err(reason) if !reason.is_about_recipients() || open.len() == 1 => return reason.answer(),
            Err(reason) => reason,
        };
        let (mut later, mut never) = (None, None);
        for recipient in open {
            match self.hand_over(&letter, vec![recipient.clone()]).await {
                Ok(()) => self.has_got(&letter, recipient),
                Err(reason) => {
                    warn!("the relay does not take a mail for one of the recipients: {}", reason.text);
                    if reason.permanent { never = Some(reason) } else { later = Some(reason) }
                }
            }
        }
        let somebody = !self.got.lock().unwrap_or_else(PoisonError::into_inner).by.is_empty();
        match (later, never) {
            (Some(later), _) => later.answer(),
            // Others have it; what is wrong with this address stands in the log.
            (None, Some(_)) if somebody => done(),
            (None, Some(never)) => never.answer(),
            (None, None) if somebody => done(),
            (None, None) => reason.answer(),
        }
    }

    async fn hand_over(&self, letter: &Letter, to: Vec<Address>) -> Result<(), Reason> {
        let refused = |error: &dyn std::fmt::Display| Reason { permanent: true, code: None, text: error.to_string() };
        let envelope = Envelope::new(Some(self.writer.sender().clone()), to).map_err(|error| refused(&error))?;
        self.relay.send_raw(&envelope, &letter.raw).await.map(drop).map_err(|error| Reason::of(&error))
    }

    fn still_to_get(&self, letter: &Letter) -> Vec<Address> {
        let mut got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        if got.mail != letter.id {
            *got = Got { mail: letter.id.clone(), by: BTreeSet::new() };
        }
        self.to.iter().filter(|address| !got.by.contains(*address)).cloned().collect()
    }

    fn has_got(&self, letter: &Letter, recipient: Address) {
        let mut got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        if got.mail == letter.id {
            got.by.insert(recipient);
        }
    }
}

impl Receiver for Email {
    fn kind(&self) -> &'static str {
        "email"
    }

    fn fits(&self, messages: &[Message]) -> usize {
        super::fit::count(messages, MESSAGES_LIMIT, ALERTS_LIMIT)
    }

    fn post<'a>(&'a self, messages: &'a [Message]) -> Answering<'a> {
        Box::pin(self.settle(messages))
    }
}

fn done() -> Answer {
    Answer::Done { id: None, form: Form::AsComposed }
}

fn encryption(config: &EmailConfig) -> anyhow::Result<Encryption> {
    if config.tls == Tls::None {
        return Ok(Encryption::None);
    }
    let mut parameters = TlsParameters::builder(config.smarthost.host.clone());
    if let Some(file) = &config.ca_file {
        let name = file.display();
        let pem = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
        let roots =
            Certificate::from_pem(&pem).ok().with_context(|| format!("{name} holds no certificate in PEM form"))?;
        parameters = parameters.certificate_store(CertificateStore::None).add_root_certificate(roots);
    }
    let parameters = parameters.build_rustls().context("cannot set up TLS for the relay")?;
    Ok(match config.tls {
        Tls::Tls => Encryption::Wrapper(parameters),
        _ => Encryption::Required(parameters),
    })
}

/// Why the relay did not take a mail.
struct Reason {
    permanent: bool,
    code: Option<u16>,
    text: String,
}

impl Reason {
    fn of(error: &lettre::transport::smtp::Error) -> Self {
        let code = error.status().map(u16::from);
        let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        Self { permanent: error.is_permanent(), code, text: text::clip(&text::line(&text), REASON_LIMIT) }
    }

    /// Whether another recipient might fare better: everything that is not about the connection or about us.
    fn is_about_recipients(&self) -> bool {
        matches!(self.code, Some(450..=452 | 550..=553))
    }

    fn answer(self) -> Answer {
        match self.code {
            // User or password are wrong, or a password is asked for, or may not be sent like this.
            Some(530 | 534 | 535 | 538) => Answer::Dead(self.text),
            // No such mailbox, moved, not allowed to relay.
            Some(550 | 551 | 553) => Answer::Dead(self.text),
            _ if self.permanent => Answer::Refused(self.text),
            _ => Answer::Trouble(self.text),
        }
    }
}

#[cfg(test)]
mod tests;
