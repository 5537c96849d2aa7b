//! Spans of time that people write down: `{days: [mon-fri], from: '22:00', to: '07:00', zone: Asia/Tokyo}`.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::text;

/// How many windows may follow one another without a gap before we stop looking for the end: a year of nights.
const CHAIN_LIMIT: usize = 400;

/// A span of time, once or on some days of every week.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WindowConfig")]
pub struct Window {
    span: Span,
    zone: TimeZone,
}

#[derive(Clone, Debug)]
enum Span {
    /// From one moment to another.
    Once { from: DateTime, to: DateTime },
    /// On these days; one that ends before it begins ends on the next day.
    Weekly { days: Vec<Weekday>, from: Time, to: Time },
}

/// A window as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowConfig {
    /// Days on which it begins: `mon`, or `mon-fri`. All, when there are none.
    #[serde(default)]
    days: Vec<Days>,
    /// `22:00` for every such day, or `2026-12-01T02:00` for once.
    from: Clock,
    /// The end, which is not in it any more. `24:00` is the end of the day.
    to: Clock,
    /// The zone of all this, as `Asia/Tokyo`; that of this machine when there is none.
    zone: Option<Zone>,
}

impl Window {
    /// Returns when the window ends that `now` lies in; nothing when it lies in none.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let local = now.to_zoned(self.zone.clone());
        match &self.span {
            Span::Once { from, to } => self.within(now, *from, *to),
            Span::Weekly { days, from, to } => {
                // It may have begun yesterday, and a day is no longer than that.
                [local.date().yesterday(), Ok(local.date())].into_iter().flatten().find_map(|date| {
                    let begins = days.is_empty() || days.contains(&date.weekday());
                    let ends_on = if to <= from { date.tomorrow().ok()? } else { date };
                    if begins { self.within(now, date.to_datetime(*from), ends_on.to_datetime(*to)) } else { None }
                })
            }
        }
    }

    /// A time that the clocks skip or repeat is taken as the calendar RFC 5545 takes it.
    fn within(&self, now: Timestamp, from: DateTime, to: DateTime) -> Option<Timestamp> {
        let at =
            |moment: DateTime| self.zone.to_ambiguous_zoned(moment).compatible().ok().map(|zoned| zoned.timestamp());
        let (from, to) = (at(from)?, at(to)?);
        (from <= now && now < to).then_some(to)
    }
}

/// Returns when the windows end that `now` lies in, one after the other without a gap; nothing when it lies in none.
#[must_use]
pub fn until(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let mut end = None;
    for _ in 0..CHAIN_LIMIT {
        let from = end.unwrap_or(now);
        match windows.iter().filter_map(|window| window.until(from)).max() {
            Some(later) => end = Some(later),
            None => break,
        }
    }
    end
}

impl TryFrom<WindowConfig> for Window {
    type Error = String;

    fn try_from(config: WindowConfig) -> Result<Self, String> {
        let zone = config.zone.map_or_else(TimeZone::system, |zone| zone.0);
        let span = match (config.from, config.to) {
            (Clock::Moment(_), Clock::Moment(_)) if !config.days.is_empty() => {
                return Err("a window with dates is for once; leave `days` out".to_owned());
            }
            (Clock::Moment(from), Clock::Moment(to)) if from < to => Span::Once { from, to },
            (Clock::Moment(from), Clock::Moment(to)) => {
                return Err(format!("a window cannot end ({to}) before it begins ({from})"));
            }
            (Clock::Time(from), Clock::Time(to)) => {
                Span::Weekly { days: config.days.into_iter().flat_map(|days| days.0).collect(), from, to }
            }
            _ => {
                let why = "`from` and `to` are both times of day (22:00), or both with a date (2026-12-01T02:00)";
                return Err(why.to_owned());
            }
        };
        Ok(Self { span, zone })
    }
}

/// A time of day, or one on a certain day.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
enum Clock {
    Time(Time),
    Moment(DateTime),
}

impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let trimmed = text.trim();
        if trimmed == "24:00" {
            // A window that ends at midnight ends on the next day, as every one whose end comes before its begin.
            return Ok(Self::Time(Time::midnight()));
        }
        let time = trimmed.len() >= 4 && trimmed.find(':').is_some_and(|place| place <= 2);
        let read = match time {
            true => format!("{trimmed:0>5}").parse().map(Self::Time).ok(),
            false if trimmed.contains(['T', ' ']) => trimmed.parse().map(Self::Moment).ok(),
            false => None,
        };
        read.ok_or_else(|| {
            format!("`{}` is no time: write '22:00', in quotes, or 2026-12-01T02:00", text::clip(trimmed, 40))
        })
    }
}

/// One day, or all from one to another.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Days(Vec<Weekday>);

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let day = |name: &str| {
            let name = name.trim().to_ascii_lowercase();
            let all = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
            let place = all.iter().position(|day| *day == name || day[..3] == name)?;
            Weekday::from_monday_zero_offset(i8::try_from(place).ok()?).ok()
        };
        let read = match text.split_once('-') {
            None => day(&text).map(|day| vec![day]),
            Some((first, last)) => day(first).zip(day(last)).map(|(first, last)| {
                let mut days = vec![first];
                // `sat-mon` goes over the end of the week.
                while let Some(day) = days.last().filter(|day| **day != last) {
                    days.push(day.next());
                }
                days
            }),
        };
        read.map(Self).ok_or_else(|| format!("`{}` is no day: write mon, or mon-fri", text::clip(&text, 40)))
    }
}

/// A time zone by its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub TimeZone);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        TimeZone::get(name.trim()).map(Self).map_err(|_| {
            format!("`{}` is no time zone: write its name, as Asia/Tokyo or UTC", text::clip(&text::line(&name), 60))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(json: &str) -> Result<Window, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// When the window ends that this moment of Tokyo or Berlin lies in, as the clocks there show it.
    fn until_at(json: &str, now: &str) -> Option<String> {
        let window = window(json).unwrap();
        let now = now.parse::<DateTime>().unwrap().to_zoned(window.zone.clone()).unwrap();
        let end = window.until(now.timestamp())?;
        Some(end.to_zoned(window.zone).strftime("%m-%d %H:%M").to_string())
    }

    #[test]
    fn a_night_goes_on_past_midnight() {
        let night = r#"{"from":"22:00","to":"07:00","zone":"Asia/Tokyo"}"#;
        for (now, end) in [
            ("2026-11-25T21:59:59", None),
            ("2026-11-25T22:00", Some("11-26 07:00")),
            ("2026-11-26T00:00", Some("11-26 07:00")),
            ("2026-11-26T06:59:59", Some("11-26 07:00")),
            ("2026-11-26T07:00", None),
        ] {
            assert_eq!(until_at(night, now).as_deref(), end, "{now}");
        }
    }

    #[test]
    fn a_day_is_the_one_on_which_a_window_begins() {
        // 2026-11-27 is a Friday.
        let nights = r#"{"days":["mon-thu","sun"],"from":"22:00","to":"07:00","zone":"Asia/Tokyo"}"#;
        assert_eq!(until_at(nights, "2026-11-27T03:00").as_deref(), Some("11-27 07:00"));
        assert_eq!(until_at(nights, "2026-11-28T03:00"), None);
        assert_eq!(until_at(nights, "2026-11-29T23:00").as_deref(), Some("11-30 07:00"));
        let weekend = r#"{"days":["sat-sun"],"from":"0:00","to":"24:00","zone":"Asia/Tokyo"}"#;
        assert_eq!(until_at(weekend, "2026-11-28T12:00").as_deref(), Some("11-29 00:00"));
        assert_eq!(until_at(weekend, "2026-11-27T23:59"), None);
    }

    #[test]
    fn windows_without_a_gap_are_one() {
        let all = window(r#"{"days":["sat-sun"],"from":"00:00","to":"24:00","zone":"UTC"}"#).unwrap();
        let night = window(r#"{"from":"22:00","to":"07:00","zone":"UTC"}"#).unwrap();
        let at =
            |moment: &str| until(&[all.clone(), night.clone()], moment.parse().unwrap()).map(|end| end.to_string());
        // From Friday's night through the weekend to Monday morning.
        assert_eq!(at("2026-11-27T23:00:00Z").as_deref(), Some("2026-11-30T07:00:00Z"));
        assert_eq!(at("2026-11-30T08:00:00Z"), None);
        let always = window(r#"{"from":"00:00","to":"24:00","zone":"UTC"}"#).unwrap();
        assert!(until(&[always], "2026-11-27T23:00:00Z".parse().unwrap()).is_some());
    }

    #[test]
    fn a_window_keeps_to_the_clocks_of_its_zone_when_they_change() {
        // In Berlin 02:00 to 03:00 is skipped on 2026-03-29, and comes twice on 2026-10-25.
        let night = window(r#"{"from":"22:00","to":"07:00","zone":"Europe/Berlin"}"#).unwrap();
        let hours = |from: &str| {
            let from: Timestamp = from.parse().unwrap();
            night.until(from).unwrap().duration_since(from).as_hours()
        };
        assert_eq!(hours("2026-03-28T21:00:00Z"), 8);
        assert_eq!(hours("2026-10-24T20:00:00Z"), 10);
        let skipped = r#"{"from":"02:30","to":"04:00","zone":"Europe/Berlin"}"#;
        assert_eq!(until_at(skipped, "2026-03-29T03:45").as_deref(), Some("03-29 04:00"));
    }

    #[test]
    fn a_window_for_once_has_dates() {
        let once = r#"{"from":"2026-12-01T02:00","to":"2026-12-01T04:00","zone":"Asia/Tokyo"}"#;
        assert_eq!(until_at(once, "2026-12-01T03:00").as_deref(), Some("12-01 04:00"));
        assert_eq!(until_at(once, "2026-12-02T03:00"), None);
    }

    #[test]
    fn what_is_no_window_says_why() {
        for (wrong, why) in [
            (r#"{"from":"22:00"}"#, "missing field `to`"),
            (r#"{"from":"25:00","to":"07:00"}"#, "`25:00` is no time"),
            (r#"{"from":"10pm","to":"07:00"}"#, "`10pm` is no time"),
            (r#"{"from":"22:00","to":"07:00","zone":"Tokyo"}"#, "`Tokyo` is no time zone"),
            (r#"{"from":"22:00","to":"07:00","days":["weekdays"]}"#, "`weekdays` is no day"),
            (r#"{"from":"22:00","to":"2026-12-01T02:00"}"#, "both with a date"),
            (r#"{"from":"2026-12-01T02:00","to":"2026-11-01T02:00"}"#, "before it begins"),
            (r#"{"from":"2026-12-01T02:00","to":"2026-12-01T03:00","days":["mon"]}"#, "leave `days` out"),
        ] {
            let refusal = window(wrong).unwrap_err();
            assert!(refusal.contains(why), "{wrong}: {refusal}");
        }
    }
}
