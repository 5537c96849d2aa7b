//! The word that tells a planned stop from a host that died.

use exposition::Families;

/// Whether this is the last push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// Others follow.
    No,
    /// The service was asked to stop.
    Yes,
}

impl Stopping {
    /// Puts onto `page` whether more is to be expected.
    ///
    /// # Errors
    /// When the page says so already.
    pub fn describe(self, page: &mut Families) -> anyhow::Result<()> {
        page.gauge("noroshi_exporter_stopping", "1 when this is the last push before a planned stop, 0 otherwise.")?
            .set(f64::from(u8::from(self == Self::Yes)))?;
        Ok(())
    }
}
