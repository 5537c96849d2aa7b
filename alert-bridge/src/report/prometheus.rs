//! Asks over Prometheus' HTTP API, which VictoriaMetrics, Thanos, Mimir and our own hub speak too.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use url::Url;
use url::form_urlencoded::Serializer;

/// A day of a thousand hosts is three megabytes.
const ANSWER_LIMIT_BYTES: usize = 32 * 1024 * 1024;
const REASON_LIMIT: usize = 300;

/// Names and their values.
pub type Labels = BTreeMap<String, String>;

/// Something that answers queries.
#[derive(Clone, Debug)]
pub struct Prometheus {
    http: reqwest::Client,
    base: Url,
}

/// Why there is no answer. Never shows a password that stands in the address.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Nobody is there.
    #[error("nothing answers at {address} ({reason})")]
    Unreachable {
        /// Where.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// Something else is there.
    #[error("what answers at {address} does not speak Prometheus' API: {reason}")]
    NotPrometheus {
        /// Where.
        address: String,
        /// What it said.
        reason: String,
    },
    /// It does not carry out the query.
    #[error("the query was refused: {0}")]
    Refused(String),
}

/// One series at one moment. What is not a number is not here.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// One series over a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Moments in seconds since 1970, and the values there.
    pub points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Returns the one at `base`, which may have a path.
    pub fn new(http: reqwest::Client, base: Url) -> Self {
        Self { http, base }
    }

    /// Returns where it is, without a password.
    pub fn address(&self) -> String {
        let mut shown = self.base.clone();
        // Neither can fail where there is a host.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.as_str().trim_end_matches('/').to_owned()
    }

    /// Asks for the state at `moment`.
    ///
    /// # Errors
    /// When there is no answer that can be read.
    pub async fn query(&self, expression: &str, moment: Timestamp) -> Result<Vec<Sample>, Unanswered> {
        #[derive(Deserialize)]
        struct Instant {
            #[serde(default)]
            metric: Labels,
            value: Point,
        }
        let moment = seconds(moment);
        let found: Vec<Instant> = self.ask("query", &[("query", expression), ("time", &moment)]).await?;
        let samples = found.into_iter().map(|found| Sample { labels: found.metric, value: found.value.1 });
        Ok(samples.filter(|sample| sample.value.is_finite()).collect())
    }

    /// Asks for the states at `from`, then every `step`, until `to`.
    ///
    /// # Errors
    /// When there is no answer that can be read.
    pub async fn range(
        &self,
        expression: &str,
        [from, to]: [Timestamp; 2],
        step: SignedDuration,
    ) -> Result<Vec<Series>, Unanswered> {
        #[derive(Deserialize)]
        struct Range {
            #[serde(default)]
            metric: Labels,
            values: Vec<Point>,
        }
        let (start, end, step) = (seconds(from), seconds(to), format!("{:.3}", step.as_secs_f64()));
        // VictoriaMetrics rounds the times to the step for its cache's sake, unless it is told not to.
        let form = [("query", expression), ("start", &start), ("end", &end), ("step", &step), ("nocache", "1")];
        let found: Vec<Range> = self.ask("query_range", &form).await?;
        let points = |values: Vec<Point>| {
            values.into_iter().map(|Point(time, value)| (time, value)).filter(|(_, value)| value.is_finite()).collect()
        };
        Ok(found.into_iter().map(|found| Series { labels: found.metric, points: points(found.values) }).collect())
    }

    async fn ask<T: DeserializeOwned>(&self, endpoint: &str, form: &[(&str, &str)]) -> Result<Vec<T>, Unanswered> {
        #[derive(Deserialize)]
        struct Answer<T> {
            data: Data<T>,
        }
        #[derive(Deserialize)]
        struct Data<T> {
            result: Vec<T>,
        }
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", endpoint]);
        }
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        // POST: some of our expressions are longer than what a proxy takes in an address.
        let request = self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let answer = async {
            let mut response = request.send().await?;
            let (status, mut body) = (response.status(), Vec::new());
            while let Some(chunk) = response.chunk().await? {
                body.extend_from_slice(&chunk);
                if body.len() > ANSWER_LIMIT_BYTES {
                    break;
                }
            }
            Ok::<_, reqwest::Error>((status, body))
        };
        let (status, body) = answer.await.map_err(|error| Unanswered::Unreachable {
            address: self.address(),
            reason: chain(&error.without_url()),
        })?;
        let not_prometheus = |reason: String| Unanswered::NotPrometheus { address: self.address(), reason };
        if body.len() > ANSWER_LIMIT_BYTES {
            return Err(not_prometheus(format!("its answer is longer than {} MiB", ANSWER_LIMIT_BYTES / 1024 / 1024)));
        }
        if !status.is_success() {
            return Err(self.refusal(status, &body));
        }
        let answer: Answer<T> = serde_json::from_slice(&body).map_err(|error| not_prometheus(error.to_string()))?;
        Ok(answer.data.result)
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Unanswered {
        #[derive(Deserialize)]
        struct Complaint {
            error: String,
            #[serde(rename = "errorType")]
            _kind: IgnoredAny,
        }
        match serde_json::from_slice::<Complaint>(body) {
            Ok(Complaint { error, .. }) => {
                Unanswered::Refused(crate::text::clip(&crate::text::line(&error), REASON_LIMIT))
            }
            Err(_) => Unanswered::NotPrometheus { address: self.address(), reason: status.to_string() },
        }
    }
}

/// `[1700000000.123, "0.5"]`
struct Point(f64, f64);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (time, value) = <(f64, &str)>::deserialize(deserializer)?;
        // Rust reads `NaN`, `+Inf` and `-Inf` as Prometheus writes them.
        value.parse().map(|value| Self(time, value)).map_err(serde::de::Error::custom)
    }
}

fn seconds(moment: Timestamp) -> String {
    format!("{}.{:03}", moment.as_second(), moment.subsec_millisecond())
}

/// The reasons below a failure, the last of which is what the system said.
fn chain(error: &dyn std::error::Error) -> String {
    let deepest = std::iter::successors(Some(error), |error| error.source()).last();
    deepest.map(ToString::to_string).unwrap_or_default()
}
