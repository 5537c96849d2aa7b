//! Tells people, through the alert bridge, that the bot has moved. What cannot be told waits on disk.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::warn;
use url::Url;

/// What waits for a bridge that is away; older ones are dropped first.
const KEPT: usize = 100;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The body of the bridge's `POST /notify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    level: String,
    title: String,
    text: String,
    fields: Vec<Field>,
    /// The same for the same change, however often and by whomever it is sent.
    key: String,
    /// When it happened: it may have waited since.
    said: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Field {
    name: String,
    value: String,
}

impl Note {
    /// A note of something that happens now.
    pub fn new(title: String, text: String, fields: Vec<(String, String)>, key: String) -> Self {
        let fields = fields.into_iter().map(|(name, value)| Field { name, value }).collect();
        let said = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        Self { level: "warning".to_owned(), title, text, fields, key, said }
    }
}

/// Sends what comes, one after the other, until nothing more can come and the bridge was asked once more. What is not told by
/// then is told by the next supervisor.
pub(crate) async fn tell(
    url: Option<Url>,
    token: Option<SecretString>,
    file: PathBuf,
    mut notes: UnboundedReceiver<Note>,
) {
    let Some(url) = &url else {
        while notes.recv().await.is_some() {}
        return;
    };
    let mut spool = Spool::open(file);
    let mut pause = FIRST_PAUSE;
    let mut open = true;
    loop {
        if spool.waiting.is_empty() {
            let Some(note) = notes.recv().await else { return };
            spool.push(note);
        }
        while let Ok(note) = notes.try_recv() {
            spool.push(note);
        }
        match send(url, token.as_ref(), &spool.waiting[0]).await {
            Ok(()) => {
                spool.told();
                pause = FIRST_PAUSE;
            }
            Err(_) if !open => return,
            Err(error) => {
                warn!("the bridge cannot be told ({error:#}); {} message(s) wait on disk", spool.waiting.len());
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    note = notes.recv() => match note {
                        Some(note) => spool.push(note),
                        None => open = false,
                    },
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// The notes that wait, in memory and in a file beside the state file.
struct Spool {
    file: PathBuf,
    waiting: Vec<Note>,
}

impl Spool {
    /// Takes over what an earlier supervisor could not tell. A file that is gone or broken holds nothing.
    fn open(file: PathBuf) -> Self {
        let waiting = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { file, waiting }
    }

    fn push(&mut self, note: Note) {
        if self.waiting.iter().any(|other| other.key == note.key) {
            return;
        }
        self.waiting.push(note);
        let surplus = self.waiting.len().saturating_sub(KEPT);
        self.waiting.drain(..surplus);
        self.keep();
    }

    fn told(&mut self) {
        self.waiting.remove(0);
        self.keep();
    }

    fn keep(&self) {
        let write = || -> anyhow::Result<()> {
            let new = self.file.with_extension("notes-new");
            let mut file = fs::File::create(&new)?;
            file.write_all(&serde_json::to_vec(&self.waiting)?)?;
            file.sync_all()?;
            Ok(fs::rename(&new, &self.file)?)
        };
        if let Err(error) = write() {
            warn!("messages cannot be kept in {}: {error:#}", self.file.display());
        }
    }
}

async fn send(url: &Url, token: Option<&SecretString>, note: &Note) -> anyhow::Result<()> {
    // Made anew each time: this happens a few times a week, and memory is needed every day.
    let client = daemon::http::client(concat!("noroshi-failover/", env!("CARGO_PKG_VERSION")))?;
    let body = serde_json::to_vec(note)?;
    let mut request = client.post(url.clone()).header("content-type", "application/json").body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token.expose_secret());
    }
    let answer = request.send().await.map_err(reqwest::Error::without_url).context("no answer")?;
    // A body that the bridge will never understand is not sent again; a wrong token may be mended.
    let later = answer.status().is_server_error() || [401, 403, 429].contains(&answer.status().as_u16());
    anyhow::ensure!(!later, "it answers {}", answer.status());
    if answer.status().is_client_error() {
        warn!("the bridge refuses the message: {}", answer.status());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(epoch: usize) -> Note {
        Note::new(
            "t".to_owned(),
            "x".to_owned(),
            vec![("to".to_owned(), "oci".to_owned())],
            format!("failover:a:{epoch}"),
        )
    }

    #[test]
    fn what_waits_outlives_the_supervisor_once_each_and_within_bounds() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state.notes");
        let mut spool = Spool::open(file.clone());
        spool.push(note(1));
        spool.push(note(1));
        for epoch in 2..=KEPT + 5 {
            spool.push(note(epoch));
        }
        let mut next = Spool::open(file.clone());
        assert_eq!(next.waiting.len(), KEPT);
        assert_eq!(next.waiting[0].key, "failover:a:6", "the oldest are dropped first");
        next.told();
        assert_eq!(Spool::open(file.clone()).waiting[0].key, "failover:a:7");
        fs::write(&file, "{broken").unwrap();
        assert!(Spool::open(file).waiting.is_empty());
    }
}
