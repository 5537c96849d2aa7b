//! A small generator of random numbers: the same seed gives the same schedule for ever.

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts at `seed`; neighbouring seeds have nothing in common.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x6A09_E667_F3BC_C909)
    }

    /// Returns 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number from `low` up to, but not including, `high`; `low` if there is none.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        #[expect(clippy::cast_possible_wrap, reason = "the remainder is below a positive i64")]
        let offset = (self.bits() % high.abs_diff(low)) as i64;
        low + offset
    }

    /// Returns a number from `low` to `high` of which each power of ten is as likely as the next.
    pub fn spread(&mut self, low: i64, high: i64) -> i64 {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "microseconds of some hours")]
        {
            let share = (self.bits() >> 11) as f64 / (1_u64 << 53) as f64;
            (low as f64 * (high as f64 / low as f64).powf(share)) as i64
        }
    }

    /// Returns true in `percent` of a hundred calls.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.bits() % 100 < percent
    }

    /// Returns one of 0, 1, … `count - 1`.
    pub fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.bits() % count.max(1) as u64).unwrap_or(0)
    }
}
