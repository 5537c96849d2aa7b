//! One pass over /proc for all watches.
//!
//! Of a process that nobody asks for only its command line or its name is read: three or four system calls each. A process may vanish between any two of them, and then it was not there.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::counts::Counts;
use crate::watch::config::Process;

/// How much of a command line is looked at. The kernel has no limit, and neither have class paths.
const COMMAND_LINE_LIMIT_BYTES: u64 = 128 * 1024;
/// What the kernel keeps of a process' name.
const COMM_BYTES: usize = 15;

/// What is told of one process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Its number. Together with its start it is never used again before the next boot.
    pub pid: u32,
    /// When it began, in ticks since the boot.
    pub start_ticks: u64,
    /// Its letter in proc_pid_stat(5).
    pub state: char,
    /// Its threads.
    pub threads: u64,
    /// What it has in memory.
    pub resident_bytes: u64,
    /// What it has asked for.
    pub virtual_bytes: u64,
    /// What was moved to swap.
    pub swapped_bytes: u64,
    /// `None` where we may not look.
    pub files: Option<Files>,
    /// Its counters; those of reading and writing are 0 where we may not look.
    pub counts: Counts,
    /// Whether we may look at what it read and wrote.
    pub is_io_known: bool,
}

/// The files that a process has open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Files {
    /// How many there are.
    pub open: u64,
    /// How many there may be.
    pub limit: f64,
}

/// Returns the processes of each watch, in the order of `watches`.
///
/// # Errors
/// When `procfs` cannot be listed.
pub fn scan(procfs: &Path, watches: &[Process]) -> anyhow::Result<Vec<Vec<Seen>>> {
    let unreadable = || format!("cannot read {}", procfs.display());
    let mut groups = vec![Vec::new(); watches.len()];
    let page_bytes = rustix::param::page_size() as u64;
    let mut buffer = Vec::new();
    for entry in std::fs::read_dir(procfs).with_context(unreadable)? {
        let name = entry.with_context(unreadable)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let mut candidate = Candidate { directory: procfs.join(&name), comm: None, command: None, buffer: &mut buffer };
        let matching = candidate.matching(watches);
        if matching.is_empty() {
            continue;
        }
        // Whatever goes wrong now, the process has gone.
        let Some(seen) = candidate.describe(pid, page_bytes) else { continue };
        for index in matching {
            groups[index].push(seen);
        }
    }
    Ok(groups)
}

/// A process of which nothing has been read that nobody asked for.
struct Candidate<'a> {
    directory: PathBuf,
    comm: Option<Vec<u8>>,
    command: Option<Command>,
    buffer: &'a mut Vec<u8>,
}

/// The line of proc_pid_stat(5), but for the name.
struct Stat {
    state: char,
    /// What follows the state: the fourth column is the first.
    columns: Vec<u64>,
}

/// A command line, whatever is odd about its bytes replaced.
struct Command {
    /// The first word.
    exe: String,
    /// All of it, with blanks between the words.
    line: String,
}

impl Candidate<'_> {
    /// Returns the indexes of the watches that this process belongs to.
    fn matching(&mut self, watches: &[Process]) -> Vec<usize> {
        (0..watches.len()).filter(|index| self.belongs_to(&watches[*index]).unwrap_or(false)).collect()
    }

    /// Returns `None` when the process has gone, or is none of our business.
    fn belongs_to(&mut self, watch: &Process) -> Option<bool> {
        if let Some(comm) = &watch.comm
            && self.comm()? != &comm.as_bytes()[..comm.len().min(COMM_BYTES)]
        {
            return Some(false);
        }
        if watch.exe.is_none() && watch.pattern.is_none() {
            return Some(true);
        }
        let command = self.command()?;
        // The kernel's own threads and zombies have no command line.
        if command.line.is_empty() {
            return Some(false);
        }
        let is_exe = watch.exe.as_deref().is_none_or(|exe| {
            if exe.contains('/') { command.exe == exe } else { command.exe.rsplit('/').next() == Some(exe) }
        });
        Some(is_exe && watch.pattern.as_ref().is_none_or(|pattern| pattern.is_in(&command.line)))
    }

    fn comm(&mut self) -> Option<&[u8]> {
        if self.comm.is_none() {
            self.read("comm").ok()?;
            // Its last line end is the kernel's, any other its own.
            self.comm = Some(self.buffer.strip_suffix(b"\n").unwrap_or(self.buffer).to_vec());
        }
        self.comm.as_deref()
    }

    fn command(&mut self) -> Option<&Command> {
        if self.command.is_none() {
            self.read("cmdline").ok()?;
            let text = String::from_utf8_lossy(self.buffer);
            let line = text.trim_end_matches('\0').replace('\0', " ");
            let exe = text.split('\0').next().unwrap_or_default().to_owned();
            self.command = Some(Command { exe, line });
        }
        self.command.as_ref()
    }

    fn read(&mut self, file: &str) -> io::Result<()> {
        self.buffer.clear();
        // The directory's path is used once more for each file: put together, it is not copied.
        self.directory.push(file);
        let opened = File::open(&self.directory);
        self.directory.pop();
        opened?.take(COMMAND_LINE_LIMIT_BYTES).read_to_end(self.buffer)?;
        Ok(())
    }

    /// Reads the rest of what is told of a process; `None` when it has gone meanwhile.
    fn describe(&mut self, pid: u32, page_bytes: u64) -> Option<Seen> {
        self.read("stat").ok()?;
        let stat = Stat::parse(self.buffer)?;
        let column = |number: usize| stat.columns.get(number - 4).copied();
        let (user_ticks, system_ticks) = (column(14)?, column(15)?);
        let (threads, start_ticks) = (column(20)?, column(22)?);
        let (virtual_bytes, resident_bytes) = (column(23)?, column(24)? * page_bytes);
        let state = stat.state;
        let swapped_bytes = self.number_in("status", "VmSwap:").ok()?.map_or(0, |kilobytes| kilobytes * 1024);
        let io = self.if_allowed(|own| {
            own.read("io")?;
            Ok((number_in(own.buffer, "read_bytes:").unwrap_or(0), number_in(own.buffer, "write_bytes:").unwrap_or(0)))
        });
        let io = io.ok()?;
        let files = self.if_allowed(Self::files).ok()?;
        let (read_bytes, write_bytes) = io.unwrap_or_default();
        Some(Seen {
            pid,
            start_ticks,
            state,
            threads,
            resident_bytes,
            virtual_bytes,
            swapped_bytes,
            files,
            counts: Counts { user_ticks, system_ticks, read_bytes, write_bytes },
            is_io_known: io.is_some(),
        })
    }

    fn files(&mut self) -> io::Result<Files> {
        let open = std::fs::read_dir(self.directory.join("fd"))?.count() as u64;
        self.read("limits")?;
        // "unlimited" is no number, and no process comes near it.
        let limit = number_in(self.buffer, "Max open files").map_or(f64::INFINITY, |limit| limit as f64);
        Ok(Files { open, limit })
    }

    fn number_in(&mut self, file: &str, key: &str) -> io::Result<Option<u64>> {
        self.read(file)?;
        Ok(number_in(self.buffer, key))
    }

    /// What we may not look at is unknown, which is another thing than gone. A kernel without accounting of reads
    /// and writes has no file for it: only a process that is gone has no stat line either.
    fn if_allowed<T>(&mut self, look: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<Option<T>> {
        match look(self) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound && self.directory.join("stat").exists() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Stat {
    fn parse(line: &[u8]) -> Option<Self> {
        // The name stands in brackets and may have brackets, blanks and anything else in it.
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let mut rest = std::str::from_utf8(&line[end + 1..]).ok()?.split_ascii_whitespace();
        let state = rest.next()?.chars().next()?;
        // Some columns are negative (priorities, the terminal's group); none that we use is.
        let columns = rest.map(|column| column.parse().unwrap_or(0)).collect();
        Some(Self { state, columns })
    }
}

/// Finds the first number behind `key` at the beginning of a line.
fn number_in(text: &[u8], key: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        for line in [
            &b"7 (a b) S 1 2"[..],
            b"7 (a) b) S 1 2",
            b"7 (((x) S 1 2",
            b"7 (a\\nb) S 1 2",
            b"7 (\xff\") S 1 2",
            b"7 () S 1 2",
        ] {
            let stat = Stat::parse(line).unwrap();
            assert_eq!((stat.state, stat.columns), ('S', vec![1, 2]), "{line:?}");
        }
        for line in [&b""[..], b"7", b"7 (", b"7 (a", b"7 (a)", b"7 (a) "] {
            assert!(Stat::parse(line).is_none(), "{line:?}");
        }
    }
}
