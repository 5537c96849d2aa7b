//! One section of `noroshi.yaml`, the file that all parts share.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};

/// The sections that the file may have, one for each part.
///
/// A binary reads its own and passes over the others, but a section that no part owns is a typing error.
pub const SECTIONS: [&str; 7] = ["exporter", "proxy", "pushgateway", "rules", "bridge", "failover", "hub"];

/// Why a configuration file was refused. The message names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
pub enum SectionError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file as it was named.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not YAML, or a setting in it does not hold.
    #[error("{path}: {reason}")]
    Refused {
        /// The file as it was named.
        path: String,
        /// What is wrong, with line and column.
        reason: String,
    },
}

/// Reads the section `section` of the file at `path`; no file and no section both mean the defaults.
///
/// # Errors
/// When the file cannot be read, is not YAML, has a section that no part owns, or this section has
/// an unknown key or a value that does not hold. Other sections are not looked into.
pub fn load<T: DeserializeOwned + Default>(section: &'static str, path: Option<&Path>) -> Result<T, SectionError> {
    let Some(path) = path else { return Ok(T::default()) };
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(section, &text, &name),
        Err(source) => Err(SectionError::Unreadable { path: name, source }),
    }
}

/// Reads the section `section` of `text`; `name` is what errors call the file.
///
/// # Errors
/// As [`load`], but for reading.
pub fn parse<T: DeserializeOwned + Default>(section: &'static str, text: &str, name: &str) -> Result<T, SectionError> {
    // A file whose every line is a comment is an example that nobody filled in yet: the defaults.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(T::default());
    }
    // No snippet: a line of this file may hold a secret, and errors go to logs.
    let options = serde_saphyr::options! { with_snippet: false };
    let seed = Section { name: section, holds: PhantomData };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |file| seed.deserialize(file))
        .map_err(|error| SectionError::Refused { path: name.to_owned(), reason: plain(&error) })
}

/// The library's reason without the advice that it gives to programmers.
fn plain(error: &serde_saphyr::Error) -> String {
    let advice = [
        ", set DuplicateKeyPolicy in Options if acceptable",
        "; use from_str_multiple or from_str_multiple_with_options",
    ];
    advice.iter().fold(error.to_string(), |reason, advice| reason.replace(advice, ""))
}

/// Picks one section out of the file's mapping.
struct Section<T> {
    name: &'static str,
    holds: PhantomData<T>,
}

impl<'de, T: DeserializeOwned + Default> DeserializeSeed<'de> for Section<T> {
    type Value = T;

    fn deserialize<D: de::Deserializer<'de>>(self, file: D) -> Result<T, D::Error> {
        file.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned + Default> Visitor<'de> for Section<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sections, each with its settings below it ({})", SECTIONS.join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut file: A) -> Result<T, A::Error> {
        let mut section = T::default();
        while let Some(SectionName(key)) = file.next_key()? {
            if key == self.name {
                // `bridge:` with nothing below it is null, which is how an example looks when all is commented out.
                section = file.next_value::<Option<T>>()?.unwrap_or_default();
            } else {
                file.next_value::<IgnoredAny>()?;
            }
        }
        Ok(section)
    }
}

/// A key at the top of the file. It is checked while it is read, so that the error points at it.
struct SectionName(String);

impl<'de> de::Deserialize<'de> for SectionName {
    fn deserialize<D: de::Deserializer<'de>>(key: D) -> Result<Self, D::Error> {
        let name = String::deserialize(key)?;
        if SECTIONS.contains(&name.as_str()) {
            return Ok(Self(name));
        }
        Err(de::Error::custom(format!("no part has a section `{name}`; the sections are {}", SECTIONS.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Bridge {
        language: String,
        port: u16,
    }

    fn bridge(text: &str) -> Result<Bridge, String> {
        parse("bridge", text, "noroshi.yaml").map_err(|error| error.to_string())
    }

    #[test]
    fn a_part_takes_its_section_and_passes_over_the_others() {
        let file = "proxy:\n  listen: 1.2.3.4:5\nbridge:\n  language: ja\n";
        assert_eq!(bridge(file), Ok(Bridge { language: "ja".into(), port: 0 }));
    }

    #[test]
    fn a_file_without_the_section_gives_the_defaults() {
        for file in ["", "# nothing yet\n", "proxy: {}\n", "bridge:\n", "bridge:\n  # language: ja\n"] {
            assert_eq!(bridge(file), Ok(Bridge::default()), "{file:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_column() {
        insta::assert_snapshot!(bridge("bridge:\n  langauge: ja\n").unwrap_err(), @"noroshi.yaml: unknown field `langauge`, expected one of language, port at line 2, column 3");
        insta::assert_snapshot!(bridge("proxy: {}\nbrigde:\n  language: ja\n").unwrap_err(), @"noroshi.yaml: no part has a section `brigde`; the sections are exporter, proxy, pushgateway, rules, bridge, failover, hub at line 2, column 1");
        insta::assert_snapshot!(bridge("bridge:\n  port: many\n").unwrap_err(), @"noroshi.yaml: invalid u16 at line 2, column 9");
        insta::assert_snapshot!(bridge("bridge: [\n").unwrap_err(), @"noroshi.yaml: expected mapping start at line 1, column 9");
        insta::assert_snapshot!(bridge("- bridge\n").unwrap_err(), @"noroshi.yaml: expected mapping start at line 1, column 1");
        insta::assert_snapshot!(bridge("bridge:\n  port: 1\n  port: 2\n").unwrap_err(), @"noroshi.yaml: duplicate mapping key: port at line 3, column 3");
        insta::assert_snapshot!(bridge("bridge: {}\n---\nproxy: {}\n").unwrap_err(), @"noroshi.yaml: multiple YAML documents detected at line 3, column 1");
    }

    #[test]
    fn no_error_quotes_the_line_it_stands_on() {
        for file in ["bridge:\n  port: hunter2\n", "bridge: hunter2\n", "bridge:\n  language: \"hunter2\n"] {
            assert!(!bridge(file).unwrap_err().contains("hunter2"), "{file:?}: {}", bridge(file).unwrap_err());
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = load::<Bridge>("bridge", Some(Path::new("/nowhere/noroshi.yaml"))).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/noroshi.yaml");
    }
}
