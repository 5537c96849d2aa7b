//! Values as what differs from the one before, bit by bit: for those that are no short decimal fractions, and for NaNs.
//!
//! After Pelkonen and others, "Gorilla: a fast, scalable, in-memory time series database" (VLDB 2015).

use series::Sample;

use crate::bits::{BitReader, BitWriter};
use crate::error::Broken;

/// Which bits of a difference are written.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    leading: u32,
    width: u32,
}

impl Window {
    fn trailing(self) -> u32 {
        64 - self.leading - self.width
    }

    fn holds(self, difference: u64) -> bool {
        self.width > 0 && difference.leading_zeros() >= self.leading && difference.trailing_zeros() >= self.trailing()
    }
}

pub(crate) fn write(samples: &[Sample], bits: &mut BitWriter<'_>) {
    let mut before = 0;
    let mut window = Window::default();
    for sample in samples {
        let value = sample.value.to_bits();
        let difference = value ^ std::mem::replace(&mut before, value);
        if difference == 0 {
            bits.write(0, 1);
            continue;
        }
        let own = Window {
            leading: difference.leading_zeros(),
            width: 64 - difference.leading_zeros() - difference.trailing_zeros(),
        };
        // A new window costs twelve bits: it must save as many before it is worth it, or hold what the old one cannot.
        if window.holds(difference) && window.width <= own.width + 12 {
            bits.write(0b01, 2);
        } else {
            window = own;
            bits.write(0b11, 2);
            bits.write(u64::from(window.leading), 6);
            bits.write(u64::from(window.width - 1), 6);
        }
        bits.write(difference >> window.trailing(), window.width);
    }
}

/// Fills in the values of `samples`.
pub(crate) fn read(samples: &mut [Sample], bits: &mut BitReader<'_>) -> Result<(), Broken> {
    let mut value = 0;
    let mut window = Window::default();
    for sample in samples {
        if bits.bit()? {
            if bits.bit()? {
                window = Window { leading: bits.read(6)? as u32, width: bits.read(6)? as u32 + 1 };
                if window.leading + window.width > 64 {
                    return Err(Broken);
                }
            } else if window.width == 0 {
                return Err(Broken);
            }
            value ^= bits.read(window.width)? << window.trailing();
        }
        sample.value = f64::from_bits(value);
    }
    Ok(())
}
