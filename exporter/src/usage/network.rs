//! What went over the network.

use std::collections::BTreeMap;
use std::time::Duration;

use exposition::Families;
use serde::{Deserialize, Serialize};

use super::growth;
use crate::collect::netdev;
use crate::files::Files;

/// The counters of each device that leads out of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network(BTreeMap<String, Traffic>);

/// Bytes since the device was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Traffic {
    received: u64,
    sent: u64,
}

impl Network {
    /// Reads /proc/net/dev.
    pub fn read(host: &Files) -> anyhow::Result<Self> {
        let mut devices = BTreeMap::new();
        for (device, [received, .., sent, _, _, _, _, _, _, _]) in netdev::read(host)? {
            if !is_inside(&device) {
                devices.insert(device, Traffic { received, sent });
            }
        }
        Ok(Self(devices))
    }

    /// Adds what was received and sent a second since `previous`, by all devices together.
    pub fn add(&self, page: &mut Families, previous: &Self, elapsed: Duration) -> anyhow::Result<()> {
        let Some(Traffic { received, sent }) = self.since(previous) else { return Ok(()) };
        for (name, help, bytes) in [
            (
                "noroshi_exporter_network_receive_bytes_per_second",
                "Bytes received per second since the previous successful push, by all devices that lead out of the host.",
                received,
            ),
            (
                "noroshi_exporter_network_transmit_bytes_per_second",
                "Bytes sent per second since the previous successful push, by all devices that lead out of the host.",
                sent,
            ),
        ] {
            page.gauge(name, help)?.set(bytes as f64 / elapsed.as_secs_f64())?;
        }
        Ok(())
    }

    /// Returns what went through the devices that were there then and are now. One that has come since may bring old
    /// counters from elsewhere, so it counts from the next push on.
    fn since(&self, previous: &Self) -> Option<Traffic> {
        let both = self.0.iter().filter_map(|(device, now)| Some((now, previous.0.get(device)?)));
        both.map(|(now, then)| Traffic {
            received: growth(now.received, then.received),
            sent: growth(now.sent, then.sent),
        })
        .reduce(|sum, device| Traffic {
            received: sum.received.saturating_add(device.received),
            sent: sum.sent.saturating_add(device.sent),
        })
    }
}

/// Whether what goes through `device` stays on the host or is counted at another device too: loopback, and what
/// containers are tied to. The recording rules for plain node_exporter text leave out the same.
fn is_inside(device: &str) -> bool {
    device == "lo" || ["veth", "docker", "br-"].iter().any(|prefix| device.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{recorded, series};

    fn network<const N: usize>(devices: [(&str, u64, u64); N]) -> Network {
        Network(devices.map(|(device, received, sent)| (device.to_owned(), Traffic { received, sent })).into())
    }

    #[test]
    fn devices_inside_the_host_are_left_out() {
        let devices: Vec<_> = Network::read(&Files::of(recorded("small-vps"))).unwrap().0.into_iter().collect();
        assert_eq!(devices[0], ("eth0".to_owned(), Traffic { received: 193_624_484, sent: 794_507 }));
        assert_eq!(devices.iter().map(|(device, _)| device.as_str()).collect::<Vec<_>>(), ["eth0", "eth0:1", "wg-ü"]);
        for device in ["lo", "veth12ab", "docker0", "br-0c1d"] {
            assert!(is_inside(device), "{device}");
        }
        for device in ["lo1", "eth0", "br0", "wg0", "ens3"] {
            assert!(!is_inside(device), "{device}");
        }
    }

    #[test]
    fn bytes_are_told_by_the_second() {
        let before = network([("eth0", 1000, 500), ("eth1", 0, 0)]);
        let now = network([("eth0", 7000, 800), ("eth1", 6000, 0)]);
        let mut page = Families::new();
        now.add(&mut page, &before, Duration::from_millis(1500)).unwrap();
        let page = page.to_string();
        let received = "noroshi_exporter_network_receive_bytes_per_second";
        assert_eq!(series(&page, received), [format!("{received} 8000")]);
        let sent = "noroshi_exporter_network_transmit_bytes_per_second";
        assert_eq!(series(&page, sent), [format!("{sent} 200")]);
    }

    #[test]
    fn pushes_at_odd_times_leave_nothing_out_and_count_nothing_twice() {
        // Seconds and bytes received by then: by cron, after an hour without a gateway, and twice in a second.
        let pushes = [(0.0, 10), (60.0, 70_010), (3660.0, 70_010), (3660.5, 99_999), (3720.25, 1_000_000)];
        let mut bytes = 0.0;
        for pair in pushes.windows(2) {
            let [(then, before), (now, after)] = pair else { unreachable!("windows of two") };
            let mut page = Families::new();
            let elapsed = Duration::from_secs_f64(now - then);
            network([("eth0", *after, 0)]).add(&mut page, &network([("eth0", *before, 0)]), elapsed).unwrap();
            let told = series(&page.to_string(), "noroshi_exporter_network_receive_bytes_per_second").remove(0);
            let rate: f64 = told.rsplit_once(' ').unwrap().1.parse().unwrap();
            bytes += rate * (now - then);
        }
        assert!((bytes - 999_990.0).abs() < 1e-3, "{bytes}");
    }

    #[test]
    fn a_device_may_begin_anew_come_and_go() {
        let before = network([("ppp0", 1000, 1000), ("gone", 5, 5)]);
        let now = network([("ppp0", 70, 1010), ("new", 1_000_000, 1_000_000)]);
        assert_eq!(now.since(&before), Some(Traffic { received: 70, sent: 10 }));
    }

    #[test]
    fn without_a_device_nothing_is_said() {
        assert_eq!(network([]).since(&network([])), None);
        assert_eq!(network([("new", 1, 1)]).since(&network([("gone", 1, 1)])), None);
    }
}
