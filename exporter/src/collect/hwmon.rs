//! Temperatures and fans.

mod chip;

use std::fs;
use std::io::ErrorKind;

use anyhow::Context as _;
use exposition::Families;

use self::chip::{Chip, Reading, Sensor};
use super::Collector;
use crate::files::Files;

const MILLIDEGREES_PER_DEGREE: f64 = 1000.0;

/// Reads /sys/class/hwmon. Voltages, currents and powers are left out: there are many, and nothing asks for them.
pub struct Hwmon;

impl Collector for Hwmon {
    fn name(&self) -> &'static str {
        "hwmon"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let directory = host.sysfs.join("class/hwmon");
        let chips = match fs::read_dir(&directory) {
            Ok(chips) => chips,
            // Virtual machines have no such thing.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", directory.display())),
        };
        for chip in chips {
            let chip = chip.with_context(|| format!("cannot read {}", directory.display()))?;
            // A chip may go at any moment.
            if let Some(chip) = Chip::read(&chip.path()) {
                add(page, &chip);
            }
        }
        Ok(())
    }
}

fn add(page: &mut Families, chip: &Chip) {
    let mut gauge = |name: String, help: String, labels: &[(&'static str, &str)], value: f64| {
        // Two chips may sit on one device and so bear one name: what the first one told stands.
        let _ = page.gauge(name, help).and_then(|family| family.add(labels.iter().copied(), value).map(|_| ()));
    };
    let of_chip = ("chip", chip.name.as_str());
    if let Some(name) = &chip.readable_name {
        let help = "Annotation metric for human-readable chip names";
        gauge("node_hwmon_chip_names".into(), help.into(), &[of_chip, ("chip_name", name)], 1.0);
    }
    for sensor in &chip.sensors {
        let of_sensor = ("sensor", sensor.name.as_str());
        if let Some(label) = &sensor.label {
            let help = "Label for given chip and sensor";
            gauge("node_hwmon_sensor_label".into(), help.into(), &[of_chip, of_sensor, ("label", label)], 1.0);
        }
        for reading in &sensor.readings {
            let (name, help, value) = told(sensor, reading);
            gauge(name, help, &[of_chip, of_sensor], value);
        }
    }
}

/// Gives a reading the name, the help and the unit that node_exporter gives it.
fn told(sensor: &Sensor, reading: &Reading) -> (String, String, f64) {
    let (kind, element, value) = (sensor.kind, reading.element.as_str(), reading.value);
    let name = match element {
        // The figure itself needs no name, unless the sensor has a second one without a name.
        "" => format!("node_hwmon_{kind}"),
        "input" if !sensor.readings.iter().any(|other| other.element.is_empty()) => format!("node_hwmon_{kind}"),
        element => format!("node_hwmon_{kind}_{}", chip::cleaned(element)),
    };
    match (kind, element) {
        (_, "fault" | "alarm") => (name, format!("Hardware sensor {element} status ({kind})"), value),
        (_, "beep") => (format!("{name}_enabled"), "Hardware monitor sensor has beeping enabled".to_owned(), value),
        ("temp", element) if element != "type" => {
            let element = if element.is_empty() { "input" } else { element };
            let help = format!("Hardware monitor for temperature ({element})");
            (format!("{name}_celsius"), help, value / MILLIDEGREES_PER_DEGREE)
        }
        ("fan", "input" | "min" | "max" | "target") => {
            (format!("{name}_rpm"), format!("Hardware monitor for fan revolutions per minute ({element})"), value)
        }
        _ => (name, format!("Hardware monitor {kind} element {element}"), value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::{series, written};

    #[test]
    fn temperatures_and_fans_are_told_and_the_rest_is_not() {
        insta::assert_snapshot!(written(&Hwmon, "home-server"));
    }

    #[test]
    fn a_sensor_that_does_not_answer_costs_only_itself() {
        // fan2 of the board is not connected: its driver answers nothing.
        let page = written(&Hwmon, "home-server");
        assert_eq!(series(&page, "node_hwmon_fan_rpm").len(), 1, "{page}");
    }

    #[test]
    fn a_virtual_machine_has_no_such_metrics() {
        assert_eq!(written(&Hwmon, "small-vps"), "");
    }
}
