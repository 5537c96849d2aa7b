//! From files to groups, as far as they can be read.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::{LOG, SNAPSHOT};
use crate::store::record::{self, Broken, HEADER_BYTES, MAGIC, Record};
use crate::store::state::State;

/// Returns the numbers of the files with this prefix, smallest first.
pub fn numbers(dir: &Path, prefix: &str) -> anyhow::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot look into {}", dir.display()))? {
        let name = entry.with_context(|| format!("cannot look into {}", dir.display()))?.file_name();
        numbers
            .extend(name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|rest| rest.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Returns the records behind a file's header.
fn body(bytes: &[u8], kind: u8) -> Result<&[u8], Broken> {
    match bytes.split_at_checked(HEADER_BYTES) {
        Some((header, body)) if header.starts_with(&MAGIC) && header.get(MAGIC.len()) == Some(&kind) => Ok(body),
        Some(_) => Err(Broken::Content),
        None => Err(Broken::Torn),
    }
}

/// Makes the changes of a log. Behind a record that is broken in itself the next one is looked for.
pub fn replay(bytes: &[u8], state: &mut State) -> Result<(), Broken> {
    let mut rest = body(bytes, LOG)?;
    let mut result = Ok(());
    loop {
        match record::next(&mut rest) {
            Ok(Some(record)) => record.apply(state),
            Ok(None) => return result,
            Err(Broken::Torn) => return Err(Broken::Torn),
            Err(broken) => {
                result = Err(broken);
                rest = match record::skip(rest) {
                    Some(rest) => rest,
                    None => return result,
                };
            }
        }
    }
}

/// Reads a whole snapshot, or says why it is none.
pub fn read_snapshot(path: &Path) -> anyhow::Result<Result<Vec<Record>, Broken>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut rest = match body(&bytes, SNAPSHOT) {
        Ok(rest) => rest,
        Err(broken) => return Ok(Err(broken)),
    };
    let mut records = Vec::new();
    loop {
        match record::next(&mut rest) {
            Ok(Some(Record::End(groups))) if groups == records.len() as u64 && rest.is_empty() => {
                return Ok(Ok(records));
            }
            Ok(Some(record @ Record::Group(_))) => records.push(record),
            Ok(Some(_)) => return Ok(Err(Broken::Content)),
            Ok(None) => return Ok(Err(Broken::Torn)),
            Err(broken) => return Ok(Err(broken)),
        }
    }
}

/// Takes what can be read of a damaged snapshot.
pub fn salvage(path: &Path, state: &mut State) -> anyhow::Result<()> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut rest = body(&bytes, SNAPSHOT).unwrap_or_default();
    loop {
        match record::next(&mut rest) {
            Ok(Some(record)) => record.apply(state),
            Ok(None) | Err(Broken::Torn) => return Ok(()),
            Err(_) => match record::skip(rest) {
                Some(behind) => rest = behind,
                None => return Ok(()),
            },
        }
    }
}
