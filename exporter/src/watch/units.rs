//! systemd units, as node_exporter's collector of that name tells of them.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use exposition::Families;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{sleep, timeout};

use super::config::UnitName;

/// How long systemctl may take; it waits up to 25 s by itself for a manager that hangs.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long we wait for a killed systemctl to be gone. Should it not go, the next look is not worse off.
const END: Duration = Duration::from_secs(1);
/// What systemctl says of a thousand units fits into this many times over.
const LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// The states that node_exporter tells of; a unit in another one (`reloading`) is in none of them.
const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];

/// The program that asks systemd. Which one it is stands in this code, and so do its arguments, but for the names of
/// units, which come from the host's own configuration.
#[derive(Debug)]
pub struct Systemctl {
    program: PathBuf,
    timeout: Duration,
}

impl Default for Systemctl {
    fn default() -> Self {
        Self { program: "systemctl".into(), timeout: TIMEOUT }
    }
}

impl Systemctl {
    /// Asks about `units`.
    ///
    /// # Errors
    /// When there is no systemd, or it does not answer in time.
    pub async fn show(&self, units: &[UnitName]) -> anyhow::Result<Families> {
        let mut child = Command::new(&self.program)
            .args(["show", "--no-pager", "--property=ActiveState,Type,NRestarts,ActiveEnterTimestamp", "--"])
            .args(units.iter().map(UnitName::as_str))
            // Times are written in the reader's zone and language.
            .envs([("LC_ALL", "C"), ("TZ", "UTC")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let said = timeout(self.timeout, listen(&mut child)).await;
        if !matches!(said, Ok(Ok(_))) {
            let _ = child.kill();
            let _ = timeout(END, end(&mut child)).await;
        }
        let said = said.with_context(|| format!("systemctl did not answer within {:?}", self.timeout))??;
        page(units, &said)
    }
}

/// Reads all that `child` says, without a thread and without waiting for a signal.
async fn listen(child: &mut Child) -> anyhow::Result<String> {
    let stdout = child.stdout.take().context("systemctl has no output")?;
    let pipe = Receiver::from_owned_fd(stdout.into())?;
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    while said.len() < LIMIT_BYTES {
        pipe.readable().await?;
        match pipe.try_read(&mut piece) {
            Ok(0) => break,
            Ok(count) => said.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    let status = end(child).await?;
    ensure!(status.success(), "systemctl failed with {status}; does systemd run here?");
    Ok(String::from_utf8_lossy(&said).into_owned())
}

async fn end(child: &mut Child) -> std::io::Result<std::process::ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        // It has closed its output, so this is a matter of microseconds.
        sleep(Duration::from_millis(1)).await;
    }
}

fn page(units: &[UnitName], said: &str) -> anyhow::Result<Families> {
    let blocks: Vec<&str> = said.split("\n\n").map(str::trim).filter(|block| !block.is_empty()).collect();
    if blocks.len() != units.len() {
        bail!("systemctl told of {} units where we asked about {}", blocks.len(), units.len());
    }
    let mut page = Families::new();
    for (unit, block) in units.iter().zip(blocks) {
        let property =
            |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
        let active_state = property("ActiveState");
        let name = unit.as_str();
        let states = page.gauge("node_systemd_unit_state", "Systemd unit")?;
        for state in STATES {
            let labels = [("name", name), ("state", state), ("type", property("Type"))];
            states.add(labels, f64::from(u8::from(state == active_state)))?;
        }
        let start = if active_state == "active" { seconds(property("ActiveEnterTimestamp")).unwrap_or(0) } else { 0 };
        page.gauge("node_systemd_unit_start_time_seconds", "Start time of the unit since unix epoch in seconds.")?
            .add([("name", name)], start as f64)?;
        if name.ends_with(".service") {
            // systemd before 235 does not count.
            if let Ok(restarts) = property("NRestarts").parse::<u32>() {
                page.counter("node_systemd_service_restart_total", "Service unit count of Restart triggers")?
                    .add([("name", name)], f64::from(restarts))?;
            }
        }
    }
    Ok(page)
}

/// Reads `Sun 2026-11-22 19:00:57 UTC` as seconds since 1970. Older versions of systemctl cannot write it as a number.
fn seconds(stamp: &str) -> Option<i64> {
    let mut words = stamp.split(' ').skip(1);
    let mut date = words.next()?.splitn(3, '-').map(|part| part.parse::<i32>().ok().map(i64::from));
    let mut time = words.next()?.splitn(3, ':').map(|part| part.split('.').next()?.parse::<i32>().ok().map(i64::from));
    if words.next() != Some("UTC") {
        return None;
    }
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    // A year that begins in March has its leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day - 1;
    const DAYS_TO_1970: i64 = 719_468;
    Some((days - DAYS_TO_1970) * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests;
