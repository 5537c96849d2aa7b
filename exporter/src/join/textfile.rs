//! `*.prom` files, as node_exporter's textfile collector reads them.
//!
//! A file that cannot be read whole or bears timestamps is left out, and `node_textfile_scrape_error` is 1. Where two
//! files, or a file and the host, have one family, the HELP and TYPE that came first count; whoever says otherwise is
//! left out with that family, and so is who says nothing beside others that do.
//!
//! The files are read on a thread of their own: they may lie on a share whose server has gone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use exposition::{Families, Family, Limits, Refused};

use super::merge::{self, Joined};
use crate::aside::Aside;

/// What a file may hold: scripts write these, and a runaway one must not cost the push.
const LIMITS: Limits = Limits { bytes: 4 << 20, series: 10_000, labels: 64, name_bytes: 512, value_bytes: 4096 };
/// How many files are read.
const FILES: usize = 1000;
/// What all files together may hold: a gateway takes 16 MiB of a host, and the host's own figures must fit in as well.
const ALL_BYTES: usize = 8 << 20;
const ALL_SERIES: usize = 20_000;
/// How long all files together may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A directory of such files.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    reading: Aside,
}

/// What was found in it.
#[derive(Default)]
pub struct Found {
    texts: Vec<Text>,
    /// What could not be read, in words.
    troubles: Vec<String>,
}

/// A file that was read.
struct Text {
    path: String,
    mtime: f64,
    families: Families,
}

/// What is left of the limits on all files.
struct Room {
    bytes: usize,
    series: usize,
}

impl Directory {
    /// Touches nothing yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path, reading: Aside::default() }
    }

    /// Reads the files that are there now.
    pub async fn read(&self) -> Found {
        let path = self.path.clone();
        match self.reading.run(PATIENCE, move || read_all(&path)).await {
            Ok(found) => found.into_value(),
            Err(error) => {
                let trouble = format!("the files in {} are left out of this push: {error:#}", self.path.display());
                Found { texts: Vec::new(), troubles: vec![trouble] }
            }
        }
    }
}

impl Found {
    /// Puts what the files say onto `page`, and returns whether all of them could be read.
    pub fn join(self, page: &mut Families, warn: &mut dyn FnMut(String)) -> (bool, Joined) {
        let Self { texts, troubles } = self;
        let is_whole = troubles.is_empty();
        troubles.into_iter().for_each(&mut *warn);
        let told = tell(&texts, is_whole, page);
        let joined = merge(texts, page, warn);
        if let Err(error) = told {
            warn(format!("nothing tells how it went with the files of exporter.join.textfile: {error}"));
        }
        (is_whole, joined)
    }
}

fn read_all(directory: &Path) -> Found {
    let mut found = Found::default();
    let paths = list(directory).unwrap_or_else(|error| {
        found.troubles.push(format!("{error:#}"));
        Vec::new()
    });
    let mut room = Room { bytes: ALL_BYTES, series: ALL_SERIES };
    for path in paths {
        match read(&path, &mut room) {
            Ok(text) => found.texts.push(text),
            Err(error) => found.troubles.push(format!("{} is left out of this push: {error:#}", path.display())),
        }
    }
    found
}

/// Returns the files in the order of their names.
fn list(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let unreadable = || format!("cannot read the directory {}", directory.display());
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.as_os_str().as_encoded_bytes().ends_with(b".prom") {
            paths.push(path);
        }
        if paths.len() > FILES {
            bail!("there are more than {FILES} files in {}", directory.display());
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path, room: &mut Room) -> anyhow::Result<Text> {
    let metadata = fs::metadata(path)?;
    // A pipe would have us wait for somebody to write.
    ensure!(metadata.is_file(), "it is no regular file");
    let mut bytes = Vec::new();
    // One byte more than there may be, so that the limit is noticed.
    File::open(path)?.take(LIMITS.bytes as u64 + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() > LIMITS.bytes || bytes.len() <= room.bytes,
        "the files before it leave it no room: all of them may hold {ALL_BYTES} bytes"
    );
    let families = exposition::parse(&bytes, &LIMITS)?;
    let series = families.series_count();
    ensure!(series <= room.series, "the files before it leave it no room: all of them may hold {ALL_SERIES} series");
    *room = Room { bytes: room.bytes - bytes.len(), series: room.series - series };
    let mtime = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Whole seconds, as node_exporter has it.
    let mtime = mtime.as_secs_f64().trunc();
    Ok(Text { path: path.to_string_lossy().into_owned(), mtime, families })
}

fn tell(texts: &[Text], is_whole: bool, page: &mut Families) -> Result<(), Refused> {
    let mtimes = page.gauge("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.")?;
    for text in texts {
        mtimes.add([("file", text.path.as_str())], text.mtime)?;
    }
    let help = "1 if there was an error opening or reading a file, 0 otherwise";
    page.gauge("node_textfile_scrape_error", help)?.set(f64::from(u8::from(!is_whole)))?;
    Ok(())
}

fn merge(texts: Vec<Text>, page: &mut Families, warn: &mut dyn FnMut(String)) -> Joined {
    let mut sources: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in &texts {
        for family in text.families.iter() {
            sources.entry(family.name().to_string()).or_default().push(text.path.clone());
        }
    }
    let mut joined = Joined::default();
    for Text { path, families, .. } in texts {
        for family in families {
            let (name, series) = (family.name().to_string(), family.series_count());
            // In node_exporter's words, which are also what keeps a file without HELP apart from one that has it.
            let family = if family.help().is_empty() {
                let files = sources.get(&name).map(|files| files.join(", ")).unwrap_or_default();
                family.with_help(format!("Metric read from {files}"))
            } else {
                family
            };
            match put(family, page) {
                Ok(()) => joined.series += series,
                Err(error) => {
                    warn(format!("`{name}` of {path} is left out of this push: {error:#}"));
                    joined.left_out += series;
                }
            }
        }
    }
    joined
}

fn put(family: Family, page: &mut Families) -> anyhow::Result<()> {
    let name = family.name().as_str();
    ensure!(!merge::is_kept(name) && !name.starts_with("node_textfile_"), "the name is not for others to use");
    ensure!(!merge::is_misfit(&family), "every process has this family, and with another type");
    if let Some(there) = page.find(name) {
        ensure!(there.kind() == family.kind(), "it is on the page already, with the type {}", there.kind().as_str());
        ensure!(there.help() == family.help(), "it is on the page already, with the help `{}`", there.help());
    }
    Ok(page.merge(merge::labelled(family, None)?)?)
}
