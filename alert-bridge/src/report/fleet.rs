//! What a report tells of, before anybody decided how it looks.

use jiff::{SignedDuration, Timestamp};

/// How many equal spans the period of a report is cut into: a quarter of an hour each, for a day.
pub const SPANS: usize = 96;

/// The hosts over one period.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Where the period begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// The hosts: those that are down first, then those above a limit, then the others, by name.
    pub hosts: Vec<Host>,
}

/// One host over the period.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name: the label `instance`, or `job` where there is none, or both where two would have the same.
    pub name: String,
    /// Whether it is there now.
    pub state: State,
    /// How long it has been running; nothing when it is down or does not say.
    pub uptime: Option<SignedDuration>,
    /// CPU, memory and the fullest disk, in the order of [`Gauge::ALL`].
    pub figures: [Figure; 3],
}

/// Whether a host is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Up,
    /// It is not; when it was heard of last.
    Down(Timestamp),
}

/// What is measured of a host, each as a share from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// CPU time used, of all cores, over five minutes.
    Cpu,
    /// Memory that programs could not have.
    Memory,
    /// How full the fullest file system is.
    Disk,
}

impl Gauge {
    /// All gauges.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Disk];

    /// Returns what the alert rules allow: above it `HostHighCPU`, `HostHighMemory` and `HostDiskAlmostFull` speak up.
    pub fn limit(self) -> f32 {
        match self {
            Self::Cpu => 0.80,
            Self::Memory => 0.90,
            Self::Disk => 0.85,
        }
    }
}

/// One gauge of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Now; nothing when it is not known, as while the host is down.
    pub now: Option<f32>,
    /// The highest of each span; nothing where the host was silent.
    pub course: Box<[Option<f32>; SPANS]>,
}

impl Default for Figure {
    fn default() -> Self {
        Self { now: None, course: Box::new([None; SPANS]) }
    }
}

impl Figure {
    /// Returns the highest of the period.
    pub fn peak(&self) -> Option<f32> {
        self.course.iter().copied().flatten().chain(self.now).reduce(f32::max)
    }
}

impl Host {
    /// Returns each gauge with its figure.
    pub fn gauges(&self) -> impl Iterator<Item = (Gauge, &Figure)> {
        Gauge::ALL.into_iter().zip(&self.figures)
    }

    /// Returns whether it is there.
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Returns whether one of its gauges is above its limit now.
    pub fn is_strained(&self) -> bool {
        self.gauges().any(|(gauge, figure)| figure.now.is_some_and(|now| now > gauge.limit()))
    }
}

impl Fleet {
    /// Returns how many hosts are down.
    pub fn down(&self) -> usize {
        self.hosts.iter().filter(|host| !host.is_up()).count()
    }

    /// Puts the hosts into the order in which they are told.
    pub fn sort(&mut self) {
        self.hosts.sort_by_cached_key(|host| (host.is_up(), !host.is_strained(), natural(&host.name)));
    }
}

/// Orders `web-2` before `web-10`: runs of digits count as numbers.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| char.is_ascii_digit()).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(digits);
        let end = tail.find(|char: char| !char.is_ascii_digit()).unwrap_or(tail.len());
        let (number, tail) = tail.split_at(end);
        parts.push((word.to_lowercase(), number.parse().unwrap_or(0)));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, state: State, cpu: f32) -> Host {
        let mut figures = [const { None::<f32> }; 3].map(|now| Figure { now, ..Figure::default() });
        figures[0].now = Some(cpu);
        Host { name: name.to_owned(), state, uptime: None, figures }
    }

    #[test]
    fn who_needs_somebody_comes_first_and_numbers_count_as_numbers() {
        let hosts = vec![
            host("web-10", State::Up, 0.1),
            host("Web-2", State::Up, 0.1),
            host("busy", State::Up, 0.9),
            host("zombie", State::Down(Timestamp::UNIX_EPOCH), 0.0),
        ];
        let mut fleet = Fleet { from: Timestamp::UNIX_EPOCH, to: Timestamp::UNIX_EPOCH, hosts };
        fleet.sort();
        let names: Vec<_> = fleet.hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["zombie", "busy", "Web-2", "web-10"]);
        assert_eq!(fleet.down(), 1);
    }

    #[test]
    fn the_peak_is_the_highest_of_the_period_and_of_now() {
        let mut figure = Figure { now: Some(0.5), ..Figure::default() };
        assert_eq!(figure.peak(), Some(0.5));
        figure.course[3] = Some(0.7);
        assert_eq!(figure.peak(), Some(0.7));
        assert_eq!(Figure::default().peak(), None);
    }
}
