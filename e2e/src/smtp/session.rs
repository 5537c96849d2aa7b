//! One conversation with a sender.

use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{Mail, MailFault, Security, State, lock};

/// RFC 5321, 4.5.3.1.6, without the line end.
const LINE_LIMIT_BYTES: usize = 998;

/// How a conversation went on.
enum Ended {
    /// It is over.
    Gone,
    /// The sender asked for TLS.
    StartTls,
}

pub(super) async fn hold(
    stream: TcpStream,
    security: Security,
    acceptor: Option<TlsAcceptor>,
    state: Arc<Mutex<State>>,
) -> Option<()> {
    let talk = |encrypted| Talk {
        state: Arc::clone(&state),
        security,
        encrypted,
        user: None,
        from: None,
        to: Vec::new(),
        fault: None,
    };
    if security == Security::Tls {
        let stream = acceptor?.accept(stream).await.ok()?;
        talk(true).over(&mut BufReader::new(stream), Greet::Yes).await;
        return Some(());
    }
    let mut stream = BufReader::new(stream);
    if let Some(Ended::StartTls) = talk(false).over(&mut stream, Greet::Yes).await {
        // What was sent ahead in clear text is not taken for a part of the encrypted conversation.
        let stream = acceptor?.accept(stream.into_inner()).await.ok()?;
        talk(true).over(&mut BufReader::new(stream), Greet::No).await;
    }
    Some(())
}

#[derive(PartialEq)]
enum Greet {
    Yes,
    No,
}

struct Talk {
    state: Arc<Mutex<State>>,
    security: Security,
    encrypted: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
    fault: Option<MailFault>,
}

impl Talk {
    /// Talks until the sender leaves, is hung up on, or asks for TLS.
    async fn over<S: AsyncRead + AsyncWrite + Unpin>(
        mut self,
        stream: &mut BufReader<S>,
        greet: Greet,
    ) -> Option<Ended> {
        if greet == Greet::Yes {
            let busy = {
                let mut state = lock(&self.state);
                let scripted = state.script.pop_if_busy();
                scripted || matches!(state.outage, Some(MailFault::Busy))
            };
            if busy {
                say(stream, "421 4.3.2 relay.example too busy, try later").await?;
                return Some(Ended::Gone);
            }
            say(stream, "220 relay.example ESMTP").await?;
        }
        loop {
            let line = self.line(stream).await?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.hello(),
                "HELO" => "250 relay.example".to_owned(),
                "STARTTLS" if self.security == Security::StartTls && !self.encrypted => {
                    say(stream, "220 2.0.0 ready").await?;
                    return Some(Ended::StartTls);
                }
                "AUTH" => self.login(stream, rest).await?,
                "MAIL" => self.mail(rest),
                "RCPT" => self.recipient(rest),
                "DATA" if self.to.is_empty() => "503 5.5.1 no recipient yet".to_owned(),
                "DATA" => {
                    say(stream, "354 go ahead").await?;
                    self.data(stream).await?
                }
                "RSET" => {
                    (self.from, self.to) = (None, Vec::new());
                    "250 2.0.0 ok".to_owned()
                }
                "NOOP" => "250 2.0.0 ok".to_owned(),
                "QUIT" => {
                    say(stream, "221 2.0.0 bye").await?;
                    return Some(Ended::Gone);
                }
                _ => "500 5.5.2 what?".to_owned(),
            };
            say(stream, &answer).await?;
        }
    }

    fn hello(&self) -> String {
        let mut lines = vec!["relay.example"];
        lines.extend((self.security == Security::StartTls && !self.encrypted).then_some("STARTTLS"));
        // A password in clear text is not even asked for, except where nothing is encrypted at all.
        let asks = lock(&self.state).login.is_some() && (self.encrypted || self.security == Security::None);
        lines.extend(asks.then_some("AUTH PLAIN LOGIN"));
        lines.push("ENHANCEDSTATUSCODES");
        let last = lines.len() - 1;
        let mark = |place| if place == last { ' ' } else { '-' };
        lines
            .iter()
            .enumerate()
            .map(|(place, line)| format!("250{}{line}", mark(place)))
            .collect::<Vec<_>>()
            .join("\r\n")
    }

    async fn login<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
        rest: &str,
    ) -> Option<String> {
        if !self.encrypted && self.security != Security::None {
            self.complain("AUTH without encryption");
            return Some("538 5.7.11 encryption required".to_owned());
        }
        let (mechanism, first) =
            rest.split_once(' ').map_or((rest, None), |(mechanism, first)| (mechanism, Some(first.to_owned())));
        let decoded = |text: &str| {
            BASE64_STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
        };
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let all = decoded(&first?);
                let mut parts = all.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            "LOGIN" => {
                say(stream, "334 VXNlcm5hbWU6").await?;
                let user = self.line(stream).await?;
                say(stream, "334 UGFzc3dvcmQ6").await?;
                (decoded(&user), decoded(&self.line(stream).await?))
            }
            _ => return Some("504 5.5.4 unknown mechanism".to_owned()),
        };
        if lock(&self.state).login.as_ref() == Some(&given) {
            self.user = Some(given.0);
            return Some("235 2.7.0 welcome".to_owned());
        }
        Some("535 5.7.8 wrong user or password".to_owned())
    }

    fn mail(&mut self, rest: &str) -> String {
        let mut state = lock(&self.state);
        if self.security == Security::StartTls && !self.encrypted {
            state.complaints.push("MAIL before STARTTLS".to_owned());
            return "530 5.7.0 STARTTLS first".to_owned();
        }
        if state.login.is_some() && self.user.is_none() {
            return "530 5.7.0 log in first".to_owned();
        }
        self.fault = state.script.pop_front().or_else(|| state.outage.clone());
        self.from = address(rest);
        self.to.clear();
        if self.from.is_some() { "250 2.1.0 ok".to_owned() } else { "501 5.1.7 no address".to_owned() }
    }

    fn recipient(&mut self, rest: &str) -> String {
        if self.from.is_none() {
            return "503 5.5.1 MAIL first".to_owned();
        }
        let Some(recipient) = address(rest) else { return "501 5.1.3 no address".to_owned() };
        if lock(&self.state).rejected.contains(&recipient) {
            return "550 5.1.1 no such user".to_owned();
        }
        match &self.fault {
            Some(MailFault::Greylisted) => return "451 4.7.1 greylisted, try again later".to_owned(),
            Some(MailFault::MailboxFull(full)) if *full == recipient => return "452 4.2.2 mailbox full".to_owned(),
            _ => {}
        }
        self.to.push(recipient);
        "250 2.1.5 ok".to_owned()
    }

    async fn data<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut BufReader<S>) -> Option<String> {
        let mut raw = String::new();
        loop {
            let line = self.line(stream).await?;
            if line == "." {
                break;
            }
            raw.push_str(line.strip_prefix('.').unwrap_or(&line));
            raw.push_str("\r\n");
        }
        if matches!(self.fault, Some(MailFault::Spam)) {
            return Some("554 5.7.1 this looks like spam".to_owned());
        }
        let mail = Mail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            user: self.user.clone(),
            encrypted: self.encrypted,
            raw,
        };
        lock(&self.state).mails.push(mail);
        if matches!(self.fault.take(), Some(MailFault::DropAfter)) { None } else { Some("250 2.0.0 queued".to_owned()) }
    }

    /// Reads a line; none when the sender has gone.
    async fn line<S: AsyncRead + Unpin>(&self, stream: &mut BufReader<S>) -> Option<String> {
        let mut bytes = Vec::new();
        stream.read_until(b'\n', &mut bytes).await.ok()?;
        let line = match bytes.strip_suffix(b"\r\n") {
            Some(line) => line,
            None if bytes.is_empty() => return None,
            None => {
                self.complain("a line that does not end in CRLF");
                &bytes
            }
        };
        if line.len() > LINE_LIMIT_BYTES {
            self.complain("a line of more than 998 bytes");
        }
        if !line.is_ascii() {
            // Neither 8BITMIME nor SMTPUTF8 was offered.
            self.complain("a line that is not ASCII");
        }
        Some(String::from_utf8_lossy(line).into_owned())
    }

    fn complain(&self, about: &str) {
        lock(&self.state).complaints.push(about.to_owned());
    }
}

trait Script {
    /// Takes the next fault when it is about the greeting.
    fn pop_if_busy(&mut self) -> bool;
}

impl Script for std::collections::VecDeque<MailFault> {
    fn pop_if_busy(&mut self) -> bool {
        let busy = matches!(self.front(), Some(MailFault::Busy));
        if busy {
            self.pop_front();
        }
        busy
    }
}

/// `FROM:<a@b.example> SIZE=1` is `a@b.example`.
fn address(rest: &str) -> Option<String> {
    let inner = rest.split_once('<')?.1.split_once('>')?.0;
    inner.contains('@').then(|| inner.to_owned())
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, line: &str) -> Option<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
