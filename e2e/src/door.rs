//! An HTTP server for doubles: it can also hang up without an answer, which real ones do.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use axum::body::{Body, to_bytes};
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// More than any message of ours has.
const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Knocked {
    /// Its method.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Knocked {
    /// Returns a header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An answer; none hangs up.
pub(crate) type Reply = Option<Response<String>>;

/// Returns an answer of this status with this text.
pub(crate) fn reply(status: u16, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status has three digits");
    response
}

/// A server on a free port of loopback. Dropping it closes it with all connections.
pub(crate) struct Door {
    address: SocketAddr,
    server: JoinHandle<Infallible>,
}

impl Door {
    /// Opens, and lets `answer` answer.
    pub(crate) async fn open<F, A>(answer: F) -> anyhow::Result<Self>
    where
        F: Fn(Knocked) -> A + Clone + Send + 'static,
        A: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
        Ok(Self { address: listener.local_addr()?, server: tokio::spawn(serve(listener, answer)) })
    }

    /// Returns the start of all its URLs, as in `http://127.0.0.1:1234`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve<F, A>(listener: TcpListener, answer: F) -> Infallible
where
    F: Fn(Knocked) -> A + Clone + Send + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // A connection that could not be accepted is gone already; the next one may do.
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let answer = answer.clone();
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let answer = answer.clone();
                    async move {
                        let (head, body) = request.into_parts();
                        let body = to_bytes(Body::new(body), BODY_LIMIT_BYTES).await.map_err(std::io::Error::other)?;
                        let path = head.uri.path().to_owned();
                        let knocked = Knocked { method: head.method, path, headers: head.headers, body: body.to_vec() };
                        answer(knocked).await.ok_or_else(|| std::io::Error::other("hung up as the test wished"))
                    }
                });
                // How a connection ends is the client's affair.
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { connection.await.ok() });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
