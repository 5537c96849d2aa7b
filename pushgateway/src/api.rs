//! The HTTP API: a Pushgateway's, and what its users asked for beside it.
//!
//! ```text
//! Target ─ Routes::find ─▶ Place ─▶ push · scrape · groups · page ─▶ Response, counted under the handler's name
//! ```

mod groups;
mod page;
mod push;
mod route;
mod scrape;
mod stream;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use http::header::{CONTENT_ENCODING, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::json;
use tracing::{error, info};

pub use self::push::Gate;
pub use self::route::Routes;

use self::route::{Place, Route};
use crate::answer;
use crate::aside::{aside, aside_if_many};
use crate::grouping::{GroupKey, GroupingError, JobForm};
use crate::import;
use crate::metrics::Metrics;
use crate::own::Own;
use crate::request::Target;
use crate::store::change::{Change, Check, Outcome, Unavailable};
use crate::store::group::Nanoseconds;
use crate::store::{self, Store};

/// Answers requests.
pub struct Api {
    /// Where the groups are.
    pub store: Store,
    /// What is served where.
    pub routes: Routes,
    /// The bounds of bodies.
    pub gate: Gate,
    /// What becomes of a push that contradicts others.
    pub check: Check,
    /// Whether `/-/quit` stops the process.
    pub lifecycle: bool,
    /// Our own counters.
    pub metrics: Metrics,
    /// The counters under a Pushgateway's names.
    pub own: Own,
    /// The settings, as `/api/v1/status` tells them.
    pub flags: Vec<(&'static str, String)>,
    /// When this began.
    pub started: Nanoseconds,
}

impl Api {
    /// Answers one request.
    pub async fn answer(self: &Arc<Self>, target: Target, request: Request<Body>) -> Response<Body> {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let chunked = head.headers.contains_key(TRANSFER_ENCODING);
        let (mut response, handler) = self.handle(&target, &head, body).await;
        if let Some(handler) = handler {
            self.own.answered(handler, &head.method, response.status());
            if handler == "push" {
                self.own.pushed(&head.method, size(&target, &head.headers), began.elapsed());
            }
        }
        // The door does not look for the end of such a body.
        if chunked {
            answer::close(response.headers_mut());
        }
        response
    }

    /// Answers, and says under which name it is counted.
    async fn handle(
        self: &Arc<Self>,
        target: &Target,
        head: &Parts,
        body: Body,
    ) -> (Response<Body>, Option<&'static str>) {
        let Ok(path) = target.path() else {
            let mut response = answer::with(StatusCode::BAD_REQUEST, answer::TEXT, "400 Bad Request");
            answer::close(response.headers_mut());
            return (response, None);
        };
        let place = match self.routes.find(&head.method, &path) {
            Route::Place(place) => place,
            Route::Elsewhere(status, path) => return (elsewhere(target, head, status, &path), None),
            Route::NotAllowed(allowed) => return (answer::not_allowed(allowed), None),
            Route::Nowhere => return (answer::not_found(), None),
        };
        if head.method == Method::OPTIONS {
            return options(&place);
        }
        // Whoever says gzip sends some: a Pushgateway looks at it wherever it comes.
        let is_push = matches!(place, Place::Group { .. }) && head.method != Method::DELETE;
        if is_push || place == Place::Import {
            return self.take(target, head, place, body).await;
        }
        let is_empty = http_body::Body::is_end_stream(&body);
        if is_empty
            && head.headers.contains_key(CONTENT_ENCODING)
            && let Err(refusal) = push::read_body(&self.gate, &head.headers, body).await
        {
            return (refusal.answer(), None);
        }
        match place {
            Place::Telemetry => (scrape::answer(self.store.view().await, self.own.families(), &head.headers), None),
            Place::Page => {
                let (api, target, headers) = (Arc::clone(self), target.clone(), head.headers.clone());
                (aside(move || page::answer(&api, &target, &headers)).await, Some("status"))
            }
            Place::Healthy => (self.health(), Some("healthy")),
            Place::Ready => (self.health(), Some("ready")),
            Place::Quit => (self.quit(&head.method), None),
            Place::Status => (self.status(), Some("api/v1/status")),
            Place::Metrics => {
                let mut response = groups::metrics(self.store.groups());
                groups::allow_origins(&mut response);
                (response, Some("api/v1/metrics"))
            }
            Place::Groups => (self.groups(target, &head.method).await, Some("api/v1/groups")),
            Place::Wipe => (self.wipe().await, Some("wipe")),
            Place::Group { form, job, labels } => (self.delete(form, &job, &labels).await, Some("delete")),
            Place::Import | Place::Api => (answer::not_found(), None),
        }
    }

    /// Takes a body in.
    async fn take(
        &self,
        target: &Target,
        head: &Parts,
        place: Place,
        body: Body,
    ) -> (Response<Body>, Option<&'static str>) {
        match place {
            Place::Group { form, job, labels } => match GroupKey::parse(form, &job, &labels) {
                Ok(key) => {
                    let response = push::answer(self, key, &head.method, &head.headers, body).await;
                    (response, Some("push"))
                }
                Err(error) => (bad_grouping(&error), Some("push")),
            },
            _ => (self.import(target, &head.headers, body).await, Some("import")),
        }
    }

    fn health(&self) -> Response<Body> {
        match self.store.trouble() {
            None => answer::text(StatusCode::OK, "OK"),
            Some(reason) => {
                let reason = format!("the store cannot be written, so pushes are answered 503: {reason}");
                answer::error(StatusCode::SERVICE_UNAVAILABLE, reason)
            }
        }
    }

    fn quit(&self, method: &Method) -> Response<Body> {
        if *method == Method::GET {
            return answer::text(StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed.");
        }
        if !self.lifecycle {
            return answer::text(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.");
        }
        info!("stopping, because somebody asked for it at /-/quit");
        // The same way out as for systemd: what is in hand is finished, and the exit code says that all is well.
        if let Err(error) = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM) {
            error!("cannot stop this process: {error}");
            return answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the process cannot be stopped");
        }
        answer::text(StatusCode::OK, "Requesting termination... Goodbye!")
    }

    fn status(&self) -> Response<Body> {
        let flags: serde_json::Map<_, _> =
            self.flags.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        let mut response = groups::success(&json!({
            "build_information": {
                "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "noroshi",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "flags": flags,
            "start_time": groups::time(self.started),
        }));
        groups::allow_origins(&mut response);
        response
    }

    async fn groups(&self, target: &Target, method: &Method) -> Response<Body> {
        let selectors = match groups::selectors(target) {
            Ok(selectors) => selectors,
            Err(reason) => return groups::failure(StatusCode::BAD_REQUEST, "bad_data", reason),
        };
        if *method == Method::GET {
            let groups = self.store.groups();
            return aside(move || {
                let picked = groups.iter().filter(|group| selectors.iter().any(|selector| selector.picks(&group.key)));
                groups::success(&groups::list(picked))
            })
            .await;
        }
        match self.store.change(Change::DeleteMatching(selectors)).await {
            Ok(Outcome::Done(deleted)) => {
                info!("deleted {deleted} group(s) that a selector picked");
                groups::success(&json!({"deleted": deleted}))
            }
            Ok(other) => unexpected(&other),
            Err(error) => groups::failure(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error),
        }
    }

    async fn wipe(&self) -> Response<Body> {
        match self.store.change(Change::Wipe).await {
            Ok(_) => {
                info!("deleted all groups");
                answer::empty(StatusCode::ACCEPTED)
            }
            Err(error) => unavailable(&error),
        }
    }

    async fn delete(&self, form: JobForm, job: &[u8], labels: &[u8]) -> Response<Body> {
        let key = match GroupKey::parse(form, job, labels) {
            Ok(key) => key,
            Err(error) => return bad_grouping(&error),
        };
        match self.store.change(Change::Delete(Arc::new(key))).await {
            Ok(_) => answer::empty(StatusCode::ACCEPTED),
            Err(error) => unavailable(&error),
        }
    }

    async fn import(&self, _target: &Target, headers: &HeaderMap, body: Body) -> Response<Body> {
        let gate = Gate::new(usize::MAX >> 1, self.gate.body_timeout);
        let body = match push::read_body(&gate, headers, body).await {
            Ok(body) => body,
            Err(refusal) => return refusal.answer(),
        };
        let groups = match aside_if_many(body.len(), move || import::groups(&body)).await {
            Ok(groups) => groups,
            Err(error) => return groups::failure(StatusCode::BAD_REQUEST, "bad_data", error),
        };
        match self.store.change(Change::Import(groups)).await {
            Ok(Outcome::Imported { taken, newer_here, refused }) => {
                info!("imported {taken} group(s); {newer_here} were newer here, {} did not fit", refused.len());
                groups::success(&json!({"imported": taken, "newer_here": newer_here, "refused": refused}))
            }
            Ok(other) => unexpected(&other),
            Err(error) => groups::failure(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error),
        }
    }

    /// Drops the groups whose last successful push is older than `age`.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn expire(&self, age: std::time::Duration) -> Result<(), Unavailable> {
        let age = Nanoseconds::try_from(age.as_nanos()).unwrap_or(Nanoseconds::MAX);
        if let Outcome::Done(expired) = self.store.change(Change::Expire(store::now().saturating_sub(age))).await?
            && expired > 0
        {
            self.metrics.expired(expired);
            info!("dropped {expired} group(s) that nobody pushed to any more");
        }
        Ok(())
    }
}

/// Answers a request for the options of a place.
fn options(place: &Place) -> (Response<Body>, Option<&'static str>) {
    let mut response = answer::empty(StatusCode::OK);
    match place {
        Place::Api | Place::Status | Place::Metrics => {
            groups::allow_origins(&mut response);
            return (response, Some("api/v1/options"));
        }
        Place::Group { .. } => allow(&mut response, "DELETE, OPTIONS, POST, PUT"),
        Place::Quit => allow(&mut response, "GET, OPTIONS, POST, PUT"),
        Place::Groups => allow(&mut response, "DELETE, GET, OPTIONS"),
        Place::Wipe | Place::Import => allow(&mut response, "OPTIONS, PUT"),
        Place::Telemetry | Place::Page | Place::Healthy | Place::Ready => allow(&mut response, "GET, OPTIONS"),
    }
    (response, None)
}

fn allow(response: &mut Response<Body>, methods: &'static str) {
    response.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static(methods));
}

fn elsewhere(target: &Target, head: &Parts, status: u16, path: &[u8]) -> Response<Body> {
    let mut location = route::escaped(path);
    if let Some(query) = target.raw_query() {
        location.push('?');
        location.push_str(&String::from_utf8_lossy(query));
    }
    answer::elsewhere(status, &location, head.method == Method::GET)
}

fn bad_grouping(error: &GroupingError) -> Response<Body> {
    answer::error(StatusCode::BAD_REQUEST, error)
}

fn unavailable(error: &Unavailable) -> Response<Body> {
    answer::error(StatusCode::SERVICE_UNAVAILABLE, error)
}

fn unexpected(outcome: &Outcome) -> Response<Body> {
    error!("a change came out otherwise than it can: {outcome:?}");
    answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the change came out otherwise than it can")
}

/// About how many bytes a request has, as Prometheus' Go library reckons.
fn size(target: &Target, headers: &HeaderMap) -> usize {
    let head: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let body = headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    target.path().map_or(0, |path| path.len()) + head + body.unwrap_or(0)
}
