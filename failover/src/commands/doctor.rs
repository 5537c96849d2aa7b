//! Looks for what would make failover fail.

use std::fmt::Write as _;

use crate::config::Config;
use crate::guard;
use crate::redis::Link;

/// Returns a line for each check, and whether all that matters is well.
///
/// # Errors
/// When the configuration does not name this site.
pub async fn doctor(config: &Config) -> anyhow::Result<(String, bool)> {
    let sites = config.sites()?;
    let link = Link::new(config, &sites)?;
    let mut report = Report::default();
    report.say(true, &format!("this is site {} of {}", sites.my_name(), sites.names().len()));
    match super::look(&link).await {
        Ok(answer) => {
            report.say(true, &format!("Redis at {} runs the script", link.place()));
            let old = answer.lock == crate::core::record::Lock::Foreign;
            report.say(
                !old,
                if old {
                    "a client of the plain lock holds the lease: stop it to finish the move"
                } else {
                    "no old client holds the lock"
                },
            );
        }
        Err(error) => report.say(false, &format!("{error:#}; the rights needed are in deploy/redis/failover.acl")),
    }
    let mut info = redis::cmd("INFO");
    match link.command::<String>(&info).await {
        Err(error) => report.say(false, &format!("INFO is refused: {error}")),
        Ok(text) => {
            let value = |key: &str| {
                text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap_or("?").trim()
            };
            report.say(true, &format!("Redis {}, up for {} s", value("redis_version"), value("uptime_in_seconds")));
            let aof = value("aof_enabled") == "1";
            report.hint(aof, if aof { "append-only file: a restart loses next to nothing" } else { "no append-only file: a restart may lose minutes. It is noticed, and costs a wait; `appendonly yes` avoids it" });
            let policy = value("maxmemory_policy");
            let keeps = policy == "noeviction" || policy.starts_with("volatile");
            report.hint(
                keeps,
                &format!(
                    "eviction policy {policy}{}",
                    if keeps { "" } else { ": the record may be evicted, which costs a wait" }
                ),
            );
            let alone = value("role") == "master" && value("connected_slaves") == "0";
            report.hint(
                alone,
                if alone {
                    "one Redis, no replica"
                } else {
                    "there are replicas: never promote one by itself, or two Redis may each have a leader"
                },
            );
        }
    }
    info = redis::cmd("CONFIG");
    info.arg("GET").arg("maxmemory");
    let narrow = link.command::<redis::Value>(&info).await.is_err();
    report.hint(
        narrow,
        if narrow {
            "the user may do no more than it needs"
        } else {
            "this user may do everything: deploy/redis/failover.acl has one that may not"
        },
    );
    let encrypted = config
        .place
        .as_ref()
        .is_some_and(|place| place.tls || ["127.0.0.1", "localhost", "::1"].contains(&place.host.as_str()));
    report.hint(
        encrypted,
        if encrypted {
            "the way to Redis is encrypted, or does not leave this machine"
        } else {
            "the way to Redis is not encrypted: fine inside a tunnel, nowhere else"
        },
    );
    let source =
        std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource").unwrap_or_default();
    report.say(true, &format!("clock source {}", source.trim()));
    let containment = guard::containment();
    report.hint(containment != guard::Containment::Group, &format!("the bot would be contained in {containment}"));
    Ok((report.page, report.well))
}

struct Report {
    page: String,
    well: bool,
}

impl Default for Report {
    fn default() -> Self {
        Self { page: String::new(), well: true }
    }
}

impl Report {
    fn say(&mut self, well: bool, line: &str) {
        self.well &= well;
        let _ = writeln!(self.page, "{}  {line}", if well { "ok  " } else { "FAIL" });
    }

    /// Not needed, but better.
    fn hint(&mut self, well: bool, line: &str) {
        let _ = writeln!(self.page, "{}  {line}", if well { "ok  " } else { "hint" });
    }
}
