//! What a block says of itself.

use std::path::{Path, PathBuf};

use crate::error::Broken;
use crate::varint;

const VERSION: u8 = 1;

/// A block's name. What two blocks have of the same moment counts as the one says that comes first in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    /// Rises from block to block; of several that were merged, the lowest.
    pub(crate) sequence: u64,
    /// How often it was merged.
    pub(crate) generation: u32,
}

impl Name {
    /// Returns the name that a path has, if it is a block's.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let (sequence, generation) = path.file_name()?.to_str()?.strip_prefix("block-")?.split_once('-')?;
        Some(Self { sequence: sequence.parse().ok()?, generation: generation.parse().ok()? })
    }

    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        dir.join(format!("block-{:08}-{:04}", self.sequence, self.generation))
    }
}

/// What a block says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// The stretch of time that the block is for: from here to before there. Those of two blocks lie apart or one in the
    /// other.
    pub(crate) stretch: (i64, i64),
    /// Oldest and newest sample.
    pub(crate) span: (i64, i64),
    pub(crate) samples: u64,
    pub(crate) series: u64,
    /// The blocks that were merged into this one.
    pub(crate) replaces: Vec<Name>,
}

impl Default for About {
    /// What can be said of a block that has lost it: any time.
    fn default() -> Self {
        let ever = (i64::MIN, i64::MAX);
        Self { stretch: ever, span: ever, samples: 0, series: 0, replaces: Vec::new() }
    }
}

impl About {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        for time in [self.stretch.0, self.stretch.1, self.span.0, self.span.1] {
            varint::write_signed(time, out);
        }
        varint::write(self.samples, out);
        varint::write(self.series, out);
        varint::write(self.replaces.len() as u64, out);
        for name in &self.replaces {
            varint::write(name.sequence, out);
            varint::write(u64::from(name.generation), out);
        }
    }

    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, Broken> {
        let bytes = &mut bytes;
        let [version] = varint::take_array(bytes)?;
        if version != VERSION {
            return Err(Broken);
        }
        let mut times = [0; 4];
        for time in &mut times {
            *time = varint::read_signed(bytes)?;
        }
        let (samples, series) = (varint::read(bytes)?, varint::read(bytes)?);
        let count = varint::read_length(bytes)?;
        let name = |bytes: &mut &[u8]| {
            let sequence = varint::read(bytes)?;
            let generation = u32::try_from(varint::read(bytes)?).map_err(|_| Broken)?;
            Ok(Name { sequence, generation })
        };
        let replaces = (0..count).map(|_| name(bytes)).collect::<Result<_, Broken>>()?;
        let [from, to, oldest, newest] = times;
        Ok(Self { stretch: (from, to), span: (oldest, newest), samples, series, replaces })
    }
}
