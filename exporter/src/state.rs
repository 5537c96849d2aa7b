//! The small file that one push leaves for the next.
//!
//! It holds the counters that went with the last push *that the gateway took*, not those of the last run. The gateway
//! shows that push until the next one comes, so whoever reads the pushed ratios one after the other must find
//! no time left out and none counted twice: after an hour without a gateway, the first push that gets through tells
//! of the whole hour. (Should a push arrive and its answer be lost, the next one overlaps it; nothing is left out.)

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::usage::Reading;

/// What we write fits into this many times over, also that of a host with hundreds of disks.
const LIMIT_BYTES: u64 = 256 * 1024;
/// Raised when a later version can no longer read what an earlier one wrote. 1: nothing but the CPUs' ticks.
const VERSION: u32 = 2;

/// Where the state is kept between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(PathBuf);

#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    reading: Reading,
}

/// The part of [`Content`] that every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl State {
    /// Keeps the state at `path`.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns where that is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns what the last push left; `None` before the first one, and before the first one after an upgrade.
    ///
    /// # Errors
    /// When there is a file and it is none of ours. No reason not to push.
    pub fn load(&self) -> anyhow::Result<Option<Reading>> {
        let path = self.0.display();
        match read(&self.0) {
            Ok(bytes) => {
                let foreign = || format!("{path} is not a state file of ours");
                // Looked at alone, since what stands beside it is another version's affair.
                let Version { version } = serde_json::from_slice(&bytes).with_context(foreign)?;
                if version < VERSION {
                    return Ok(None);
                }
                anyhow::ensure!(version == VERSION, "{path} was written by a later version of this program");
                let content: Content = serde_json::from_slice(&bytes).with_context(foreign)?;
                Ok(Some(content.reading))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {path}")),
        }
    }

    /// Leaves `reading` for the next push: whoever reads the file finds the old content or the new, never a half.
    ///
    /// # Errors
    /// When it cannot be written. The old content is still there then.
    pub fn save(&self, reading: &Reading) -> anyhow::Result<()> {
        let content = serde_json::to_vec(&Content { version: VERSION, reading: reading.clone() })?;
        self.replace(&content).with_context(|| format!("cannot write {}", self.0.display()))
    }

    /// Puts `content` in the place of the file: whoever reads it finds the old content or the new, never a half.
    pub(crate) fn replace(&self, content: &[u8]) -> io::Result<()> {
        if let Some(directory) = self.0.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
        }
        // In the same directory, since a file can only be renamed within one file system.
        let mut name = self.0.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = self.0.with_file_name(name);
        let written =
            create(&new).and_then(|mut file| file.write_all(content)).and_then(|()| fs::rename(&new, &self.0));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }
}

/// Opens a file that nobody else can have prepared: it is new, and ours alone.
fn create(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    open().or_else(|error| {
        if error.kind() != ErrorKind::AlreadyExists {
            return Err(error);
        }
        // Left by a run that was killed, and had the number that we have now.
        fs::remove_file(path)?;
        open()
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would keep us waiting for a writer, so nothing but a file is opened.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::recorded;
    use crate::files::Files;
    use std::os::unix::fs::PermissionsExt as _;

    fn reading() -> Reading {
        Reading::take(&Files::of(recorded("small-vps")))
    }

    #[test]
    fn what_one_push_leaves_the_next_one_finds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("not/there/yet/exporter.json");
        let state = State::at(path.clone());

        assert_eq!(state.load().unwrap(), None);
        let last = reading();
        state.save(&reading()).unwrap();
        state.save(&last).unwrap();

        assert_eq!(state.load().unwrap(), Some(last));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn what_is_no_state_of_ours_is_said_to_be_none() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::at(directory.path().join("exporter.json"));
        for content in ["", "{", "[]", r#"{"version":2}"#, "\0\0\0\0"] {
            fs::write(&state.0, content).unwrap();
            let error = state.load().unwrap_err().to_string();
            assert!(error.ends_with("exporter.json is not a state file of ours"), "{error}");
        }
        let same_shape = serde_json::to_string(&Content { version: 3, reading: reading() }).unwrap();
        for text in [same_shape.as_str(), r#"{"version":3,"usage":[]}"#] {
            fs::write(&state.0, text).unwrap();
            let error = state.load().unwrap_err().to_string();
            assert!(error.ends_with("was written by a later version of this program"), "{error}");
        }
        fs::write(&state.0, r#"{"version":1,"cpu":{}}"#).unwrap();
        assert_eq!(state.load().unwrap(), None);
    }

    #[test]
    fn a_place_that_cannot_be_used_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = State::at(directory.path().to_owned()).load().unwrap_err();
        assert!(format!("{error:#}").ends_with(": not a file"), "{error:#}");

        let below_a_file = directory.path().join("file/exporter.json");
        fs::write(directory.path().join("file"), "").unwrap();
        let error = State::at(below_a_file).save(&reading()).unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot write "), "{error:#}");
    }

    #[test]
    fn what_a_killed_run_left_is_in_nobodys_way() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::at(directory.path().join("exporter.json"));
        fs::write(directory.path().join(format!("exporter.json.{}.new", std::process::id())), "half").unwrap();
        let last = reading();
        state.save(&last).unwrap();
        assert_eq!(state.load().unwrap(), Some(last));
    }
}
