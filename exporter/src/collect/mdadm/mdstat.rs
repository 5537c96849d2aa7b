//! The text of /proc/mdstat, which was written for people.
//!
//! ```text
//! md0 : active raid1 sdb1[1] sda1[0](F) sdc1[2](S)
//!       1046528 blocks super 1.2 [2/1] [_U]
//!       bitmap: 1/1 pages [4KB], 65536KB chunk
//!       [==>..................]  recovery = 12.6% (131968/1046528) finish=0.4min speed=32992K/sec
//! ```

use anyhow::Context as _;

/// One array.
#[derive(Debug, PartialEq, Eq)]
pub struct Array {
    /// What it is called, such as `md0`.
    pub device: String,
    /// What it is at.
    pub activity: Activity,
    /// Disks that work.
    pub active: u64,
    /// Disks that have failed.
    pub failed: u64,
    /// Disks that wait to take the place of one that fails.
    pub spare: u64,
    /// Disks that it should have.
    pub required: u64,
    /// How large it is, in KiB.
    pub blocks: u64,
    /// How much of that holds the same on all disks.
    pub blocks_synced: u64,
}

/// What an array is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Serves.
    Active,
    /// Does not run.
    Inactive,
    /// Serves, and fills a new disk.
    Recovering,
    /// Serves, and makes its disks equal again.
    Resync,
    /// Serves, and looks whether its disks are equal.
    Check,
}

impl Activity {
    /// Every activity there is.
    pub const ALL: [Self; 5] = [Self::Active, Self::Inactive, Self::Recovering, Self::Resync, Self::Check];

    /// Returns the word that stands in a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Recovering => "recovering",
            Self::Resync => "resync",
            Self::Check => "check",
        }
    }
}

/// Reads the text. An array is a line that does not begin with a blank and all that do below it.
pub fn parse(text: &str) -> anyhow::Result<Vec<Array>> {
    let mut arrays = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(head) = lines.next() {
        let is_other = ["Personalities", "unused"].iter().any(|word| head.starts_with(word));
        if is_other || head.trim().is_empty() || head.starts_with(' ') {
            continue;
        }
        let mut body = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with(' ') || line.starts_with('\t')) {
            body.push(line);
        }
        arrays.push(array(head, &body).with_context(|| format!("/proc/mdstat has the line `{head}`"))?);
    }
    Ok(arrays)
}

fn array(head: &str, body: &[&str]) -> anyhow::Result<Array> {
    let mut words = head.split_ascii_whitespace();
    let (device, state) = words.next().zip(words.nth(1)).context("too few words")?;
    let is_active = match state {
        "active" => true,
        "inactive" => false,
        _ => anyhow::bail!("`{state}` is no state"),
    };
    let status = body.first().context("nothing below it")?;
    let blocks = status.split_ascii_whitespace().next().unwrap_or_default();
    let blocks: u64 = blocks.parse().with_context(|| format!("no number of blocks below it but `{blocks}`"))?;
    // Only disks have a number in brackets here.
    let disks = head.matches('[').count() as u64;
    let (required, active) = match bracketed_pair(status) {
        Some(pair) => pair,
        // Those without spare data do not say, for they run only when complete.
        None if is_active => (disks, disks),
        None => (0, 0),
    };
    let (activity, blocks_synced) = match body.iter().find_map(|line| progress(line, blocks)) {
        Some(progress) if is_active => progress,
        _ if is_active => (Activity::Active, blocks),
        _ => (Activity::Inactive, blocks),
    };
    let marked = |mark: &str| head.matches(mark).count() as u64;
    let (failed, spare) = (marked("(F)"), marked("(S)"));
    Ok(Array { device: device.to_owned(), activity, active, failed, spare, required, blocks, blocks_synced })
}

/// Finds the `[2/1]` of a status line: disks required and active.
fn bracketed_pair(status: &str) -> Option<(u64, u64)> {
    status.split('[').skip(1).find_map(|part| {
        let (required, active) = part.split_once(']')?.0.split_once('/')?;
        Some((required.parse().ok()?, active.parse().ok()?))
    })
}

/// Reads a line such as `[=>…] recovery = 12.6% (131968/1046528) finish=…`, or `resync=PENDING`, of an array of `blocks`.
fn progress(line: &str, blocks: u64) -> Option<(Activity, u64)> {
    let activity = [("recovery", Activity::Recovering), ("resync", Activity::Resync), ("check", Activity::Check)]
        .into_iter()
        .find_map(|(word, activity)| {
            let rest = line.split_once(word)?.1.trim_start();
            rest.starts_with('=').then_some(activity)
        })?;
    if line.contains("PENDING") || line.contains("DELAYED") {
        return Some((activity, 0));
    }
    let synced = line.split_once('(').and_then(|(_, rest)| rest.split_once('/')?.0.parse().ok());
    Some((activity, synced.unwrap_or(blocks)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Array {
        let mut arrays = parse(text).unwrap();
        assert_eq!(arrays.len(), 1, "{arrays:?}");
        arrays.remove(0)
    }

    #[test]
    fn a_disk_that_failed_and_one_that_is_filled_are_counted() {
        let array = one(
            "Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0](F) sdc1[2](S)\n      1046528 blocks super 1.2 \
             [2/1] [_U]\n      bitmap: 1/1 pages [4KB], 65536KB chunk\n      [==>....]  recovery = 12.6% \
             (131968/1046528) finish=0.4min speed=32992K/sec\n\nunused devices: <none>\n",
        );
        assert_eq!((array.required, array.active, array.failed, array.spare), (2, 1, 1, 1));
        assert_eq!((array.activity, array.blocks, array.blocks_synced), (Activity::Recovering, 1_046_528, 131_968));
    }

    #[test]
    fn what_waits_its_turn_has_nothing_synced() {
        for (line, activity) in [
            ("      \tresync=DELAYED", Activity::Resync),
            ("      \tresync=PENDING", Activity::Resync),
            ("      check=DELAYED", Activity::Check),
        ] {
            let array = one(&format!("md1 : active raid1 sdb2[1] sda2[0]\n      64 blocks [2/2] [UU]\n{line}\n"));
            assert_eq!((array.activity, array.blocks_synced), (activity, 0), "{line}");
        }
    }

    #[test]
    fn an_array_without_spare_data_is_complete_or_does_not_run() {
        let stripes = one("md2 : active raid0 sdb3[1] sda3[0]\n      2093056 blocks super 1.2 512k chunks\n");
        assert_eq!((stripes.required, stripes.active, stripes.blocks_synced), (2, 2, 2_093_056));
        let stopped = one("md3 : inactive sdc4[0](S)\n      1047552 blocks super 1.2\n");
        assert_eq!((stopped.activity, stopped.required, stopped.spare), (Activity::Inactive, 0, 1));
    }

    #[test]
    fn an_array_may_be_read_only_and_have_a_name() {
        let array = one(
            "md_home : active (auto-read-only) raid5 sdc1[3] sdb1[1] sda1[0]\n      64 blocks level 5, 64k chunk, algorithm 2 [3/3] [UUU]\n",
        );
        assert_eq!((array.device.as_str(), array.required, array.activity), ("md_home", 3, Activity::Active));
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for text in
            ["md0\n", "md0 : broken raid1\n 1 blocks\n", "md0 : active raid1\n", "md0 : active raid1\n many blocks\n"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("").unwrap(), []);
    }
}
