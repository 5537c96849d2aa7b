//! Files that something writes again and again while it is alive.

use std::io::ErrorKind;
use std::time::{SystemTime, UNIX_EPOCH};

use exposition::Families;

use super::config::Heartbeat;
use super::labels::labels;

/// How many seconds ago a file was written, below 0 in the future; `None` when it is not there. An error is all that keeps us from
/// looking (a directory that is closed to us): nobody knows then.
pub type Age = std::io::Result<Option<f64>>;

/// Looks at each file.
pub fn ages(heartbeats: &[Heartbeat]) -> Vec<Age> {
    let seconds = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    };
    let now = seconds(SystemTime::now());
    let age = |heartbeat: &Heartbeat| match std::fs::metadata(&heartbeat.file).and_then(|metadata| metadata.modified())
    {
        Ok(written) => Ok(Some(now - seconds(written))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    heartbeats.iter().map(age).collect()
}

/// Returns in words which files could not be looked at.
pub fn troubles(heartbeats: &[Heartbeat], ages: &[Age]) -> Vec<String> {
    let trouble = |(heartbeat, age): (&Heartbeat, &Age)| {
        let error = age.as_ref().err()?;
        let (name, file) = (&heartbeat.name, heartbeat.file.display());
        Some(format!("heartbeat {name} is left out of this push: cannot look at {file}: {error}"))
    };
    heartbeats.iter().zip(ages).filter_map(trouble).collect()
}

/// Puts the ages onto a page. What could not be looked at is left out.
pub fn write(heartbeats: &[Heartbeat], ages: &[Age], bot: Option<&str>) -> anyhow::Result<Families> {
    let mut page = Families::new();
    for (heartbeat, age) in heartbeats.iter().zip(ages) {
        let Ok(age) = age else { continue };
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

    #[test]
    fn what_cannot_be_looked_at_is_neither_fresh_nor_stale() {
        let directory = tempfile::tempdir().unwrap();
        File::create(directory.path().join("file")).unwrap();
        let heartbeat = |name: &str, file: &str| Heartbeat {
            name: name.into(),
            bot: None,
            file: directory.path().join(file),
            max_age: Duration::from_secs(60),
        };
        // Root may look into every directory, but nobody below a file.
        let heartbeats = [heartbeat("closed", "file/beat"), heartbeat("missing", "beat")];
        let ages = ages(&heartbeats);
        let page = write(&heartbeats, &ages, None).unwrap().to_string();
        assert_eq!(
            series(&page, "noroshi_exporter_heartbeat_ok"),
            [r#"noroshi_exporter_heartbeat_ok{heartbeat="missing"} 0"#]
        );
        let troubles = troubles(&heartbeats, &ages);
        assert_eq!(troubles.len(), 1);
        assert!(troubles[0].starts_with("heartbeat closed is left out of this push: cannot look at /"), "{troubles:?}");
    }
}
