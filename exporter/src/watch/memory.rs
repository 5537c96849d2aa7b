//! The file that keeps the totals of watched processes between two runs of cron.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::processes::Totals;
use crate::state::State;

/// Ten thousand processes fit into this.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Totals, and the file that they come from.
#[derive(Debug, Default)]
pub struct Memory {
    place: Option<PathBuf>,
    /// `None` until somebody asks for them.
    totals: Option<Totals>,
}

impl Memory {
    /// Keeps the totals beside the exporter's own state file, as `….watch.json`.
    pub fn beside(state: Option<&Path>) -> Self {
        Self { place: state.map(|state| state.with_extension("watch.json")), totals: None }
    }

    /// Hands out the totals, which are read from the file the first time. A file that is broken is as good as none: the
    /// counters begin anew, which is what Prometheus expects of a counter now and then.
    pub fn with_totals<T>(&mut self, work: impl FnOnce(&mut Totals) -> T) -> T {
        let place = self.place.as_deref();
        work(self.totals.get_or_insert_with(|| place.and_then(read).unwrap_or_default()))
    }

    /// Writes the totals.
    ///
    /// # Errors
    /// When there is no place for them, or it cannot be written.
    pub fn save(&self) -> anyhow::Result<()> {
        let Some(totals) = &self.totals else { return Ok(()) };
        let place =
            self.place.as_ref().context("there is no home directory to keep them in; name a file with --state")?;
        let content = serde_json::to_vec(totals)?;
        State::at(place.clone()).replace(&content).with_context(|| format!("cannot write {}", place.display()))
    }
}

fn read(place: &Path) -> Option<Totals> {
    // A pipe would keep us waiting for a writer, so nothing but a file is opened.
    if !std::fs::metadata(place).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(place).ok()?.take(LIMIT_BYTES).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
