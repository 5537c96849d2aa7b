//! Ports that stay free until they are used.

use std::fs::{File, create_dir_all};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use super::binaries;

/// Below the ports that the kernel gives to outgoing connections: between our look and the engine's bind nobody
/// gets one of these by chance.
const RANGE: std::ops::Range<u16> = 21_000..31_000;
/// Worlds that may live at once. Each is half a dozen processes, and the tests have deadlines.
const WORLDS: u16 = 3;

/// A port of loopback that no other world has. The lock ends with this value, or with the process.
pub(super) struct Port {
    pub(super) number: u16,
    _lock: File,
}

impl Port {
    /// # Panics
    /// When none of ten thousand is free.
    pub(super) fn reserve() -> Self {
        // Somewhere else for each process, so that the search is short.
        let size = u32::from(RANGE.end - RANGE.start);
        let offset = (std::process::id().wrapping_mul(97)) % size;
        for step in 0..size {
            let number = RANGE.start + u16::try_from((offset + step) % size).expect("the range is that small");
            let Some(lock) = try_lock(&format!("port-{number}")) else { continue };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self { number, _lock: lock };
            }
        }
        panic!("no free port between {} and {}", RANGE.start, RANGE.end);
    }
}

/// The right to have a world. Waits for its turn, across all tests of this build.
pub(super) struct Turn {
    _lock: File,
}

impl Turn {
    pub(super) async fn come() -> Self {
        loop {
            for seat in 0..WORLDS {
                if let Some(lock) = try_lock(&format!("world-{seat}")) {
                    return Self { _lock: lock };
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

/// Takes the lock of that name, which the system gives back when its holder ends in whatever way.
fn try_lock(name: &str) -> Option<File> {
    let folder: PathBuf = binaries::folder().join("e2e-locks");
    create_dir_all(&folder).and_then(|()| File::create(folder.join(name))).map_or_else(
        |error| panic!("cannot write to {}: {error}", folder.display()),
        |file| file.try_lock().is_ok().then_some(file),
    )
}
