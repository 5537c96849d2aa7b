//! Collecting, and handing on what was collected.

use std::path::PathBuf;

use ::config::Environment;
use exposition::Families;

use crate::collect;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::host::Host;
use crate::join::Joins;
use crate::state::State;
use crate::usage::Reading;

/// What reads this host and remembers its last push.
#[derive(Debug)]
pub struct Exporter {
    host: Host,
    /// `None` where there is no place for it: no home directory, and none configured.
    state: Option<State>,
    joins: Joins,
}

/// What there is to push, and what to remember once it was.
struct Collection {
    page: Families,
    reading: Option<Reading>,
}

impl Exporter {
    /// Takes from `config` what to read and where to keep the state. Touches nothing yet.
    #[must_use]
    pub fn build(config: &Config, environment: &Environment) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let place = config.state.clone().or_else(|| state_place(environment, is_root));
        let joins = Joins::build(&config.join, environment);
        Self { host: config.host(), state: place.map(State::at), joins }
    }

    /// Returns the page that a push would carry, and leaves no trace.
    ///
    /// # Errors
    /// When our own metrics do not fit onto a page, which would be a mistake in this program.
    pub async fn print(&self, warn: &mut dyn FnMut(String)) -> anyhow::Result<String> {
        Ok(self.collect(warn).await?.page.to_string())
    }

    /// Collects, pushes to `gateway`, and then remembers what was pushed.
    ///
    /// # Errors
    /// When the gateway did not take the page. A state file that cannot be written is only told to `warn`: the push
    /// has been made.
    pub async fn push(&self, gateway: &Gateway, warn: &mut dyn FnMut(String)) -> anyhow::Result<()> {
        let Collection { page, reading } = self.collect(warn).await?;
        gateway.put(page.to_string()).await?;
        if let (Some(state), Some(reading)) = (&self.state, reading)
            && let Err(error) = state.save(&reading)
        {
            warn(format!("the next push will not tell how much CPU was used: {error:#}"));
        }
        Ok(())
    }

    async fn collect(&self, warn: &mut dyn FnMut(String)) -> anyhow::Result<Collection> {
        let mut page = collect::collect(&collect::ALL, &self.host, warn)?;
        page.gauge("noroshi_exporter_build_info", "A metric with a constant '1' value labeled by version.")?
            .add([("version", env!("CARGO_PKG_VERSION"))], 1.0)?;
        // When this cannot be read, the collector `cpu` could not read it either, and has said so.
        let reading = Reading::take(&self.host).ok();
        let ratio = reading.as_ref().zip(self.previous(warn)).and_then(|(now, then)| now.used_ratio_since(&then));
        if let Some(ratio) = ratio {
            page.gauge(
                "noroshi_exporter_cpu_used_ratio",
                "Share of all CPUs' time used since the previous successful push, 0 to 1.",
            )?
            .set(ratio)?;
        }
        self.joins.fetch(&mut page, warn).await;
        Ok(Collection { page, reading })
    }

    fn previous(&self, warn: &mut dyn FnMut(String)) -> Option<Reading> {
        let Some(state) = &self.state else {
            warn(
                "there is no home directory to keep the state in, so nothing tells how much CPU was used; \
                  name a file with --state"
                    .to_owned(),
            );
            return None;
        };
        state.load().unwrap_or_else(|error| {
            warn(format!("this push does not tell how much CPU was used: {error:#}"));
            None
        })
    }
}

/// Returns where the state is kept unless somebody says otherwise.
fn state_place(environment: &Environment, is_root: bool) -> Option<PathBuf> {
    if is_root {
        return Some("/var/lib/noroshi/exporter.json".into());
    }
    // The XDG specification has a relative path ignored.
    let directory = environment
        .path("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| environment.path("HOME").map(|home| home.join(".local/state")))?;
    Some(directory.join("noroshi/exporter.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{recorded, series};

    fn exporter(tree: &str, state: Option<PathBuf>) -> Exporter {
        Exporter { host: recorded(tree), state: state.map(State::at), joins: Joins::default() }
    }

    async fn print(exporter: &Exporter) -> (String, Vec<String>) {
        let mut warnings = Vec::new();
        let page = exporter.print(&mut |warning| warnings.push(warning)).await.unwrap();
        (page, warnings)
    }

    #[test]
    fn the_state_has_a_place_of_its_own_for_root_and_for_others() {
        let place = |environment: Environment, is_root| state_place(&environment, is_root);
        let of = |path: &str| Some(PathBuf::from(path));
        let both = [("HOME", "/home/a"), ("XDG_STATE_HOME", "/s")];
        assert_eq!(place(Environment::from(both), true), of("/var/lib/noroshi/exporter.json"));
        assert_eq!(place(Environment::from(both), false), of("/s/noroshi/exporter.json"));
        let relative = [("HOME", "/home/a"), ("XDG_STATE_HOME", "s")];
        assert_eq!(place(Environment::from(relative), false), of("/home/a/.local/state/noroshi/exporter.json"));
        assert_eq!(place(Environment::default(), false), None);
    }

    #[tokio::test]
    async fn printing_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let (page, warnings) = print(&exporter("small-vps", Some(directory.path().join("a/exporter.json")))).await;
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(series(&page, "noroshi_exporter_build_info").len(), 1);
        assert_eq!(series(&page, "noroshi_exporter_cpu_used_ratio"), Vec::<String>::new());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn the_share_of_cpu_is_told_when_a_push_went_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exporter.json");
        // A quarter of the second before the recording was work: 25 of 100 ticks.
        let then = r#"{"version":1,"cpu":{"boot_id":"19416d67-4067-4226-94a7-088789753e8c","boot_time":0,"busy":45521,"idle":205834}}"#;
        std::fs::write(&path, then).unwrap();

        let (page, warnings) = print(&exporter("small-vps", Some(path))).await;

        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(series(&page, "noroshi_exporter_cpu_used_ratio"), ["noroshi_exporter_cpu_used_ratio 0.25"]);
    }

    #[tokio::test]
    async fn a_broken_state_file_costs_one_metric_and_a_warning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exporter.json");
        std::fs::write(&path, "{").unwrap();
        for state in [Some(path), None] {
            let (page, warnings) = print(&exporter("small-vps", state)).await;
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert_eq!(series(&page, "node_load1").len(), 1);
            assert!(!page.contains("noroshi_exporter_cpu_used_ratio"));
        }
    }
}
