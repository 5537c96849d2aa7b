//! A double of a mail relay: STARTTLS or TLS with a certificate of one's own authority, AUTH, and the refusals of real relays.
//!
//! It keeps to RFC 5321 where senders go wrong: commands in order, CRLF, lines of at most 998 bytes, no mail before AUTH where
//! AUTH is asked for, and no password over a connection that is not encrypted.

mod session;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use mailparse::{MailHeaderMap, ParsedMail};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// How a relay is encrypted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Security {
    /// Not at all.
    None,
    /// After STARTTLS; nothing is taken before.
    StartTls,
    /// From the first byte.
    Tls,
}

/// What may go wrong, with one mail each.
#[derive(Clone, Debug)]
pub enum MailFault {
    /// 421 instead of a greeting: too busy.
    Busy,
    /// 451 to every recipient: come again later (greylisting).
    Greylisted,
    /// 452 to this recipient: his mailbox is full.
    MailboxFull(&'static str),
    /// 554 after the text: it looks like spam.
    Spam,
    /// The mail is kept, and the connection breaks before the answer.
    DropAfter,
}

/// A mail that was accepted.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The user that was logged in.
    pub user: Option<String>,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
    /// The mail as it travelled.
    pub raw: String,
}

impl Mail {
    /// Returns a header, decoded.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        self.parsed().headers.get_first_value(name).unwrap_or_default()
    }

    /// Returns the part of this type, decoded.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn part(&self, kind: &str) -> String {
        let mail = self.parsed();
        let part = mail.parts().find(|part| part.ctype.mimetype == kind);
        part.unwrap_or_else(|| panic!("no {kind} in {}", self.raw)).get_body().expect("the part can be decoded")
    }

    fn parsed(&self) -> ParsedMail<'_> {
        mailparse::parse_mail(self.raw.as_bytes()).expect("the mail can be parsed")
    }
}

/// A relay of one's own. Dropping it closes it with all connections.
pub struct Smtp {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<Infallible>,
}

#[derive(Default)]
struct State {
    login: Option<(String, String)>,
    rejected: Vec<String>,
    mails: Vec<Mail>,
    taken: usize,
    script: VecDeque<MailFault>,
    outage: Option<MailFault>,
    connections: usize,
    complaints: Vec<String>,
}

impl Smtp {
    /// Starts on a free port; `certificates` holds `cert.pem` and `key.pem`, `login` is asked of everyone if there is one.
    ///
    /// # Errors
    /// When no port can be had or the certificate cannot be read.
    pub async fn start(security: Security, certificates: &Path, login: Option<(&str, &str)>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let state = Arc::new(Mutex::new(State { login, ..State::default() }));
        let acceptor = if security == Security::None { None } else { Some(acceptor(certificates)?) };
        let address = listener.local_addr()?;
        let server = tokio::spawn(serve(listener, security, acceptor, Arc::clone(&state)));
        Ok(Self { address, state, server })
    }

    /// Returns its host and port. The host is a name, since certificates are for names.
    #[must_use]
    pub fn smarthost(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// Returns the oldest mail that was not taken yet.
    #[must_use]
    pub fn take_mail(&self) -> Option<Mail> {
        let mut state = lock(&self.state);
        let mail = state.mails.get(state.taken).cloned()?;
        state.taken += 1;
        Some(mail)
    }

    /// Returns all mails, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.state).mails.clone()
    }

    /// Returns how many connections were opened.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    /// Returns what senders did against the rules.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        lock(&self.state).complaints.clone()
    }

    /// Answers 550 to this recipient from now on.
    pub fn reject(&self, recipient: &str) {
        lock(&self.state).rejected.push(recipient.to_owned());
    }

    /// Lets the next mails meet these faults, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = MailFault>) {
        lock(&self.state).script.extend(faults);
    }

    /// Lets every mail meet this fault from now on, or none any more.
    pub fn outage(&self, fault: Option<MailFault>) {
        lock(&self.state).outage = fault;
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn acceptor(folder: &Path) -> anyhow::Result<TlsAcceptor> {
    daemon::tls::install_provider();
    let chain = CertificateDer::pem_file_iter(folder.join("cert.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(
    listener: TcpListener,
    security: Security,
    acceptor: Option<TlsAcceptor>,
    state: Arc<Mutex<State>>,
) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                lock(&state).connections += 1;
                connections.spawn(session::hold(stream, security, acceptor.clone(), Arc::clone(&state)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
