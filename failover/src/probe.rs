//! Finds out that a bot hangs: a process that exists is not yet one that works.

use std::time::SystemTime;

use crate::config::Probe;

/// Returns why the bot seems to hang, if it does.
pub(crate) async fn trouble(probe: &Probe) -> Option<String> {
    if let Some(file) = &probe.file {
        let written = std::fs::metadata(file).and_then(|file| file.modified());
        let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
        match age {
            None => return Some(format!("{} cannot be read", file.display())),
            Some(age) if age > probe.max_age => return Some(format!("{} is {} s old", file.display(), age.as_secs())),
            Some(_) => {}
        }
    }
    if let Some(url) = &probe.http {
        let answer = async {
            let client = daemon::http::client("noroshi-failover").map_err(|_| "no HTTP client".to_owned())?;
            let answer = client.get(url.clone()).send().await.map_err(|_| "no answer".to_owned())?;
            if answer.status().is_success() { Ok(()) } else { Err(format!("it answers {}", answer.status())) }
        };
        match tokio::time::timeout(probe.timeout, answer).await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Some(reason),
            Err(_) => return Some("no answer in time".to_owned()),
        }
    }
    None
}
