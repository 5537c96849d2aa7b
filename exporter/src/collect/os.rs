//! Which distribution this is.

use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads os-release, which every distribution has in one of two places.
pub struct Os;

impl Collector for Os {
    fn name(&self) -> &'static str {
        "os"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let mut text = host.read_plain_if_any(&host.rootfs.join("etc/os-release"))?;
        if text.is_none() {
            text = host.read_plain_if_any(&host.rootfs.join("usr/lib/os-release"))?;
        }
        let Some(text) = text else { return Ok(()) };
        let labels = KEYS.map(|key| (key, value_of(&text, key)));
        page.gauge(
            "node_os_info",
            "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, \
             pretty_name, variant, variant_id, version, version_codename, version_id.",
        )?
        .add(labels, 1.0)?;
        Ok(())
    }
}

const KEYS: [&str; 12] = [
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
];

/// Returns what `key` is set to, the last time it is set, as a shell would; empty when it is not.
fn value_of(text: &str, key: &str) -> String {
    let assignment = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        name.eq_ignore_ascii_case(key).then(|| unquoted(value))
    };
    text.lines().rev().find_map(assignment).unwrap_or_default()
}

/// Undoes the quoting of os-release(5): single quotes, or double quotes and backslashes.
fn unquoted(value: &str) -> String {
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let (mut plain, mut characters) = (String::new(), inner.chars());
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;
    use crate::host::Host;

    #[test]
    fn the_distribution_is_told_in_labels() {
        insta::assert_snapshot!(written(&Os, "small-vps"));
    }

    #[test]
    fn values_may_be_quoted_in_every_way_a_shell_knows() {
        let text = "# NAME=no\nNAME='A B'\nID=debian\nVERSION=\"12 \\\"x\\\" \\$y\"\nVARIANT=\"\n ID_LIKE=a b\n";
        for (key, value) in [
            ("name", "A B"),
            ("id", "debian"),
            ("version", "12 \"x\" $y"),
            ("variant", "\""),
            ("id_like", "a b"),
            ("build_id", ""),
        ] {
            assert_eq!(value_of(text, key), value, "{key}");
        }
    }

    #[test]
    fn the_second_place_is_not_looked_at_when_the_first_one_has_the_file() {
        let rootfs = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(rootfs.path().join("etc")).unwrap();
        std::fs::create_dir_all(rootfs.path().join("usr/lib/os-release/not/a/file")).unwrap();
        std::fs::write(rootfs.path().join("etc/os-release"), "ID=debian\n").unwrap();
        let host = Files::of(Host { rootfs: rootfs.path().to_owned(), ..Host::default() });
        let mut page = Families::new();
        Os.collect(&host, &mut page).unwrap();
        assert!(page.to_string().contains("id=\"debian\""), "{page}");

        std::fs::remove_file(rootfs.path().join("etc/os-release")).unwrap();
        assert!(Os.collect(&host, &mut Families::new()).is_err());
    }

    #[test]
    fn a_host_without_the_file_has_no_such_metric() {
        assert_eq!(written(&Os, "64-cores"), "");
    }
}
