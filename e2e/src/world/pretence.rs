//! A machine that is only pretended: as busy as a test says, whatever the machine is that runs the test.

use std::fs;
use std::path::PathBuf;

use tokio::time::Instant;

/// `/proc` counts in hundredths of a second.
const TICKS: f64 = 100.0;
/// How long it has been up when a test begins.
const UPTIME_SECONDS: f64 = 10_000.0;

/// What the exporter finds under `/proc` there: one CPU, half of 1 GiB in use, no disks. It does not know more of it.
#[derive(Clone)]
pub(super) struct Pretence {
    pub(super) procfs: PathBuf,
    began: Instant,
    load: f64,
}

impl Pretence {
    /// Makes a machine whose CPU is busy for `load` of its time (0 to 1).
    pub(super) fn new(procfs: PathBuf, load: f64) -> Self {
        fs::create_dir_all(procfs.join("self")).expect("a world can make folders");
        fs::write(procfs.join("self/mounts"), "").expect("a world can write files");
        let memory = "MemTotal: 1048576 kB\nMemFree: 524288 kB\nMemAvailable: 524288 kB\n";
        fs::write(procfs.join("meminfo"), memory).expect("a world can write files");
        Self { procfs, began: Instant::now(), load }
    }

    /// Brings the counters up to this moment.
    pub(super) fn go_on(&self) {
        let up = UPTIME_SECONDS + self.began.elapsed().as_secs_f64();
        let busy = up * self.load;
        let (user, idle) = (busy * TICKS, (up - busy) * TICKS);
        let times = format!("{user:.0} 0 0 {idle:.0} 0 0 0 0 0 0");
        let booted = jiff::Timestamp::now().as_duration().as_secs_f64() - up;
        let stat = format!(
            "cpu  {times}\ncpu0 {times}\nintr 1\nctxt 1\nbtime {booted:.0}\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n"
        );
        fs::write(self.procfs.join("stat"), stat).expect("a world can write files");
    }
}
