//! The calls.

use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::alert::{Alert, Which};
use crate::matcher::Matcher;
use crate::silence::{NewSilence, Silence};

/// Ten thousand alerts with their annotations are a dozen megabytes; what is longer is not an Alertmanager's.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024 * 1024;
/// How much of a refusal is passed on.
const REASON_LIMIT: usize = 300;

/// An Alertmanager. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

/// Why an address cannot be an Alertmanager's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Alertmanager's address begins with http:// or https://, and has neither a query nor a fragment")]
pub struct NotAnAddress;

/// Why Alertmanager did not do it. None of these shows the password that may stand in its address.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There was no answer.
    #[error("Alertmanager at {address} cannot be reached; is it running, and is that its address?")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the network said.
        source: reqwest::Error,
    },
    /// What answered is not an Alertmanager, or one without this API (before 0.16).
    #[error("what answers at {address} is not an Alertmanager with /api/v2: {reason}")]
    NotAlertmanager {
        /// Where.
        address: String,
        /// What it answered.
        reason: String,
    },
    /// It says no.
    #[error("Alertmanager refused: {0}")]
    Refused(String),
    /// It knows no silence of that id.
    #[error("Alertmanager knows no silence `{0}`")]
    UnknownSilence(String),
    /// It wants a user and a password, or others.
    #[error(
        "Alertmanager at {address} asks for a user and a password ({status}): write them into its address, as in https://USER:PASSWORD@host"
    )]
    NotAllowed {
        /// Where.
        address: String,
        /// 401 or 403.
        status: u16,
    },
    /// It, or what stands before it, is in trouble.
    #[error("Alertmanager at {address} is in trouble: {reason}")]
    Trouble {
        /// Where.
        address: String,
        /// What it said.
        reason: String,
    },
}

impl Client {
    /// Returns a client for the Alertmanager at `base`, which may have a path (`--web.route-prefix`).
    ///
    /// # Errors
    /// When no Alertmanager can be at such an address.
    pub fn new(http: reqwest::Client, base: Url) -> Result<Self, NotAnAddress> {
        let is_plain = matches!(base.scheme(), "http" | "https") && base.query().is_none() && base.fragment().is_none();
        if is_plain && base.has_host() { Ok(Self { http, base }) } else { Err(NotAnAddress) }
    }

    /// Returns where it is, without a password.
    #[must_use]
    pub fn address(&self) -> String {
        let mut shown = self.base.clone();
        // Neither can fail: `new` has seen a host.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.as_str().trim_end_matches('/').to_owned()
    }

    /// Returns the alerts that match all of `filter`.
    ///
    /// # Errors
    /// When Alertmanager cannot be asked.
    pub async fn alerts(&self, which: Which, filter: &[Matcher]) -> Result<Vec<Alert>, Error> {
        let held_back = if which == Which::All { "true" } else { "false" };
        let mut url = self.endpoint(&["alerts"]);
        url.query_pairs_mut()
            .append_pair("active", "true")
            .append_pair("silenced", held_back)
            .append_pair("inhibited", held_back)
            .append_pair("unprocessed", held_back)
            .extend_pairs(filter.iter().map(|matcher| ("filter", matcher.to_string())));
        self.json(Method::GET, url, None::<&()>).await
    }

    /// Returns all silences, those that are over included.
    ///
    /// # Errors
    /// When Alertmanager cannot be asked.
    pub async fn silences(&self) -> Result<Vec<Silence>, Error> {
        self.json(Method::GET, self.endpoint(&["silences"]), None::<&()>).await
    }

    /// Begins a silence and returns its id.
    ///
    /// # Errors
    /// When Alertmanager does not take it.
    pub async fn silence(&self, silence: &NewSilence) -> Result<String, Error> {
        #[derive(serde::Deserialize)]
        struct Begun {
            #[serde(rename = "silenceID")]
            id: String,
        }
        let begun: Begun = self.json(Method::POST, self.endpoint(&["silences"]), Some(silence)).await?;
        Ok(begun.id)
    }

    /// Ends the silence `id` now. One that is over already stays so.
    ///
    /// # Errors
    /// When there is none of that id, or Alertmanager cannot be asked.
    pub async fn end(&self, id: &str) -> Result<(), Error> {
        let (status, body) = self.call(Method::DELETE, self.endpoint(&["silence", id]), None::<&()>).await?;
        match status {
            status if status.is_success() => Ok(()),
            // A text that is no UUID is a 422 in recent releases, and a 500 in 0.25.
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Err(Error::UnknownSilence(id.to_owned())),
            _ if reason(&body).contains("already expired") => Ok(()),
            _ if reason(&body).contains("not found") => Err(Error::UnknownSilence(id.to_owned())),
            status => Err(self.refusal(status, &body)),
        }
    }

    fn endpoint(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(["api", "v2"]).extend(path);
        url
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let (status, body) = self.call(method, url, body).await?;
        if !status.is_success() {
            return Err(self.refusal(status, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Error::NotAlertmanager { address: self.address(), reason: error.to_string() })
    }

    async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let unreachable =
            |error: reqwest::Error| Error::Unreachable { address: self.address(), source: error.without_url() };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
                let reason = format!("its answer is longer than {} MiB", ANSWER_LIMIT_BYTES / 1024 / 1024);
                return Err(Error::NotAlertmanager { address: self.address(), reason });
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Error {
        let address = self.address();
        match status.as_u16() {
            401 | 403 => Error::NotAllowed { address, status: status.as_u16() },
            400 | 422 => Error::Refused(reason(body)),
            300..=499 => Error::NotAlertmanager { address, reason: status.to_string() },
            _ => Error::Trouble { address, reason: format!("{status} {}", reason(body)).trim_end().to_owned() },
        }
    }
}

/// Refusals are a JSON string, an object with a message, or bare text, by release and by what refuses.
fn reason(body: &[u8]) -> String {
    let text = match serde_json::from_slice(body) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Object(object)) if object.contains_key("message") => {
            object["message"].as_str().unwrap_or_default().to_owned()
        }
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|char| !char.is_control()).take(REASON_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::Uri;
    use axum::routing::{any, get};

    use super::*;

    /// The answers are those of Alertmanager 0.25; `e2e/tests/silence.rs` asks the real one.
    async fn client(router: Router, before: &str, path: &str) -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{before}{}{path}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Client::new(daemon::http::client("test").unwrap(), base.parse().unwrap()).unwrap()
    }

    fn said(error: &Error) -> String {
        let port = error
            .to_string()
            .split("127.0.0.1:")
            .nth(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
        error.to_string().replace(&port.unwrap_or("no port".to_owned()), "PORT")
    }

    #[tokio::test]
    async fn the_path_of_a_route_prefix_is_kept_and_filters_are_escaped() {
        let echo =
            any(|uri: Uri| async move { (StatusCode::BAD_REQUEST, serde_json::json!(uri.to_string()).to_string()) });
        let client = client(Router::new().fallback(echo), "", "/am/").await;
        let filter = [Matcher::equal("instance", "ho\"st&1")];
        let Error::Refused(uri) = client.alerts(Which::Told, &filter).await.unwrap_err() else { panic!() };
        assert_eq!(
            uri,
            "/am/api/v2/alerts?active=true&silenced=false&inhibited=false&unprocessed=false&filter=instance%3D%22ho%5C%22st%261%22"
        );
        let error = client.end("../../x?y").await.unwrap_err();
        assert!(error.to_string().contains("/am/api/v2/silence/..%2F..%2Fx%3Fy"), "{error}");
    }

    #[tokio::test]
    async fn every_trouble_says_what_to_look_at_and_no_password() {
        let answers = |status: u16, body: &'static str| {
            Router::new().fallback(any(move || async move { (StatusCode::from_u16(status).unwrap(), body) }))
        };
        let silences = async |status, body| {
            let client = client(answers(status, body), "me:hunter2@", "").await;
            said(&client.silences().await.unwrap_err())
        };
        insta::assert_snapshot!(silences(200, "<html>").await, @"what answers at http://127.0.0.1:PORT is not an Alertmanager with /api/v2: expected value at line 1 column 1");
        insta::assert_snapshot!(silences(404, "404 page not found").await, @"what answers at http://127.0.0.1:PORT is not an Alertmanager with /api/v2: 404 Not Found");
        insta::assert_snapshot!(silences(401, "").await, @"Alertmanager at http://127.0.0.1:PORT asks for a user and a password (401): write them into its address, as in https://USER:PASSWORD@host");
        insta::assert_snapshot!(silences(400, r#""bad matcher format: x""#).await, @"Alertmanager refused: bad matcher format: x");
        insta::assert_snapshot!(silences(422, r#"{"code":602,"message":"matchers in body is required"}"#).await, @"Alertmanager refused: matchers in body is required");
        insta::assert_snapshot!(silences(502, "bad\n gateway").await, @"Alertmanager at http://127.0.0.1:PORT is in trouble: 502 Bad Gateway bad gateway");

        let nowhere: Url = "http://me:hunter2@127.0.0.1:1/".parse().unwrap();
        let client = Client::new(daemon::http::client("test").unwrap(), nowhere).unwrap();
        let error = client.silences().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Alertmanager at http://127.0.0.1:1 cannot be reached; is it running, and is that its address?"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn ending_a_silence_that_is_over_is_no_fault_and_one_that_never_was_is() {
        let gone = any(|| async { (StatusCode::INTERNAL_SERVER_ERROR, r#""silence already expired""#) });
        client(Router::new().fallback(gone), "", "").await.end("id").await.unwrap();
        let unknown = any(|| async { (StatusCode::INTERNAL_SERVER_ERROR, r#""silence not found""#) });
        let error = client(Router::new().fallback(unknown), "", "").await.end("id").await.unwrap_err();
        assert_eq!(error.to_string(), "Alertmanager knows no silence `id`");
    }

    #[tokio::test]
    async fn what_alertmanager_says_of_an_alert_is_read() {
        let alerts = r#"[{"annotations":{},"endsAt":"2026-11-25T02:00:00.000Z","fingerprint":"f00","receivers":[{"name":"r"}],
            "startsAt":"2026-11-25T01:00:00.000Z","status":{"inhibitedBy":[],"silencedBy":["s"],"state":"suppressed"},
            "updatedAt":"2026-11-25T01:30:00.000Z","generatorURL":"http://p","labels":{"alertname":"A","instance":"web-1"}}]"#;
        let router = Router::new().route("/api/v2/alerts", get(move || async move { alerts }));
        let alerts = client(router, "", "").await.alerts(Which::All, &[]).await.unwrap();
        let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
        assert!(alert.is_silenced() && !alert.is_inhibited());
        assert!(alert.is_firing("2026-11-25T01:59:59Z".parse().unwrap()));
        assert!(!alert.is_firing("2026-11-25T02:00:00Z".parse().unwrap()));
        assert_eq!(alert.labels["instance"], "web-1");
    }

    #[test]
    fn only_http_can_be_an_alertmanager() {
        let client = |url: &str| Client::new(daemon::http::client("test").unwrap(), url.parse().unwrap());
        assert_eq!(client("ftp://am/").unwrap_err(), NotAnAddress);
        assert_eq!(client("http://am/?x=1").unwrap_err(), NotAnAddress);
        assert_eq!(client("http://me:hunter2@am:9093/x/").unwrap().address(), "http://am:9093/x");
    }
}
