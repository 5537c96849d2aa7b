//! The admin page of a part, as Prometheus' own programs have it.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::lifecycle::Readiness;
use crate::listen;

/// What Prometheus expects of the text that `prometheus-client` writes.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long a page in hand may hold up a stop.
const DRAIN: Duration = Duration::from_secs(1);

/// Serves `/metrics`, `/-/healthy` (this process answers) and `/-/ready` (all parts are built, none is stopping).
///
/// It has a listener of its own, on loopback by default: what the world may reach and what an operator may see
/// are different doors.
pub struct Admin {
    listener: TcpListener,
    router: Router,
}

impl Admin {
    /// Binds the page. Build it last: by then every part has registered its metrics.
    ///
    /// # Errors
    /// When `listen` cannot be bound.
    pub async fn build(listen: SocketAddr, registry: Registry, readiness: Readiness) -> anyhow::Result<Self> {
        let listener = listen::bind(listen, "the admin page").await?;
        Ok(Self { listener, router: router(registry, readiness) })
    }

    /// Returns the address bound, which tells the port when port 0 was asked for.
    ///
    /// # Errors
    /// When the system does not know the socket any more.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, and a moment longer for pages in hand.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let serve = axum::serve(self.listener, self.router).with_graceful_shutdown(stop.clone().cancelled_owned());
        // Somebody who sends half a request would otherwise hold up the stop of the whole process.
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            served = serve.into_future() => served?,
            () = patience => {}
        }
        Ok(())
    }
}

struct Pages {
    registry: Registry,
    readiness: Readiness,
}

fn router(registry: Registry, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(async || "OK\n"))
        .route("/-/ready", get(ready))
        .with_state(Arc::new(Pages { registry, readiness }))
}

async fn metrics(State(pages): State<Arc<Pages>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &pages.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        // Writing to a string cannot fail; a metric whose own encoder fails is our bug, and it must be seen.
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "a metric cannot be written as text\n").into_response(),
    }
}

async fn ready(State(pages): State<Arc<Pages>>) -> (StatusCode, String) {
    match pages.readiness.obstacle() {
        None => (StatusCode::OK, "OK\n".to_owned()),
        Some(obstacle) => (StatusCode::SERVICE_UNAVAILABLE, format!("{obstacle}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tower::ServiceExt;

    async fn get(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_is_503_before_the_start_is_complete_and_after_the_stop_began() {
        let readiness = Readiness::default();
        let router = router(Registry::default(), readiness.clone());

        assert_eq!(get(&router, "/-/ready").await.0, 503);
        readiness.set(true);
        assert_eq!(get(&router, "/-/ready").await, (StatusCode::OK, "OK\n".into()));
        readiness.set(false);
        assert_eq!(get(&router, "/-/ready").await.0, 503);
        assert_eq!(get(&router, "/-/healthy").await.0, 200);
    }

    #[tokio::test]
    async fn half_a_request_does_not_hold_up_a_stop() {
        let admin = Admin::build(([127, 0, 0, 1], 0).into(), Registry::default(), Readiness::default()).await.unwrap();
        let address = admin.local_addr().unwrap();
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /metr").await.unwrap();
        let mut whole = TcpStream::connect(address).await.unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(admin.run(stop.clone()));
        // Once the second client is answered, the first has been let in.
        whole.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(whole.read(&mut [0; 1024]).await.unwrap() > 0);

        stop.cancel();

        tokio::time::timeout(DRAIN * 5, running).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn metrics_of_all_parts_stand_on_one_page() {
        let mut registry = Registry::default();
        registry.register("pushes", "Pushes tried", Counter::<u64>::default());
        let (status, text) = get(&router(registry, Readiness::default()), "/metrics").await;

        assert_eq!(status, 200);
        assert!(text.contains("pushes_total 0\n") && text.ends_with("# EOF\n"), "{text}");
    }
}
