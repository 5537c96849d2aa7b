//! Dates out of seconds since 1970, in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Returns the function `name` of a moment, if it is one about dates.
pub(crate) fn calendar(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |seconds| part(seconds, |time| time.minute().into()),
        "hour" => |seconds| part(seconds, |time| time.hour().into()),
        "day_of_week" => |seconds| part(seconds, |time| time.weekday().to_sunday_zero_offset().into()),
        "day_of_month" => |seconds| part(seconds, |time| time.day().into()),
        "day_of_year" => |seconds| part(seconds, |time| time.day_of_year().into()),
        "days_in_month" => |seconds| part(seconds, |time| time.days_in_month().into()),
        "month" => |seconds| part(seconds, |time| time.month().into()),
        "year" => |seconds| part(seconds, |time| time.year().into()),
        _ => return None,
    })
}

/// NaN for what is no moment of the years -9999 to 9999.
fn part(seconds: f64, part: impl Fn(DateTime) -> f64) -> f64 {
    if !seconds.is_finite() {
        return f64::NAN;
    }
    Timestamp::from_second(seconds as i64).map_or(f64::NAN, |moment| part(TimeZone::UTC.to_datetime(moment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_day_is_told() {
        let noon = 1_709_208_000.0; // 2024-02-29T12:00:00Z

        let ask = |name: &str| calendar(name).map(|function| function(noon));
        assert_eq!(ask("day_of_month"), Some(29.0));
        assert_eq!(ask("days_in_month"), Some(29.0));
        assert_eq!(ask("day_of_year"), Some(60.0));
        assert_eq!(ask("day_of_week"), Some(4.0));
        assert_eq!(ask("hour"), Some(12.0));
        assert!(calendar("year").map_or(0.0, |year| year(f64::INFINITY)).is_nan());
    }
}
