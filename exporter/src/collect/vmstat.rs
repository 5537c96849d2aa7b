//! Paging, swapping and what the kernel had to kill.

use exposition::{Families, Kind};
use procfs_core::{FromRead as _, VmStat};

use super::Collector;
use crate::files::Files;

/// Reads /proc/vmstat.
pub struct Vmstat;

impl Collector for Vmstat {
    fn name(&self) -> &'static str {
        "vmstat"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let text = host.read_proc("vmstat")?;
        for (field, value) in VmStat::from_read(text.as_bytes())?.0 {
            if is_wanted(&field) {
                let help = format!("/proc/vmstat information field {field}.");
                page.family(format!("node_vmstat_{field}"), help, Kind::Untyped)?.set(value as f64)?;
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
}
