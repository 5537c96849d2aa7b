//! Asks Prometheus how every host was over the period.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::fleet::{Figure, Fleet, Gauge, Host, SPANS, State};
use super::prometheus::{Labels, Prometheus, Sample, Series, Unanswered};
use super::queries;
use crate::text;

/// What a survey found.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The hosts.
    pub fleet: Fleet,
    /// What fired in the period, the longest first.
    pub alerts: Vec<Fired>,
    /// The Pushgateway cannot be read, so that nobody knows who is down.
    pub is_blind: bool,
}

/// An alert that fired in the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Its name, and where it fired: `HostHighCPU`, `game-2`.
    pub name: String,
    /// The host or whatever else; may be empty.
    pub place: String,
    /// For how long in all, about.
    pub time: SignedDuration,
    /// Whether it still does.
    pub is_firing: bool,
}

/// What makes a host: job and instance.
type Key = (String, String);

/// Asks for the `period` that ends `now`.
///
/// # Errors
/// When Prometheus leaves a question unanswered: half a report would read like a whole one.
pub async fn survey(
    prometheus: &Prometheus,
    now: Timestamp,
    period: SignedDuration,
    watchdog: &str,
) -> Result<Survey, Unanswered> {
    let from = now - period;
    let mut hosts = hosts(prometheus, now, period).await?;
    for sample in prometheus.query(&queries::uptime(), now).await? {
        if let Some(host) = hosts.get_mut(&key(&sample.labels)).filter(|host| host.is_up()) {
            host.uptime = SignedDuration::try_from_secs_f64(sample.value).ok();
        }
    }
    for gauge in Gauge::ALL {
        measure(prometheus, &mut hosts, gauge, queries::recorded(gauge), [from, now]).await?;
        // Asking for what is recorded costs little; the other question is for those that nobody records.
        let is_known = |host: &Host| host.figures[gauge as usize] != Figure::default();
        if hosts.values().any(|host| !is_known(host)) {
            let mut others = hosts.clone();
            others.retain(|_, host| !is_known(host));
            measure(prometheus, &mut others, gauge, &queries::pushed(gauge), [from, now]).await?;
            hosts.extend(others);
        }
    }
    let gateway = prometheus.query(queries::GATEWAY, now).await?;
    let mut fleet = Fleet { from, to: now, hosts: named(hosts) };
    fleet.sort();
    let alerts = alerts(prometheus, now, period, watchdog).await?;
    Ok(Survey { fleet, alerts, is_blind: gateway.first().is_some_and(|gateway| gateway.value == 0.0) })
}

async fn hosts(
    prometheus: &Prometheus,
    now: Timestamp,
    period: SignedDuration,
) -> Result<BTreeMap<Key, Host>, Unanswered> {
    let mut hosts = BTreeMap::new();
    let mut known = prometheus.query(&queries::last_seen(), now).await?;
    // Those that are gone by now come last, so that they change nothing about those that are known.
    known.extend(prometheus.query(&queries::last_seen_in(period), now).await?);
    for Sample { labels, value } in known {
        let seen = SignedDuration::try_from_secs_f64(value).ok().and_then(|since| Timestamp::from_duration(since).ok());
        let Some(seen) = seen else { continue };
        let is_up = now.duration_since(seen) < SignedDuration::from_secs(queries::DOWN_AFTER_SECONDS);
        let state = if is_up { State::Up } else { State::Down(seen) };
        let figures = [Figure::default(), Figure::default(), Figure::default()];
        let host = Host { name: String::new(), state, uptime: None, figures };
        hosts.entry(key(&labels)).or_insert(host);
    }
    Ok(hosts)
}

/// Fills in what `expression` says of `gauge`, now and in the spans of the period.
async fn measure(
    prometheus: &Prometheus,
    hosts: &mut BTreeMap<Key, Host>,
    gauge: Gauge,
    expression: &str,
    [from, to]: [Timestamp; 2],
) -> Result<(), Unanswered> {
    for Sample { labels, value } in prometheus.query(expression, to).await? {
        // The figures of a host that is down are those of before.
        if let Some(host) = hosts.get_mut(&key(&labels)).filter(|host| host.is_up()) {
            host.figures[gauge as usize].now = Some(value as f32);
        }
    }
    let span = to.duration_since(from) / i32::try_from(SPANS).expect("the spans are few");
    for Series { labels, points } in
        prometheus.range(&queries::highest(expression, span), [from + span, to], span).await?
    {
        let Some(host) = hosts.get_mut(&key(&labels)) else { continue };
        for (time, value) in points {
            // The point at the end of a span tells of that span.
            let place = ((time - from.as_duration().as_secs_f64()) / span.as_secs_f64()).round() - 1.0;
            if (0.0..SPANS as f64).contains(&place) {
                host.figures[gauge as usize].course[place as usize] = Some(value as f32);
            }
        }
    }
    Ok(())
}

async fn alerts(
    prometheus: &Prometheus,
    now: Timestamp,
    period: SignedDuration,
    watchdog: &str,
) -> Result<Vec<Fired>, Unanswered> {
    let firing: Vec<_> =
        prometheus.query(&queries::firing(watchdog), now).await?.into_iter().map(|sample| sample.labels).collect();
    let (expression, apart) = queries::alerts(period, watchdog);
    let mut alerts: BTreeMap<(String, String), Fired> = BTreeMap::new();
    for Sample { labels, value } in prometheus.query(&expression, now).await? {
        let label = |name| text::line(labels.get(name).map_or("", String::as_str));
        let (name, place) =
            (label("alertname"), [label("instance"), label("job")].into_iter().find(|place| !place.is_empty()));
        let fired = Fired { name, place: place.unwrap_or_default(), time: apart * value as i32, is_firing: false };
        // Two file systems of one host are one line: the longer counts.
        let known = alerts.entry((fired.name.clone(), fired.place.clone())).or_insert_with(|| fired.clone());
        known.time = known.time.max(fired.time);
        let is_this =
            |now: &Labels| ["alertname", "instance", "job"].iter().all(|name| now.get(*name) == labels.get(*name));
        known.is_firing |= firing.iter().any(is_this);
    }
    let mut alerts: Vec<_> = alerts.into_values().collect();
    alerts.sort_by_key(|fired| std::cmp::Reverse((fired.is_firing, fired.time)));
    Ok(alerts)
}

/// Gives hosts the shortest names that tell them apart.
fn named(hosts: BTreeMap<Key, Host>) -> Vec<Host> {
    let mut shared: BTreeMap<String, usize> = BTreeMap::new();
    for (_, instance) in hosts.keys() {
        *shared.entry(instance.clone()).or_default() += 1;
    }
    let name = |(job, instance): &Key| match (text::line(job), text::line(instance)) {
        (job, instance) if instance.is_empty() => job,
        (job, instance) if shared.get(&instance).is_some_and(|count| *count > 1) => format!("{instance} ({job})"),
        (_, instance) => instance,
    };
    hosts.iter().map(|(key, host)| Host { name: name(key), ..host.clone() }).collect()
}

fn key(labels: &Labels) -> Key {
    let label = |name| labels.get(name).cloned().unwrap_or_default();
    (label("job"), label("instance"))
}
