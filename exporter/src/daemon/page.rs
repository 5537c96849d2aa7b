//! The page on request, for those who scrape.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::exporter::Exporter;
use crate::stopping::Stopping;

/// How long a request and its answer may take together: nobody keeps us from the next one.
const LIMIT: Duration = Duration::from_secs(10);
/// How many may ask at once. Whoever is beyond that waits in the kernel's queue.
const AT_ONCE: usize = 4;

/// Who answers: after a reload it is another one.
pub type Current = Rc<RefCell<Rc<Exporter>>>;

/// Answers whoever connects, beside the pushes, for as long as it lives.
pub struct Server(JoinHandle<()>);

impl Server {
    /// Must be called in a [`tokio::task::LocalSet`].
    pub fn start(listener: TcpListener, current: Current) -> Self {
        Self(spawn_local(serve(listener, current)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve(listener: TcpListener, current: Current) {
    let mut answers = JoinSet::new();
    loop {
        while answers.len() >= AT_ONCE {
            answers.join_next().await;
        }
        while answers.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => drop(answers.spawn_local(answer(stream, Rc::clone(&current)))),
            // Out of file descriptors, most likely: trying again at once would take all of a CPU.
            Err(_) => sleep(Duration::from_millis(500)).await,
        }
    }
}

async fn answer(stream: TcpStream, current: Current) {
    let service = service_fn(|request| {
        let exporter = Rc::clone(&current.borrow());
        async move { Ok::<_, Infallible>(page(&request, &exporter).await) }
    });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).max_buf_size(8 * 1024);
    let connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // Whoever hangs up or dawdles is not our trouble.
    let _ = timeout(LIMIT, connection).await;
}

async fn page(request: &Request<Incoming>, exporter: &Exporter) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => match exporter.page(Some(Stopping::No), &mut |_| ()).await {
            Ok(page) => (StatusCode::OK, page),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")),
        },
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "the metrics are at /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(exposition::CONTENT_TYPE));
    response
}
