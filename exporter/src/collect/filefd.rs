//! How many files are open, and how many may be.

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/sys/fs/file-nr.
pub struct Filefd;

impl Collector for Filefd {
    fn name(&self) -> &'static str {
        "filefd"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        let text = host.read_proc("sys/fs/file-nr")?;
        // Allocated, free (always 0 since Linux 2.6), maximum.
        let numbers: Vec<f64> = text
            .split_ascii_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("/proc/sys/fs/file-nr holds `{}`", text.trim_end()))?;
        let [allocated, _, maximum] = numbers[..] else {
            anyhow::bail!("/proc/sys/fs/file-nr holds {} numbers instead of 3", numbers.len());
        };
        page.gauge("node_filefd_allocated", "File descriptor statistics: allocated.")?.set(allocated)?;
        page.gauge("node_filefd_maximum", "File descriptor statistics: maximum.")?.set(maximum)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn open_files_and_their_limit_are_told() {
        let page = written(&Filefd, "small-vps");
        assert!(page.contains("node_filefd_allocated 493\n"), "{page}");
        // The limit of today's kernels is 2^63 - 1.
        assert!(page.contains("node_filefd_maximum 9.223372036854776e+18\n"), "{page}");
    }
}
