//! One chip and its sensors, as the files of its directory tell.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A chip that measures.
#[derive(Debug, PartialEq)]
pub struct Chip {
    /// By which it is known over reboots.
    pub name: String,
    /// By which people know it.
    pub readable_name: Option<String>,
    /// Its thermometers and fans.
    pub sensors: Vec<Sensor>,
}

/// One thermometer or fan.
#[derive(Debug, PartialEq)]
pub struct Sensor {
    /// `temp` or `fan`.
    pub kind: &'static str,
    /// With its number: `temp1`.
    pub name: String,
    /// What is measured there, in the driver's words.
    pub label: Option<String>,
    /// The figure itself, limits and alarms.
    pub readings: Vec<Reading>,
}

/// One figure of a sensor.
#[derive(Debug, PartialEq)]
pub struct Reading {
    /// The part of the file's name behind the sensor's: `input`, `crit_alarm`.
    pub element: String,
    /// What stands in the file.
    pub value: f64,
}

impl Chip {
    /// Reads what stands in `directory`, which is `hwmonN`; `None` when that leads nowhere.
    pub fn read(directory: &Path) -> Option<Self> {
        if !directory.is_dir() {
            return None;
        }
        let mut files = BTreeMap::new();
        gather(directory, &mut files);
        // Where the drivers of old kernels put theirs.
        gather(&directory.join("device"), &mut files);
        let sensors = files.into_iter().map(|((kind, number), elements)| sensor(kind, &number, elements)).collect();
        let readable_name = attribute(&directory.join("name")).map(|name| cleaned(&name));
        let readable_name = readable_name.filter(|name| !name.is_empty());
        Some(Self { name: stable_name(directory, readable_name.as_deref()), readable_name, sensors })
    }
}

/// What stands in a sensor's files, by the part of the name behind the sensor's.
type Elements = BTreeMap<String, String>;

fn gather(directory: &Path, files: &mut BTreeMap<(&'static str, String), Elements>) {
    for file in fs::read_dir(directory).into_iter().flatten().flatten() {
        let file_name = file.file_name();
        let Some((kind, number, element)) = file_name.to_str().and_then(parts) else { continue };
        // Some drivers answer with an error while a sensor is off.
        if let Some(text) = attribute(&file.path()) {
            files.entry((kind, number.to_owned())).or_default().insert(element.to_owned(), text);
        }
    }
}

/// Splits `temp1_crit_alarm` into what it is, its number and the element.
fn parts(file: &str) -> Option<(&'static str, &str, &str)> {
    let (kind, rest) = ["temp", "fan"].into_iter().find_map(|kind| Some((kind, file.strip_prefix(kind)?)))?;
    let (number, element) = match rest.split_once('_') {
        Some((number, element)) if !element.is_empty() => (number, element),
        Some(_) => return None,
        None => (rest, ""),
    };
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some((kind, number, element))
}

fn sensor(kind: &'static str, number: &str, mut elements: Elements) -> Sensor {
    let label = elements.remove("label");
    let readings = elements
        .into_iter()
        .filter_map(|(element, text)| Some(Reading { element, value: text.parse().ok()? }))
        .collect();
    Sensor { kind, name: format!("{kind}{number}"), label, readings }
}

/// Names the chip by the device it sits on, since `hwmonN` depends on which module was loaded first.
fn stable_name(directory: &Path, readable_name: Option<&str>) -> String {
    let last_of = |path: &Path| path.file_name().map(|name| cleaned(&name.to_string_lossy())).unwrap_or_default();
    if let Ok(device) = directory.join("device").canonicalize() {
        let (bus, device) = (device.parent().map(last_of).unwrap_or_default(), last_of(&device));
        if !bus.is_empty() && !device.is_empty() {
            return format!("{bus}_{device}");
        }
        if !device.is_empty() {
            return device;
        }
    }
    match readable_name {
        Some(name) => name.to_owned(),
        None => last_of(&directory.canonicalize().unwrap_or_else(|_| directory.to_owned())),
    }
}

/// Returns `text` as a metric's name may have it: in lower case, and with `_` for what is odd, but not at its ends.
pub fn cleaned(text: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9' | ':') => letter,
        _ => '_',
    };
    text.chars().map(plain).collect::<String>().trim_matches('_').to_owned()
}

fn attribute(file: &Path) -> Option<String> {
    let text = fs::read(file).ok()?;
    Some(String::from_utf8_lossy(&text).trim_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_what_it_holds() {
        assert_eq!(parts("temp1_input"), Some(("temp", "1", "input")));
        assert_eq!(parts("fan12_min_alarm"), Some(("fan", "12", "min_alarm")));
        assert_eq!(parts("fan1"), Some(("fan", "1", "")));
        for file in ["name", "in0_input", "temp_input", "tempx1_input", "fan1_", "uevent", "temp1x_input"] {
            assert_eq!(parts(file), None, "{file}");
        }
    }

    #[test]
    fn names_are_cleaned_for_metrics() {
        assert_eq!(cleaned("0000:01:00.0"), "0000:01:00_0");
        assert_eq!(cleaned("-Nct6775 "), "nct6775");
        assert_eq!(cleaned("°"), "");
    }

    #[test]
    fn a_chip_without_device_and_name_keeps_the_kernels() {
        let directory = tempfile::tempdir().unwrap();
        let chip = directory.path().join("hwmon7");
        assert_eq!(Chip::read(&chip), None);
        fs::create_dir(&chip).unwrap();
        assert_eq!(Chip::read(&chip).unwrap().name, "hwmon7");
        fs::write(chip.join("name"), "acpitz\n").unwrap();
        assert_eq!(Chip::read(&chip).unwrap().name, "acpitz");
    }
}
