//! A double of Discord's webhook API: as strict as the real one, and as unreliable as a test wants it.
//!
//! ```text
//! request ─▶ api ─ fault? ─▶ budget (5 in 2 s …) ─▶ draft ─ embed, link, mentions, components ─▶ store ─▶ journal
//!                                                     └ form: everything that is wrong, in Discord's error tree
//! ```
//!
//! [`Discord::start`] serves on a free port of loopback. A test reads what arrived with [`Discord::take_message`]
//! and brings trouble with [`Discord::script`] and [`Discord::outage`].
//!
//! It takes JSON bodies, and new messages with files: create, get, edit and delete of messages, get and delete of
//! webhooks, `wait`, `thread_id`, `with_components`. Left out, because nothing of ours uses them: form bodies, files of edits, polls,
//! Cloudflare's ban after thousands of bad requests. [`cases`] holds the double
//! against any other implementation.

mod answer;
mod api;
mod budget;
pub mod cases;
mod components;
mod draft;
mod embed;
mod fault;
mod form;
mod link;
mod mentions;
mod store;
mod upload;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use api::Seen;
pub use budget::{Limits, Rate, Scope};
pub use fault::Fault;
pub use mentions::Pings;
pub use store::{Deed, Message};
pub use upload::Upload;

use api::Api;

/// A Discord of one's own. Dropping it closes it with all connections.
pub struct Discord {
    address: SocketAddr,
    api: Arc<Api>,
    server: JoinHandle<Infallible>,
}

impl Discord {
    /// Starts with `limits` on a free port.
    ///
    /// # Errors
    /// When no port of loopback can be had.
    pub async fn start(limits: Limits) -> anyhow::Result<Self> {
        Self::bind((Ipv4Addr::LOCALHOST, 0).into(), limits).await
    }

    /// Starts with `limits` on `address`.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(address: SocketAddr, limits: Limits) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let api = Arc::new(Api::new(limits));
        Ok(Self { address: listener.local_addr()?, server: tokio::spawn(serve(listener, Arc::clone(&api))), api })
    }

    /// Returns the start of all its URLs, as in `http://127.0.0.1:1234`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the URL of the webhook with this id and token, in the form that people copy. Its first use makes it.
    #[must_use]
    pub fn webhook(&self, id: u64, token: &str) -> String {
        format!("{}/api/webhooks/{id}/{token}", self.url())
    }

    /// Makes the channel of the webhook with this id a forum: each message goes into a thread or opens one.
    pub fn make_forum(&self, id: u64) {
        self.api.state().store.make_forum(&id.to_string());
    }

    /// Lets an hour pass for every message that is there: from now on it can be edited a few times only.
    pub fn grow_old(&self) {
        self.api.state().store.grow_old();
    }

    /// Returns the oldest accepted message that was not taken yet.
    #[must_use]
    pub fn take_message(&self) -> Option<Message> {
        let mut state = self.api.state();
        let message = state.store.messages().get(state.taken).cloned()?;
        state.taken += 1;
        Some(message)
    }

    /// Returns all accepted messages that were not deleted since, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.api.state().store.messages().iter().filter(|message| !message.deleted).cloned().collect()
    }

    /// Returns what happened to which message (by id), in order.
    #[must_use]
    pub fn journal(&self) -> Vec<(Deed, String)> {
        self.api.state().store.journal().to_vec()
    }

    /// Returns every request that came in, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.api.state().seen.clone()
    }

    /// Returns how many requests came although an earlier 429 had said to wait longer.
    #[must_use]
    pub fn early_retries(&self) -> usize {
        self.api.state().budgets.early_retries()
    }

    /// Lets the next requests meet these faults, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.api.state().script.then(faults);
    }

    /// Lets every request meet this fault from now on, or none any more.
    pub fn outage(&self, fault: Option<Fault>) {
        self.api.state().script.set_outage(fault);
    }
}

impl Drop for Discord {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves by hand instead of by `axum::serve`, because only so a connection can be closed without an answer.
async fn serve(listener: TcpListener, api: Arc<Api>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // A connection that could not be accepted is gone already; the next one may do.
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let api = Arc::clone(&api);
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let api = Arc::clone(&api);
                    async move { api.answer(request.map(Body::new)).await }
                });
                // How a connection ends is the client's affair.
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { connection.await.ok() });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
