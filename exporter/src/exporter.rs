//! Collecting, and handing on what was collected.

use std::cell::RefCell;
use std::path::PathBuf;

use ::config::Environment;
use exposition::Families;

use crate::buffer::Moment;
use crate::collect;
use crate::config::Config;
use crate::delivery::{Delivery, Taken};
use crate::files::Files;
use crate::gateway::PushError;
use crate::join::Joins;
use crate::lock::Lock;
use crate::state::State;
use crate::stopping::Stopping;
use crate::text;
use crate::usage::{self, Reading};
use crate::watch::Watches;

/// What reads this host and remembers its last push.
#[derive(Debug)]
pub struct Exporter {
    files: Files,
    /// `None` where there is no place for it: no home directory, and none configured.
    state: Option<State>,
    /// What went with the last push of this process, once it is in the state file.
    last: RefCell<Option<Reading>>,
    watches: Watches,
    joins: Joins,
}

/// What there is to push, and what to remember once it was.
struct Collection {
    page: Families,
    /// The page without what others say, where others were asked.
    own: Option<Families>,
    reading: Reading,
}

/// How a push went.
#[derive(Debug)]
pub enum Pushed {
    /// The page is with the gateway.
    Whole,
    /// It is, but for the joined metrics: the gateway refused the page with them.
    WithoutJoined(PushError),
    /// This program was asked to stop before there was a page.
    NotYet,
}

impl Pushed {
    /// Returns the reason when the joined metrics are not with the gateway.
    #[must_use]
    pub fn refusal(&self) -> Option<&PushError> {
        match self {
            Self::WithoutJoined(reason) => Some(reason),
            Self::Whole | Self::NotYet => None,
        }
    }
}

impl Exporter {
    /// Takes from `config` what to read and where to keep the state. Touches nothing yet.
    #[must_use]
    pub fn build(config: &Config, environment: &Environment) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let place = config.state.clone().or_else(|| state_place(environment, is_root));
        let watches = Watches::build(&config.watch, config.host(), environment, place.as_deref());
        let joins = Joins::build(&config.join, environment);
        Self { files: Files::of(config.host()), state: place.map(State::at), last: RefCell::default(), watches, joins }
    }

    /// Returns the page that a push would carry, and leaves no trace.
    ///
    /// # Errors
    /// When our own metrics do not fit onto a page, which would be a mistake in this program.
    pub async fn print(&self, warn: &mut dyn FnMut(String)) -> anyhow::Result<String> {
        Ok(self.collect(None, warn).await?.page.to_string())
    }

    /// Returns the page that a service would push now.
    ///
    /// # Errors
    /// As [`Exporter::print`].
    pub async fn page(&self, stopping: Option<Stopping>, warn: &mut dyn FnMut(String)) -> anyhow::Result<String> {
        let mut page = self.collect(stopping, warn).await?.page;
        stopping.map_or(Ok(()), |stopping| stopping.describe(&mut page))?;
        Ok(text::of(&page))
    }

    /// Takes the lock that keeps two pushes of one state apart; `None` when another process has it.
    #[must_use]
    pub fn lock(&self) -> Option<Lock> {
        self.state.as_ref().map_or(Some(Lock::open()), |state| Lock::beside(state.path()))
    }

    /// Collects, pushes once over `delivery`, and then remembers what was pushed.
    ///
    /// # Errors
    /// When the gateway did not take the page. A state file that cannot be written is only told to `warn`: the push
    /// has been made.
    pub async fn push(&self, delivery: &mut Delivery, warn: &mut dyn FnMut(String)) -> anyhow::Result<()> {
        let pushed = self.push_as(delivery, None, warn).await?;
        if let Some(reason) = pushed.refusal() {
            warn(format!("pushed without the joined metrics, because {reason}"));
        }
        Ok(())
    }

    /// Does as [`Exporter::push`], with a word on whether others follow: a service's pushes have one.
    ///
    /// # Errors
    /// As [`Exporter::push`].
    pub async fn push_as(
        &self,
        delivery: &mut Delivery,
        stopping: Option<Stopping>,
        warn: &mut dyn FnMut(String),
    ) -> anyhow::Result<Pushed> {
        let moment = Moment::now(self.files.boot_id());
        let collection = tokio::select! {
            collection = self.collect(stopping, warn) => collection?,
            () = delivery.stopped() => return Ok(Pushed::NotYet),
        };
        let Collection { mut page, mut own, reading } = collection;
        self.watches.remember(warn);
        delivery.open(warn);
        for page in [Some(&mut page), own.as_mut()].into_iter().flatten() {
            stopping.map_or(Ok(()), |stopping| stopping.describe(page))?;
            delivery.describe(page)?;
        }
        let taken = delivery.deliver(page, own, moment, warn).await?;
        if let Some(state) = &self.state {
            match state.save(&reading) {
                Ok(()) => *self.last.borrow_mut() = Some(reading),
                Err(error) => warn(format!("the next push will not tell what was used since this one: {error:#}")),
            }
        }
        Ok(match taken {
            Taken::Whole => Pushed::Whole,
            Taken::Own(reason) => Pushed::WithoutJoined(reason),
        })
    }

    async fn collect(&self, stopping: Option<Stopping>, warn: &mut dyn FnMut(String)) -> anyhow::Result<Collection> {
        self.files.look_anew();
        let reading = Reading::take(&self.files);
        let mut page = collect::collect(&collect::ALL, &self.files, warn)?;
        usage::add(&mut page, &reading, self.previous(warn).as_ref())?;
        page.gauge("noroshi_exporter_build_info", "A metric with a constant '1' value labeled by version.")?
            .add([("version", env!("CARGO_PKG_VERSION"))], 1.0)?;
        // What is said last stays on the gateway until this host is back. Bots that stop with it would be called dead all the
        // while, and waiting for them could cost us the word that the stop was meant.
        if stopping == Some(Stopping::Yes) {
            return Ok(Collection { page, own: None, reading });
        }
        self.watches.look(&mut page, warn).await;
        // Last: what others say gives way to what we have seen ourselves.
        let own = self.joins.fetch(&mut page, warn).await;
        Ok(Collection { page, own, reading })
    }

    fn previous(&self, warn: &mut dyn FnMut(String)) -> Option<Reading> {
        let Some(state) = &self.state else {
            warn(
                "there is no home directory to keep the state in, so nothing tells what was used since the previous push; \
                  name a file with --state"
                    .to_owned(),
            );
            return None;
        };
        // Whoever pushes holds the lock, so nobody else has written the file since.
        if let Some(last) = &*self.last.borrow() {
            return Some(last.clone());
        }
        state.load().unwrap_or_else(|error| {
            warn(format!("this push does not tell what was used since the previous one: {error:#}"));
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
        Exporter {
            files: Files::of(recorded(tree)),
            state: state.map(State::at),
            last: RefCell::default(),
            watches: Watches::default(),
            joins: Joins::default(),
        }
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
    async fn hosts_of_every_kind_are_read_without_a_warning() {
        for tree in ["small-vps", "64-cores", "home-server", "container", "container-cgroup-v1"] {
            let directory = tempfile::tempdir().unwrap();
            let (page, warnings) = print(&exporter(tree, Some(directory.path().join("exporter.json")))).await;
            assert_eq!(warnings, Vec::<String>::new(), "{tree}");
            assert_eq!(series(&page, "noroshi_exporter_memory_used_ratio").len(), 1, "{tree}");
        }
    }

    #[tokio::test]
    async fn what_was_used_is_told_when_a_push_went_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exporter.json");
        // A quarter of the second before the recording was work: 25 of 100 ticks.
        let then = r#"{"version":2,"reading":{"boot_id":"19416d67-4067-4226-94a7-088789753e8c","boot_time":0,
            "since_boot":{"secs":0,"nanos":0},"cpu":{"busy":45521,"idle":205834},
            "network":{"eth0":{"received":0,"sent":0}},"disks":null}}"#;
        std::fs::write(&path, then).unwrap();

        let (page, warnings) = print(&exporter("small-vps", Some(path))).await;

        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(series(&page, "noroshi_exporter_cpu_used_ratio"), ["noroshi_exporter_cpu_used_ratio 0.25"]);
        assert_eq!(series(&page, "noroshi_exporter_network_receive_bytes_per_second").len(), 1);
        assert_eq!(series(&page, "noroshi_exporter_disk_busy_ratio_max").len(), 0);
    }

    #[tokio::test]
    async fn what_an_older_version_left_is_a_first_push_without_a_word() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exporter.json");
        let then = r#"{"version":1,"cpu":{"boot_id":"19416d67-4067-4226-94a7-088789753e8c","boot_time":0,"busy":45521,"idle":205834}}"#;
        std::fs::write(&path, then).unwrap();
        let (page, warnings) = print(&exporter("small-vps", Some(path))).await;
        assert_eq!(warnings, Vec::<String>::new());
        assert!(!page.contains("noroshi_exporter_cpu_used_ratio"), "{page}");
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
