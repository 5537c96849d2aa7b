//! How much randomness the kernel has gathered.

use anyhow::Context as _;
use exposition::Families;

use super::Collector;
use crate::files::Files;

/// Reads /proc/sys/kernel/random.
pub struct Entropy;

impl Collector for Entropy {
    fn name(&self) -> &'static str {
        "entropy"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        for (file, name, help) in [
            ("sys/kernel/random/entropy_avail", "node_entropy_available_bits", "Bits of available entropy."),
            ("sys/kernel/random/poolsize", "node_entropy_pool_size_bits", "Bits of entropy pool."),
        ] {
            let Some(text) = host.read_proc_if_any(file)? else { continue };
            let text = text.trim();
            let bits = text.parse().with_context(|| format!("/proc/{file} holds `{text}`"))?;
            page.gauge(name, help)?.set(bits)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn the_pool_and_what_is_in_it_are_told() {
        let page = written(&Entropy, "small-vps");
        assert!(page.contains("node_entropy_available_bits 256\n"), "{page}");
        assert!(page.contains("node_entropy_pool_size_bits 256\n"), "{page}");
    }
}
