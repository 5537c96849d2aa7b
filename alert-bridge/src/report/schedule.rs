//! When reports are due: a cron expression, by the clocks of a place.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// The five fields of crontab(5), or a nickname such as `@daily`. What parses comes at least once.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Expression(Cron);

/// Why a text is no cron expression.
#[derive(Debug, thiserror::Error)]
pub enum NotAnExpression {
    /// It cannot be read.
    #[error(
        "`{0}` is no cron expression ({1}): write minute, hour, day of month, month and day of week, as in `0 9 * * *`"
    )]
    Unreadable(String, String),
    /// No day is like that.
    #[error("`{0}` never comes: no day of the calendar is like that")]
    Never(String),
}

impl TryFrom<String> for Expression {
    type Error = NotAnExpression;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&text).map_err(|error| {
            let reason = error.to_string().trim_end_matches('.').to_lowercase();
            NotAnExpression::Unreadable(text.clone(), reason)
        })?;
        let some_day = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        cron.find_next_occurrence(&some_day, true).map_err(|_| NotAnExpression::Never(text))?;
        Ok(Self(cron))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.pattern.as_str())
    }
}

/// The name of a time zone, as in `Asia/Tokyo`. What parses is known to this machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub TimeZone);

/// Why a text is no time zone.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no time zone that this machine knows: write one as in `Asia/Tokyo` or `UTC` (if it is written rightly, install the package tzdata)"
)]
pub struct NotAZone(String);

impl TryFrom<String> for Zone {
    type Error = NotAZone;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        TimeZone::get(&name).map(Self).map_err(|_| NotAZone(name))
    }
}

/// An expression, and the place whose clocks it means.
///
/// A time that the clocks skip in spring comes when they have skipped it; one that they show twice in autumn comes the
/// first time. An expression with `*` or `*/n` as its hour goes by the time that passes.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// When.
    pub expression: Expression,
    /// By whose clocks.
    pub zone: TimeZone,
}

impl Schedule {
    /// Returns the first time after `moment`; none at the end of the calendar.
    pub fn next(&self, moment: Timestamp) -> Option<Timestamp> {
        let next = self.expression.0.find_next_occurrence(&moment.to_zoned(self.zone.clone()), false).ok()?;
        Some(next.timestamp())
    }

    /// Returns the last time that is not after `moment`.
    pub fn last(&self, moment: Timestamp) -> Option<Timestamp> {
        let last = self.expression.0.find_previous_occurrence(&moment.to_zoned(self.zone.clone()), true).ok()?;
        Some(last.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(expression: &str, zone: &str) -> Schedule {
        let expression = Expression::try_from(expression.to_owned()).unwrap();
        Schedule { expression, zone: Zone::try_from(zone.to_owned()).unwrap().0 }
    }

    fn times(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
        let mut moment: Timestamp = from.parse().unwrap();
        let next = || {
            moment = schedule.next(moment).unwrap();
            moment.to_zoned(schedule.zone.clone()).strftime("%d %H:%M%:z").to_string()
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn nine_in_the_morning_is_nine_in_the_morning_all_year() {
        let daily = schedule("0 9 * * *", "America/New_York");
        assert_eq!(times(&daily, "2026-03-07T00:00:00Z", 3), ["07 09:00-05:00", "08 09:00-04:00", "09 09:00-04:00"]);
        let tokyo = schedule("0 9 * * *", "Asia/Tokyo");
        assert_eq!(times(&tokyo, "2026-03-07T00:00:00Z", 2), ["08 09:00+09:00", "09 09:00+09:00"]);
    }

    #[test]
    fn a_time_that_the_clocks_skip_comes_at_once_and_one_that_they_show_twice_comes_once() {
        let skipped = schedule("30 2 * * *", "America/New_York");
        assert_eq!(times(&skipped, "2026-03-07T12:00:00Z", 2), ["08 03:00-04:00", "09 02:30-04:00"]);
        let twice = schedule("30 1 * * *", "America/New_York");
        assert_eq!(times(&twice, "2026-10-31T12:00:00Z", 2), ["01 01:30-04:00", "02 01:30-05:00"]);
        let midnight = schedule("@daily", "America/Santiago");
        assert_eq!(times(&midnight, "2026-09-05T12:00:00Z", 2), ["06 01:00-03:00", "07 00:00-03:00"]);
    }

    #[test]
    fn what_is_no_expression_is_told_how_one_looks() {
        let refusal = |text: &str| Expression::try_from(text.to_owned()).unwrap_err().to_string();
        insta::assert_snapshot!(refusal("0 9 * *"), @"`0 9 * *` is no cron expression (invalid pattern: pattern must have 5 fields when seconds are disallowed): write minute, hour, day of month, month and day of week, as in `0 9 * * *`");
        insta::assert_snapshot!(refusal("0 25 * * *"), @"`0 25 * * *` is no cron expression (component error: number out of bounds): write minute, hour, day of month, month and day of week, as in `0 9 * * *`");
        insta::assert_snapshot!(refusal("0 9 30 2 *"), @"`0 9 30 2 *` never comes: no day of the calendar is like that");
        insta::assert_snapshot!(Zone::try_from("Asia/Tokio".to_owned()).unwrap_err(), @"`Asia/Tokio` is no time zone that this machine knows: write one as in `Asia/Tokyo` or `UTC` (if it is written rightly, install the package tzdata)");
        assert_eq!(schedule("@daily", "UTC").expression.to_string(), "0 0 * * *");
    }

    /// Zones whose clocks change by an hour, by half an hour, at midnight, against each other, or not at all.
    const ZONES: [&str; 6] = [
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Pacific/Chatham",
        "Asia/Tokyo",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_daily_report_comes_once_on_each_day(zone in 0..ZONES.len(), hour in 0..24i8, minute in 0..60i8, start in 1_700_000_000i64..2_000_000_000) {
            let daily = schedule(&format!("{minute} {hour} * * *"), ZONES[zone]);
            let mut moment = Timestamp::from_second(start).unwrap();
            let mut day = None;
            for _ in 0..40 {
                let next = daily.next(moment).unwrap();
                let local = next.to_zoned(daily.zone.clone());
                if let Some(day) = day {
                    prop_assert_eq!(local.date(), jiff::civil::Date::tomorrow(day).unwrap());
                }
                // It comes as asked, unless the clocks show no such time on this day: then as soon as they have skipped it.
                let asked = local.date().at(hour, minute, 0, 0);
                if daily.zone.to_ambiguous_timestamp(asked).is_ambiguous() {
                    prop_assert!(local.datetime() == asked || local.datetime().duration_since(asked) <= jiff::SignedDuration::from_hours(1));
                } else {
                    prop_assert_eq!(local.datetime(), asked);
                }
                day = Some(local.date());
                moment = next;
            }
        }

        #[test]
        fn the_last_time_and_the_next_have_none_between_them(zone in 0..ZONES.len(), hour in 0..24, step in 1..7, start in 1_700_000_000i64..2_000_000_000) {
            let schedule = schedule(&format!("0 {hour} */{step} * *"), ZONES[zone]);
            let moment = Timestamp::from_second(start).unwrap();
            let (last, next) = (schedule.last(moment).unwrap(), schedule.next(moment).unwrap());
            prop_assert!(last <= moment && moment < next);
            prop_assert_eq!(schedule.next(last).unwrap(), next);
            prop_assert_eq!(schedule.last(last).unwrap(), last);
        }
    }
}
