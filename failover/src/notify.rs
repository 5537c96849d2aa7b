//! Tells people, through the alert bridge, that the bot has moved. What cannot be told waits.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::warn;
use url::Url;

/// What waits for a bridge that is away; older ones are dropped first.
const KEPT: usize = 100;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The body of the bridge's `POST /notify`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Note {
    pub level: &'static str,
    pub title: String,
    pub text: String,
    pub fields: Vec<(String, String)>,
    /// The same for the same change, however often it is sent.
    pub key: String,
}

/// Sends what comes, one after the other, until nothing more can come and everything is told or given up.
pub(crate) async fn tell(url: Option<Url>, token: Option<SecretString>, mut notes: UnboundedReceiver<Note>) {
    let mut waiting = VecDeque::new();
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(url) = &url else {
            while notes.recv().await.is_some() {}
            return;
        };
        if waiting.is_empty() {
            let Some(note) = notes.recv().await else { return };
            waiting.push_back(note);
        }
        while let Ok(note) = notes.try_recv() {
            waiting.push_back(note);
        }
        while waiting.len() > KEPT {
            waiting.pop_front();
        }
        match send(url, token.as_ref(), &waiting[0]).await {
            Ok(()) => {
                waiting.pop_front();
                pause = FIRST_PAUSE;
            }
            Err(error) => {
                warn!("the bridge cannot be told ({error:#}); {} message(s) wait", waiting.len());
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    note = notes.recv() => match note {
                        Some(note) => waiting.push_back(note),
                        None => return,
                    },
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn send(url: &Url, token: Option<&SecretString>, note: &Note) -> anyhow::Result<()> {
    // Made anew each time: this happens a few times a week, and memory is needed every day.
    let client = daemon::http::client(concat!("noroshi-failover/", env!("CARGO_PKG_VERSION")))?;
    let body = serde_json::to_vec(&serde_json::json!({
        "level": note.level,
        "title": note.title,
        "text": note.text,
        "fields": note.fields.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect::<Vec<_>>(),
        "key": note.key,
    }))?;
    let mut request = client.post(url.clone()).header("content-type", "application/json").body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token.expose_secret());
    }
    let answer = request.send().await.map_err(reqwest::Error::without_url).context("no answer")?;
    // A body that the bridge will never understand is not sent again.
    anyhow::ensure!(!answer.status().is_server_error() && answer.status() != 429, "it answers {}", answer.status());
    if answer.status().is_client_error() {
        warn!("the bridge refuses the message: {}", answer.status());
    }
    Ok(())
}
