//! Files that something writes again and again while it is alive.

use std::time::{SystemTime, UNIX_EPOCH};

use exposition::Families;

use super::config::Heartbeat;
use super::labels::labels;

/// Returns how many seconds ago each file was written; `None` for one that is not there. Below 0 is the future.
pub fn ages(heartbeats: &[Heartbeat]) -> Vec<Option<f64>> {
    let seconds = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    };
    let now = seconds(SystemTime::now());
    let age = |heartbeat: &Heartbeat| {
        let written = std::fs::metadata(&heartbeat.file).and_then(|metadata| metadata.modified());
        Some(now - seconds(written.ok()?))
    };
    heartbeats.iter().map(age).collect()
}

/// Puts the ages onto a page.
pub fn write(heartbeats: &[Heartbeat], ages: &[Option<f64>], bot: Option<&str>) -> anyhow::Result<Families> {
    let mut page = Families::new();
    for (heartbeat, age) in heartbeats.iter().zip(ages) {
        let own = labels(&[("heartbeat", &heartbeat.name)], heartbeat.bot.as_deref().or(bot));
        let max_age = heartbeat.max_age.as_secs_f64();
        // As far in the future as it may lie in the past is a clock that was set, farther is no sign of life.
        let is_fresh = age.is_some_and(|age| age.abs() <= max_age);
        page.gauge("noroshi_exporter_heartbeat_ok", "Whether the file is there and was written recently enough.")?
            .add(own.clone(), f64::from(u8::from(is_fresh)))?;
        page.gauge("noroshi_exporter_heartbeat_max_age_seconds", "How long ago the file may have been written.")?
            .add(own.clone(), max_age)?;
        if let Some(age) = age {
            page.gauge(
                "noroshi_exporter_heartbeat_age_seconds",
                "How long ago the file was written; absent without a file.",
            )?
            .add(own, *age)?;
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::series;
    use std::fs::File;
    use std::time::Duration;

    #[test]
    fn a_file_is_fresh_stale_missing_or_of_the_future() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, time: Option<SystemTime>| {
            let path = directory.path().join(name);
            if let Some(time) = time {
                File::create(&path).unwrap().set_modified(time).unwrap();
            }
            Heartbeat { name: name.into(), bot: None, file: path, max_age: Duration::from_secs(60) }
        };
        let now = SystemTime::now();
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let heartbeats = [
            file("fresh", Some(now)),
            file("future", Some(now + minutes(9))),
            file("missing", None),
            file("stale", Some(now - minutes(2))),
        ];
        let page = write(&heartbeats, &ages(&heartbeats), Some("a")).unwrap().to_string();
        assert_eq!(
            series(&page, "noroshi_exporter_heartbeat_ok"),
            [
                r#"noroshi_exporter_heartbeat_ok{bot="a",heartbeat="fresh"} 1"#,
                r#"noroshi_exporter_heartbeat_ok{bot="a",heartbeat="future"} 0"#,
                r#"noroshi_exporter_heartbeat_ok{bot="a",heartbeat="missing"} 0"#,
                r#"noroshi_exporter_heartbeat_ok{bot="a",heartbeat="stale"} 0"#,
            ]
        );
        let ages = series(&page, "noroshi_exporter_heartbeat_age_seconds");
        assert_eq!(ages.len(), 3);
        assert!(ages[2].rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() >= 120.0, "{ages:?}");
    }
}
