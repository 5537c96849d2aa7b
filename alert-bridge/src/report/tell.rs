//! A survey as a note: a field for each host that needs one, and the others by name.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::chart;
use super::fleet::{Host, State};
use super::prometheus::Unanswered;
use super::survey::{Fired, Survey};
use crate::kind::Level;
use crate::language::Language;
use crate::message::Label;
use crate::note::Note;
use crate::text;

/// As many as a card of Discord's has room for, but for one.
const FIELDS_LIMIT: usize = 24;
/// With more hosts than that, only those that need somebody have a field.
const FIELDS_IN_NEED_LIMIT: usize = 15;
const ALERTS_LIMIT: usize = 10;
/// Code points for a list of names.
const NAMES_ROOM: usize = 1500;
const NAME_LIMIT: usize = 60;

/// How a report is told.
#[derive(Clone, Debug)]
pub struct Manner {
    /// In which language.
    pub language: Language,
    /// By whose clocks.
    pub zone: TimeZone,
    /// Of how long.
    pub period: SignedDuration,
    /// When it was due, if it comes late.
    pub late_since: Option<Timestamp>,
}

impl Manner {
    /// Tells `survey`, without its picture.
    pub fn note(&self, survey: &Survey) -> Note {
        let (language, fleet) = (self.language, &survey.fleet);
        let is_long = fleet.hosts.len() > FIELDS_LIMIT;
        let in_need = |host: &Host| !host.is_up() || host.is_strained();
        let has_field =
            |place: usize, host: &Host| if is_long { in_need(host) && place < FIELDS_IN_NEED_LIMIT } else { true };
        let (mut fields, mut well, mut others_in_need) = (Vec::new(), Vec::new(), Vec::new());
        for (place, host) in fleet.hosts.iter().enumerate() {
            if has_field(place, host) {
                fields.push(self.field(place, host));
            } else if in_need(host) {
                others_in_need.push(host.name.as_str());
            } else {
                well.push(host.name.as_str());
            }
        }
        let mut parts = vec![language.report_period([fleet.from, fleet.to], &self.zone)];
        parts.extend(self.late_since.map(|due| language.report_is_late(due, &self.zone)));
        parts.extend(survey.is_blind.then(|| language.report_is_blind().to_owned()));
        parts.extend(fleet.hosts.is_empty().then(|| language.report_no_hosts().to_owned()));
        parts.push(self.alerts(&survey.alerts));
        let mut list =
            |lead: String, names: &[&str]| parts.extend((!names.is_empty()).then(|| lead + &self.names(names)));
        list(language.report_others_in_need(others_in_need.len()), &others_in_need);
        list(language.report_others(well.len()), &well);
        let title = language.report_title(self.period, fleet.hosts.len(), fleet.down());
        // Nobody is called for a report, however bad it is: what is bad was an alert.
        let note = Note::new(Level::Info, title, parts.join("\n\n"), fleet.to);
        Note { fields, silent: true, ..note }
    }

    /// Tells that there is nothing to tell.
    pub fn unanswered(&self, error: &Unanswered, now: Timestamp) -> Note {
        let title = self.language.report_without_figures(self.period);
        let text = self.language.report_unanswered(&error.to_string(), self.period);
        Note::new(Level::Warning, title, text, now)
    }

    fn field(&self, place: usize, host: &Host) -> Label {
        let language = self.language;
        let mark = match host.state {
            State::Down(_) => "🔴",
            State::Up if host.is_strained() => "🟠",
            State::Up => "🟢",
        };
        let name = text::clip(&host.name, NAME_LIMIT);
        // The name by which the picture calls it.
        let name = if chart::is_lettered(&host.name) { name } else { format!("#{} {name}", place + 1) };
        let mut lines = Vec::new();
        match host.state {
            State::Down(since) => {
                lines.push(language.down_since(since, &self.zone));
                let peaks = host.gauges().filter_map(|(gauge, figure)| {
                    Some(format!("{} {}", language.gauge(gauge), language.peak(&percent(figure.peak()?))))
                });
                lines.extend(peaks);
            }
            State::Up => {
                lines.extend(host.gauges().filter_map(|(gauge, figure)| {
                    let (now, peak) = (percent(figure.now?), percent(figure.peak()?));
                    let peak = if peak == now { String::new() } else { format!(" ({})", language.peak(&peak)) };
                    Some(format!("{} {now}{peak}", language.gauge(gauge)))
                }));
                lines.extend(host.uptime.map(|uptime| language.uptime(uptime)));
            }
        }
        lines.extend(lines.is_empty().then(|| "–".to_owned()));
        Label { name: format!("{mark} {name}"), value: lines.join("\n") }
    }

    fn alerts(&self, alerts: &[Fired]) -> String {
        let language = self.language;
        let mut lines = vec![language.report_alerts(alerts.len()).to_owned()];
        for fired in alerts.iter().take(ALERTS_LIMIT) {
            let name = if fired.name.is_empty() { language.nameless() } else { &fired.name };
            let place = if fired.place.is_empty() { String::new() } else { format!(" — {}", fired.place) };
            let what = text::clip(&format!("{name}{place}"), 2 * NAME_LIMIT);
            lines.push(format!("• {what}: {}", language.report_fired(fired.time, fired.is_firing)));
        }
        lines
            .extend((alerts.len() > ALERTS_LIMIT).then(|| format!("• {}", language.more(alerts.len() - ALERTS_LIMIT))));
        lines.join("\n")
    }

    fn names(&self, names: &[&str]) -> String {
        let (mut list, comma) = (String::new(), self.language.comma());
        for (place, name) in names.iter().enumerate() {
            let name = text::clip(name, NAME_LIMIT);
            if text::length(&list) + text::length(&name) > NAMES_ROOM {
                return format!("{list} {}", self.language.more(names.len() - place));
            }
            list = if place == 0 { name } else { list + comma + &name };
        }
        list
    }
}

fn percent(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}
