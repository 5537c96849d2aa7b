//! What the network devices are: up or down, how fast, by which address.

use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /sys/class/net.
pub struct Netclass;

impl Collector for Netclass {
    fn name(&self) -> &'static str {
        "netclass"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        host.devices("class/net")?.iter().try_for_each(|name| add(name, host, page))
    }
}

fn add(name: &str, host: &Files, page: &mut Families) -> anyhow::Result<()> {
    let directory = format!("class/net/{name}");
    // A device that is down answers some with an error, and a device may go at any moment, so whatever cannot be read is not
    // there.
    let text = |attribute: &str| host.read_attribute(&directory, attribute).map(|text| text.trim().to_owned());
    let operstate = text("operstate").unwrap_or_default();
    page.gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.")?
        .add([("device", name)], f64::from(u8::from(operstate == "up")))?;
    page.gauge("node_network_info", "Non-numeric data from /sys/class/net/<iface>, value is always 1.")?.add(
        [
            ("device", name.to_owned()),
            ("address", text("address").unwrap_or_default()),
            ("broadcast", text("broadcast").unwrap_or_default()),
            ("duplex", text("duplex").unwrap_or_default()),
            ("operstate", operstate),
            ("ifalias", text("ifalias").unwrap_or_default()),
        ],
        1.0,
    )?;
    let number =
        |attribute: &str| text(attribute).and_then(|value| value.parse::<i64>().ok()).map(|value| value as f64);
    for (family, help, value) in [
        ("node_network_carrier", "Network device property: carrier", number("carrier")),
        ("node_network_mtu_bytes", "Network device property: mtu_bytes", number("mtu")),
        // In megabits; -1 where the driver does not know, and node_exporter passes that on.
        (
            "node_network_speed_bytes",
            "Network device property: speed_bytes",
            number("speed").map(|mbit| mbit * 125_000.0),
        ),
    ] {
        if let Some(value) = value {
            page.gauge(family, help)?.add([("device", name)], value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::collect::tests::written;
    use crate::host::Host;

    #[test]
    fn devices_are_described_by_what_they_answer() {
        insta::assert_snapshot!(written(&Netclass, "small-vps"));
    }

    #[test]
    fn a_speed_beyond_reason_is_passed_on_and_breaks_nothing() {
        let sysfs = tempfile::tempdir().unwrap();
        let device = sysfs.path().join("class/net/odd0");
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("speed"), i64::MAX.to_string()).unwrap();
        let mut page = Families::new();
        Netclass.collect(&Files::of(Host { sysfs: sysfs.path().to_owned(), ..Host::default() }), &mut page).unwrap();
        let page = page.to_string();
        assert!(page.contains("node_network_speed_bytes{device=\"odd0\"} 1.152921504606847e+24\n"), "{page}");
    }
}
