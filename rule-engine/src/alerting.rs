//! An alerting rule at work: inactive → pending → firing, and back.

use std::collections::BTreeMap;

use promql::{Point, Storage};
use series::{Labels, METRIC_NAME, Sample, is_stale};

use crate::alert::{Alert, Change, State};
use crate::ask::vector;
use crate::duration::millis;
use crate::rules::AlertingRule;
use crate::settings::Settings;
use crate::template::Subject;

/// The metric that says which alerts there are.
pub(crate) const ALERTS: &str = "ALERTS";

/// The metric that says since when, for the next start.
pub(crate) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// For how long an alert that is over is remembered: 15 minutes, as in Prometheus, in milliseconds.
const RETENTION: i64 = 15 * 60 * 1000;

/// The alerts of one rule, by their labels.
pub(crate) type Alerts = BTreeMap<Labels, Alert>;

/// Where and when a rule is evaluated.
pub(crate) struct Moment<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) storage: &'a dyn Storage,
    /// The time of the evaluation.
    pub(crate) now: i64,
    /// The time that queries are asked at: `now` without the group's offset.
    pub(crate) at: i64,
    /// The group's limit; 0 is none.
    pub(crate) limit: usize,
}

/// Evaluates the rule: what its query returns decides over `alerts`.
///
/// # Errors
/// When the query fails, when two alerts would bear the same labels, or when there are more alerts than the group allows
/// (all alerts are then forgotten, as in Prometheus). The words are for the operator.
pub(crate) fn evaluate(rule: &AlertingRule, alerts: &mut Alerts, moment: &Moment<'_>) -> Result<Vec<Change>, String> {
    let points = vector(&moment.settings.engine, moment.storage, &rule.query, moment.at)?;
    let mut present = Alerts::new();
    for point in points {
        let alert = describe(rule, &point, moment);
        if present.insert(alert.labels.clone(), alert).is_some() {
            return Err("vector contains metrics with the same labelset after applying alert labels".to_owned());
        }
    }
    let changes = advance(alerts, present, Terms::of(rule), moment.now);
    let active = alerts.values().filter(|alert| alert.state != State::Inactive).count();
    if moment.limit > 0 && active > moment.limit {
        alerts.clear();
        return Err(format!("exceeded limit of {} with {active} alerts", moment.limit));
    }
    Ok(changes)
}

/// Makes the alert of a series. What it may say of the series includes the metric's name, but it is not called by it.
fn describe(rule: &AlertingRule, point: &Point, moment: &Moment<'_>) -> Alert {
    let settings = moment.settings;
    let query = |text: &str| {
        let query = promql::Query::parse(text).map_err(|reason| reason.to_string())?;
        vector(&settings.engine, moment.storage, &query, moment.at)
    };
    let subject = Subject {
        alert: &rule.alert,
        labels: &point.labels,
        value: point.sample.value,
        external_labels: &settings.external_labels,
        external_url: &settings.external_url,
        query: &query,
    };
    let mut labels = point.labels.without_metric();
    for (name, template) in &rule.labels {
        labels = labels.with(name, &template.expand(&subject));
    }
    Alert {
        state: State::Pending,
        labels: labels.with("alertname", &rule.alert),
        annotations: rule
            .annotations
            .iter()
            .map(|(name, template)| (name.clone(), template.expand(&subject)))
            .collect(),
        value: point.sample.value,
        active_at: moment.now,
        fired_at: None,
        resolved_at: None,
        keep_firing_since: None,
    }
}

/// When alerts fire, and when they stop. Milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) hold: i64,
    pub(crate) keep_firing: i64,
}

impl Terms {
    fn of(rule: &AlertingRule) -> Self {
        Self { hold: millis(rule.hold), keep_firing: millis(rule.keep_firing) }
    }
}

/// Takes `alerts` one evaluation further, given those that are `present` now.
pub(crate) fn advance(alerts: &mut Alerts, present: Alerts, terms: Terms, now: i64) -> Vec<Change> {
    let before: BTreeMap<Labels, State> = alerts.iter().map(|(labels, alert)| (labels.clone(), alert.state)).collect();
    let mut changes = Vec::new();
    alerts.retain(|labels, alert| {
        if present.contains_key(labels) {
            return true;
        }
        let keeps_firing = alert.state == State::Firing
            && terms.keep_firing > 0
            && now - *alert.keep_firing_since.get_or_insert(now) < terms.keep_firing;
        if keeps_firing {
            return true;
        }
        let is_forgotten =
            alert.state == State::Pending || alert.resolved_at.is_some_and(|resolved| now - resolved > RETENTION);
        if alert.state != State::Inactive {
            let from = alert.state;
            alert.state = State::Inactive;
            alert.resolved_at = Some(now);
            changes.push(Change { from, alert: alert.clone() });
        }
        !is_forgotten
    });
    for (labels, found) in present {
        match alerts.get_mut(&labels).filter(|alert| alert.state != State::Inactive) {
            Some(alert) => {
                alert.value = found.value;
                alert.annotations = found.annotations;
                alert.keep_firing_since = None;
            }
            None => {
                alerts.insert(labels, found);
            }
        }
    }
    for (labels, alert) in alerts {
        if alert.state == State::Pending && now - alert.active_at >= terms.hold {
            alert.state = State::Firing;
            alert.fired_at = Some(now);
        }
        let from = before.get(labels).copied().unwrap_or(State::Inactive);
        if alert.state != State::Inactive && alert.state != from {
            changes.push(Change { from, alert: alert.clone() });
        }
    }
    changes
}

/// Returns the samples that tell of the alerts: that they are, and since when.
pub(crate) fn samples(rule: &AlertingRule, alerts: &Alerts, at: i64) -> Vec<Point> {
    let active = alerts.values().filter(|alert| alert.state != State::Inactive);
    active
        .flat_map(|alert| {
            let common = series_labels(rule, alert);
            let labels = common.with(METRIC_NAME, ALERTS).with("alertstate", alert.state.as_str());
            let since = common.with(METRIC_NAME, ALERTS_FOR_STATE);
            [
                Point { labels, sample: Sample::new(at, 1.0) },
                Point { labels: since, sample: Sample::new(at, alert.active_at.div_euclid(1000) as f64) },
            ]
        })
        .collect()
}

/// A label whose template came out empty is not on the alert; on its series Prometheus leaves the template's own text.
fn series_labels(rule: &AlertingRule, alert: &Alert) -> Labels {
    let raw = rule.labels.iter().map(|(name, template)| (name.as_str(), template.text()));
    raw.chain(alert.labels.iter()).collect()
}

/// Takes up where the process before left off: alerts keep the time for which they have been pending.
///
/// An alert that would fire at once, or soon, is given the grace period first: what it waits for may not be back yet.
///
/// # Errors
/// When the storage cannot be read; alerts then begin anew.
pub(crate) fn restore(rule: &AlertingRule, alerts: &mut Alerts, moment: &Moment<'_>) -> Result<(), promql::Error> {
    let (grace, hold) = (millis(moment.settings.grace), millis(rule.hold));
    if hold < grace {
        return Ok(());
    }
    let from = moment.now - millis(moment.settings.outage_tolerance);
    for alert in alerts.values_mut().filter(|alert| alert.state != State::Inactive) {
        let labels = series_labels(rule, alert).with(METRIC_NAME, ALERTS_FOR_STATE);
        let matchers: Vec<series::Matcher> =
            labels.iter().map(|(name, value)| series::Matcher::equal(name, value)).collect();
        let mut kept = Vec::new();
        for stored in moment.storage.select(&matchers, from, moment.now)? {
            if *stored.labels() == labels {
                stored.read(&mut kept)?;
            }
        }
        let last = kept.into_iter().rfind(|sample| (from..=moment.now).contains(&sample.timestamp));
        let Some(last) = last.filter(|sample| !is_stale(sample.value)) else { continue };
        // Whoever may push may push this series too: what it says is kept within what can have been.
        let active_at = (last.value as i64).saturating_mul(1000).min(last.timestamp).max(0);
        let remaining = hold.saturating_sub(last.timestamp.saturating_sub(active_at));
        alert.active_at = if remaining <= 0 {
            // It was firing, and will be at the next evaluation.
            active_at
        } else if remaining < grace {
            moment.now + grace - hold
        } else {
            // The time that nobody watched does not count.
            active_at.saturating_add(moment.now - last.timestamp)
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests;
