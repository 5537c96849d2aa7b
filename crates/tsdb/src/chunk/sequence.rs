//! Whole numbers in a row, as what is left when the expected is taken off.
//!
//! What is expected is a number (order 0), a step from the one before (order 1), or the step before (order 2); whichever
//! leaves least is taken. What is left becomes one bit where it is nothing, or a number of one of two widths.

use crate::bits::{BitReader, BitWriter};
use crate::error::Broken;
use crate::varint::{read_signed, unzigzag, write_signed, zigzag};

/// What is expected of the next number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The same number each time.
    Level = 0,
    /// The same step each time.
    Step = 1,
    /// The step before.
    Trend = 2,
}

/// How residues are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Whether nothing has a code of its own.
    has_zero: bool,
    /// Bits of most residues.
    small: u32,
    /// Bits of the largest one. None at all are written if this is zero.
    large: u32,
}

/// A sequence made ready to be written.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) order: Order,
    /// Where it begins (not for [`Order::Level`]).
    first: i64,
    /// The number or step that is expected.
    base: i64,
    residues: Vec<u64>,
    shape: Shape,
}

impl Sequence {
    /// Chooses the best of `orders` for `numbers`, of which there is one at least.
    pub(crate) fn best(numbers: &[i64], orders: &[Order]) -> Self {
        let candidates = orders.iter().map(|order| Self::new(numbers, *order));
        candidates.min_by_key(|(_, bits)| *bits).map(|(sequence, _)| sequence).expect("there is an order to choose")
    }

    fn new(numbers: &[i64], order: Order) -> (Self, u64) {
        let first = numbers.first().copied().unwrap_or_default();
        let last = numbers.last().copied().unwrap_or_default();
        let steps = numbers.len().saturating_sub(1).max(1) as i128;
        let base = match order {
            Order::Level => {
                (numbers.iter().map(|number| i128::from(*number)).sum::<i128>() / numbers.len().max(1) as i128) as i64
            }
            Order::Step => ((i128::from(last) - i128::from(first)) / steps) as i64,
            Order::Trend => numbers.get(1).map_or(0, |second| second.wrapping_sub(first)),
        };
        let steps = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        let residues: Vec<u64> = match order {
            Order::Level => numbers.iter().map(|number| zigzag(number.wrapping_sub(base))).collect(),
            Order::Step => steps.map(|step| zigzag(step.wrapping_sub(base))).collect(),
            Order::Trend => {
                let mut before = base;
                let turn = |step: i64| zigzag(step.wrapping_sub(std::mem::replace(&mut before, step)));
                steps.skip(1).map(turn).collect()
            }
        };
        let (shape, bits) = Shape::best(&residues);
        (Self { order, first, base, residues, shape }, bits)
    }

    /// Writes what the reader must know before the bits; `first` only where it does not know it.
    pub(crate) fn write_header(&self, writes_first: bool, out: &mut Vec<u8>) {
        if self.order != Order::Level && writes_first {
            write_signed(self.first, out);
        }
        write_signed(self.base, out);
        out.push(self.shape.large as u8);
        if self.shape.large > 0 {
            out.push(self.shape.small as u8 | u8::from(self.shape.has_zero) << 7);
        }
    }

    pub(crate) fn write_bits(&self, bits: &mut BitWriter<'_>) {
        self.residues.iter().for_each(|residue| self.shape.write(*residue, bits));
    }
}

/// Reads a sequence number by number.
#[derive(Debug)]
pub(crate) struct Reader {
    order: Order,
    shape: Shape,
    base: i64,
    last: i64,
    step: i64,
    seen: usize,
}

impl Reader {
    /// Reads the header; `first` is given where it was not written.
    pub(crate) fn new(order: Order, first: Option<i64>, bytes: &mut &[u8]) -> Result<Self, Broken> {
        let last = match (order, first) {
            (Order::Level, _) => 0,
            (_, Some(first)) => first,
            (_, None) => read_signed(bytes)?,
        };
        let base = read_signed(bytes)?;
        let shape = Shape::read_from(bytes)?;
        Ok(Self { order, shape, base, last, step: base, seen: 0 })
    }

    #[inline]
    pub(crate) fn next(&mut self, bits: &mut BitReader<'_>) -> Result<i64, Broken> {
        let seen = self.seen;
        self.seen += 1;
        self.last = match self.order {
            Order::Level => self.base.wrapping_add(unzigzag(self.shape.read(bits)?)),
            _ if seen == 0 => self.last,
            Order::Step => {
                let residue = unzigzag(self.shape.read(bits)?);
                self.last.wrapping_add(self.base).wrapping_add(residue)
            }
            Order::Trend if seen == 1 => self.last.wrapping_add(self.step),
            Order::Trend => {
                self.step = self.step.wrapping_add(unzigzag(self.shape.read(bits)?));
                self.last.wrapping_add(self.step)
            }
        };
        Ok(self.last)
    }
}

impl Shape {
    /// Returns the shape that takes the fewest bits, and how many.
    fn best(residues: &[u64]) -> (Self, u64) {
        let mut of_width = [0_u64; 65];
        for residue in residues {
            of_width[(64 - residue.leading_zeros()) as usize] += 1;
        }
        let large = of_width.iter().rposition(|count| *count > 0).unwrap_or(0);
        if large == 0 {
            return (Self { has_zero: true, small: 0, large: 0 }, 0);
        }
        let all = residues.len() as u64;
        let mut best = (Self { has_zero: false, small: large as u32, large: large as u32 }, u64::MAX);
        let mut fitting = 0;
        for (small, count) in of_width.iter().enumerate().take(large + 1) {
            fitting += count;
            let (small_bits, large_bits) = (small as u64, large as u64);
            let plain = fitting * (1 + small_bits) + (all - fitting) * (1 + large_bits);
            let with_zero =
                of_width[0] + (fitting - of_width[0]) * (2 + small_bits) + (all - fitting) * (2 + large_bits);
            for (has_zero, cost) in [(false, plain), (true, with_zero)] {
                if cost < best.1 {
                    best = (Self { has_zero, small: small as u32, large: large as u32 }, cost);
                }
            }
        }
        best
    }

    fn read_from(bytes: &mut &[u8]) -> Result<Self, Broken> {
        let mut byte = || {
            let (byte, rest) = bytes.split_first().ok_or(Broken)?;
            *bytes = rest;
            Ok(*byte)
        };
        let large = u32::from(byte()?);
        if large == 0 {
            return Ok(Self { has_zero: true, small: 0, large });
        }
        let second = byte()?;
        let small = u32::from(second & 0x7f);
        if large > 64 || small > large {
            return Err(Broken);
        }
        Ok(Self { has_zero: second & 0x80 != 0, small, large })
    }

    fn write(self, residue: u64, bits: &mut BitWriter<'_>) {
        if self.large == 0 {
            return;
        }
        if self.has_zero {
            bits.write(u64::from(residue != 0), 1);
            if residue == 0 {
                return;
            }
        }
        let is_large = 64 - residue.leading_zeros() > self.small;
        bits.write(u64::from(is_large), 1);
        bits.write(residue, if is_large { self.large } else { self.small });
    }

    #[inline]
    fn read(self, bits: &mut BitReader<'_>) -> Result<u64, Broken> {
        if self.large == 0 || self.has_zero && !bits.bit()? {
            return Ok(0);
        }
        let is_large = bits.bit()?;
        bits.read(if is_large { self.large } else { self.small })
    }
}
