//! Paging, swapping and what the kernel had to kill.

use anyhow::Context as _;
use exposition::{Families, Kind};

use super::Collector;
use crate::files::Files;

/// Reads /proc/vmstat (not with procfs-core, which would keep each of its two hundred lines to be asked for ten).
pub struct Vmstat;

impl Collector for Vmstat {
    fn name(&self) -> &'static str {
        "vmstat"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        for line in host.read_proc("vmstat")?.lines() {
            let (field, value) = line.split_once(' ').with_context(|| format!("/proc/vmstat has the line `{line}`"))?;
            if is_wanted(field) {
                let value = value.parse().with_context(|| format!("`{field}` of /proc/vmstat is `{value}`"))?;
                let help = format!("/proc/vmstat information field {field}.");
                page.family(format!("node_vmstat_{field}"), help, Kind::Untyped)?.set(value)?;
            }
        }
        Ok(())
    }
}

/// Whether node_exporter takes `field` by default: `^(oom_kill|pgpg|pswp|pg.*fault).*`.
fn is_wanted(field: &str) -> bool {
    ["oom_kill", "pgpg", "pswp"].iter().any(|prefix| field.starts_with(prefix))
        || field.strip_prefix("pg").is_some_and(|rest| rest.contains("fault"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn the_fields_that_dashboards_use_are_taken_and_the_rest_is_not() {
        insta::assert_snapshot!(written(&Vmstat, "small-vps"));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for (text, reason) in [
            ("pgpgin\n", "/proc/vmstat has the line `pgpgin`"),
            ("pgpgin many\n", "`pgpgin` of /proc/vmstat is `many`"),
        ] {
            let procfs = tempfile::tempdir().unwrap();
            std::fs::write(procfs.path().join("vmstat"), text).unwrap();
            let host = crate::Host { procfs: procfs.path().to_owned(), ..crate::Host::default() };
            let error = Vmstat.collect(&Files::of(host), &mut Families::new()).unwrap_err();
            assert_eq!(error.to_string(), reason);
        }
    }
}
