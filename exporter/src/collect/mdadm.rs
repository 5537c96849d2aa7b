//! How the software RAIDs are.

mod mdstat;

use exposition::Families;

use self::mdstat::{Activity, Array};
use super::Collector;
use crate::files::Files;

/// Reads /proc/mdstat, which is there once the module `md` is loaded.
pub struct Mdadm;

impl Collector for Mdadm {
    fn name(&self) -> &'static str {
        "mdadm"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let Some(text) = host.read_proc_to_end_if_any("mdstat")? else { return Ok(()) };
        for array in mdstat::parse(&text)? {
            add(page, &array)?;
        }
        Ok(())
    }
}

fn add(page: &mut Families, array: &Array) -> anyhow::Result<()> {
    let device = array.device.as_str();
    for (state, count) in [("active", array.active), ("failed", array.failed), ("spare", array.spare)] {
        page.gauge("node_md_disks", "Number of active/failed/spare disks of device.")?
            .add([("device", device), ("state", state)], count as f64)?;
    }
    page.gauge("node_md_disks_required", "Total number of disks of device.")?
        .add([("device", device)], array.required as f64)?;
    for activity in Activity::ALL {
        page.gauge("node_md_state", "Indicates the state of md-device.")?
            .add([("device", device), ("state", activity.as_str())], f64::from(u8::from(array.activity == activity)))?;
    }
    page.gauge("node_md_blocks", "Total number of blocks on device.")?
        .add([("device", device)], array.blocks as f64)?;
    page.gauge("node_md_blocks_synced", "Number of blocks synced on device.")?
        .add([("device", device)], array.blocks_synced as f64)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn arrays_are_told_with_their_disks_and_what_they_are_at() {
        insta::assert_snapshot!(written(&Mdadm, "home-server"));
    }

    #[test]
    fn a_host_without_arrays_has_no_such_metrics() {
        assert_eq!(written(&Mdadm, "small-vps"), "");
    }
}
