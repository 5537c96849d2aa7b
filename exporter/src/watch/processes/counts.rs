//! What processes did.

use serde::{Deserialize, Serialize};

/// What a process, or all processes of a group, did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// CPU time of its own.
    pub user_ticks: u64,
    /// CPU time of the kernel for it.
    pub system_ticks: u64,
    /// Read from a disk.
    pub read_bytes: u64,
    /// Written to a disk.
    pub write_bytes: u64,
}

impl Counts {
    /// Adds each to its own. Stays within bounds whatever a state file says.
    pub fn add(&mut self, other: Self) {
        self.user_ticks = self.user_ticks.saturating_add(other.user_ticks);
        self.system_ticks = self.system_ticks.saturating_add(other.system_ticks);
        self.read_bytes = self.read_bytes.saturating_add(other.read_bytes);
        self.write_bytes = self.write_bytes.saturating_add(other.write_bytes);
    }

    /// Returns the larger one of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            user_ticks: self.user_ticks.max(other.user_ticks),
            system_ticks: self.system_ticks.max(other.system_ticks),
            read_bytes: self.read_bytes.max(other.read_bytes),
            write_bytes: self.write_bytes.max(other.write_bytes),
        }
    }
}
