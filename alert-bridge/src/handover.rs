//! Hands notes to the bridge that runs, here or elsewhere, over `POST /notify`.

use std::time::Duration;

use anyhow::Context;
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::spool::Letter;
use crate::text;

const USER_AGENT: &str = concat!("noroshi-alert-bridge-send/", env!("CARGO_PKG_VERSION"));
/// A bridge answers once the note is on its disk, which takes milliseconds. Who sends may be in a hurry.
const TIMEOUT: Duration = Duration::from_secs(5);
const REASON_LIMIT: usize = 300;

/// The way to a bridge.
pub struct Handover {
    client: reqwest::Client,
    url: Url,
    token: Option<SecretString>,
}

/// Why the bridge does not have a note.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Nobody is there, so it certainly has not got it.
    #[error("no bridge can be reached at {0}: {1}")]
    Away(String, String),
    /// No answer: it may have got it.
    #[error("the bridge at {0} did not answer: {1}")]
    Unsure(String, String),
    /// It is there and cannot take it now.
    #[error("the bridge cannot take it now: {0}")]
    Later(String),
    /// It wants another token.
    #[error("the bridge does not accept the token (bridge.notify.token_file, or NOROSHI_BRIDGE_TOKEN): {0}")]
    Token(String),
    /// It will never take it.
    #[error("the bridge refuses it: {0}")]
    Never(String),
}

impl Handover {
    /// Prepares to post to the bridge at `base`, as in `http://127.0.0.1:9096`.
    ///
    /// # Errors
    /// When the system's certificate roots cannot be set up, or the address is none of http or https.
    pub fn new(base: &Url, token: Option<SecretString>) -> anyhow::Result<Self> {
        let mut url = base.clone();
        anyhow::ensure!(matches!(url.scheme(), "http" | "https"), "`{base}` is no address of a bridge");
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("notify");
        }
        let client = daemon::http::client(USER_AGENT).context("cannot prepare to talk to the bridge")?;
        Ok(Self { client, url, token })
    }

    /// Hands over `letter`; done means that the bridge has it on its disk.
    ///
    /// # Errors
    /// When it has not, as far as we know.
    pub async fn hand_over(&self, letter: &Letter) -> Result<(), Denied> {
        let note = &letter.note;
        let fields: Vec<_> =
            note.fields.iter().map(|field| json!({"name": field.name, "value": field.value})).collect();
        let body = json!({
            "key": letter.key, "level": note.level, "title": note.title, "text": note.text, "fields": fields,
            "said": note.said,
        });
        let mut request = self.client.post(self.url.clone()).timeout(TIMEOUT).json(&body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let (away, place) = (error.is_connect(), self.url.authority().to_owned());
                let reason = format!("{:#}", anyhow::Error::new(error.without_url()));
                return Err(if away { Denied::Away(place, reason) } else { Denied::Unsure(place, reason) });
            }
        };
        let status = response.status();
        let said = response.text().await.unwrap_or_default();
        let said = text::clip(&text::line(&said), REASON_LIMIT);
        let reason = if said.is_empty() { status.to_string() } else { said };
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Denied::Token(reason)),
            // A bridge that is older than this program has no such door.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Err(Denied::Later(reason)),
            status if status.is_client_error() => Err(Denied::Never(reason)),
            _ => Err(Denied::Later(reason)),
        }
    }
}
