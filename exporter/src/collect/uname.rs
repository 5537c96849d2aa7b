//! What the kernel calls itself and the host.

use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Asks uname(2). There is no file to read, so a recorded tree cannot change it.
pub struct Uname;

impl Collector for Uname {
    fn name(&self) -> &'static str {
        "uname"
    }

    fn collect(&self, _: &Files, page: &mut Families) -> anyhow::Result<()> {
        let uname = rustix::system::uname();
        let labels = [
            ("sysname", uname.sysname()),
            ("release", uname.release()),
            ("version", uname.version()),
            ("machine", uname.machine()),
            ("nodename", uname.nodename()),
            ("domainname", uname.domainname()),
        ];
        page.gauge("node_uname_info", "Labeled system information as provided by the uname system call.")?
            .add(labels.map(|(label, value)| (label, value.to_string_lossy())), 1.0)?;
        Ok(())
    }
}
