//! The one place that talks to Discord.

use std::future::Future;

use anyhow::Context;
use reqwest::multipart::{Form, Part};
use tokio::time::{Instant, timeout_at};

use super::answer::Reply;
use super::payload::Payload;
use super::url::WebhookUrl;

/// Discord asks every client to say who it is, and refuses those that do not.
const USER_AGENT: &str = concat!("DiscordBot (", env!("CARGO_PKG_REPOSITORY"), ", ", env!("CARGO_PKG_VERSION"), ")");
/// An answer is a message of ours with a few ids; what is longer is not Discord's.
const ANSWER_LIMIT_BYTES: usize = 256 * 1024;

/// One request.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// A new message; in this thread, if one is named.
    Create(&'a Payload, Option<&'a str>),
    /// Another text for the message with this id.
    Edit(&'a str, &'a Payload),
}

impl Call<'_> {
    /// Returns whether it is for a thread that a message of ours has opened.
    #[must_use]
    pub fn names_a_thread(&self) -> bool {
        match self {
            Self::Create(_, thread) => thread.is_some(),
            Self::Edit(id, _) => id.contains('/'),
        }
    }
}

/// Makes one request: the seam at which tests put a Discord of their own.
pub trait Post: Send + Sync {
    /// Makes the request once and returns the answer, or why there is none.
    ///
    /// No answer does not mean that nothing was done.
    fn call(&self, call: Call<'_>, by: Instant) -> impl Future<Output = Result<Reply, NoAnswer>> + Send;
}

/// Why there is no answer. Never carries the address.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The connection failed before or after the request went out.
    #[error("cannot reach Discord")]
    Network(#[source] reqwest::Error),
    /// It took longer than we can wait.
    #[error("Discord did not answer in time")]
    Late,
}

/// Discord as it is.
pub struct Http {
    client: reqwest::Client,
    url: WebhookUrl,
}

impl Http {
    /// Sets up a client for one webhook.
    ///
    /// # Errors
    /// When the system's certificate roots cannot be set up.
    pub fn new(url: WebhookUrl) -> anyhow::Result<Self> {
        let client = daemon::http::client(USER_AGENT).context("cannot prepare to talk to Discord")?;
        Ok(Self { client, url })
    }
}

impl Post for Http {
    async fn call(&self, call: Call<'_>, by: Instant) -> Result<Reply, NoAnswer> {
        let request = match call {
            Call::Create(payload, thread) => {
                let address = thread.map(|thread| self.url.in_thread(thread));
                let request = self.client.post(address.as_deref().unwrap_or_else(|| self.url.expose()));
                if payload.files.is_empty() { request.json(payload) } else { request.multipart(form(payload)) }
            }
            Call::Edit(id, payload) => self.client.patch(self.url.of_message(id)).json(&payload.as_edit()),
        };
        let call = async {
            let mut response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut body = Vec::new();
            // An answer that breaks off halfway is still an answer: its status is what counts.
            while let Ok(Some(chunk)) = response.chunk().await {
                if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Reply::read(status, &headers, &body))
        };
        match timeout_at(by, call).await {
            // The error of a request carries its address, and with it the token.
            Ok(answer) => answer.map_err(|error: reqwest::Error| NoAnswer::Network(error.without_url())),
            Err(_) => Err(NoAnswer::Late),
        }
    }
}

/// A payload with its files, as Discord wants them.
fn form(payload: &Payload) -> Form {
    let json = serde_json::to_string(payload).unwrap_or_default();
    payload.files.iter().enumerate().fold(Form::new().text("payload_json", json), |form, (place, file)| {
        // Its name tells Discord what it is.
        form.part(format!("files[{place}]"), Part::bytes(file.bytes.clone()).file_name(file.name.clone()))
    })
}
