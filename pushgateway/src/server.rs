//! Connections: from the listener through the [`Door`] to the API.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use daemon::CancellationToken;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, error, info, warn};

use crate::api::Api;
use crate::door::{Door, HEAD_LIMIT_BYTES, TARGET};
use crate::request::Target;

/// How long to wait after an accept that failed, for want of file descriptors most likely.
const BREATH: Duration = Duration::from_millis(100);

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Time for the head of a request, and between two requests.
    pub header_timeout: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Time for requests in hand after a stop.
    pub grace: Duration,
}

/// Serves `api` on `listener` until `stop`, then finishes the requests in hand.
///
/// # Errors
/// When the listener does not know its address any more.
pub async fn serve(
    listener: TcpListener,
    api: Arc<Api>,
    bounds: Bounds,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    info!("serving pushes and scrapes on http://{}", listener.local_addr().context("the listener is gone")?);
    let places = Arc::new(Semaphore::new(bounds.max_connections.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    // No timer: the clock of heads is the door's.
    // Some send a request and close their side at once; they get an answer too.
    http.half_close(true).max_buf_size(HEAD_LIMIT_BYTES);
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            let place = place.await;
            (place, listener.accept().await)
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            (place, accepted) = accepted => match accepted {
                Ok((stream, _)) => {
                    // An answer should not wait for more of its kind; without this it only comes later.
                    let _ = stream.set_nodelay(true);
                    let api = Arc::clone(&api);
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let api = Arc::clone(&api);
                        async move { Ok::<Response<Body>, Infallible>(answer(&api, request).await) }
                    });
                    let connection = http.serve_connection(TokioIo::new(Door::new(stream, bounds.header_timeout)), answer);
                    let watched = graceful.watch(connection);
                    connections.spawn(async move {
                        let _place = place;
                        if let Err(error) = watched.await {
                            debug!("a connection ended early: {error}");
                        }
                    });
                }
                Err(error) => {
                    error!("cannot accept a connection: {error}");
                    tokio::time::sleep(BREATH).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    if tokio::time::timeout(bounds.grace, drained).await.is_err() {
        warn!("requests were still in hand {:?} after the stop and were cut off", bounds.grace);
    }
    Ok(())
}

async fn answer(api: &Arc<Api>, mut request: Request<Incoming>) -> Response<Body> {
    let target = request.headers_mut().remove(TARGET);
    let target = target.map_or_else(|| Target::of_uri(request.uri()), |target| Target::new(target.as_bytes()));
    api.answer(target, request.map(Body::new)).await
}
