//! Numbers of any width, bit after bit, the lowest bit first.

use crate::error::Broken;

/// Writes bits behind the bytes that are there.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    /// How many bits of `pending` count; fewer than 64.
    used: u32,
}

impl<'a> BitWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, pending: 0, used: 0 }
    }

    /// Writes the lowest `width` bits of `value`; the others must be zero.
    pub(crate) fn write(&mut self, value: u64, width: u32) {
        if width == 0 {
            return;
        }
        self.pending |= value << self.used;
        let total = self.used + width;
        if total < 64 {
            self.used = total;
            return;
        }
        self.out.extend_from_slice(&self.pending.to_le_bytes());
        self.used = total - 64;
        // What did not fit; a shift by 64 would be none.
        self.pending = if self.used == 0 { 0 } else { value >> (width - self.used) };
    }

    /// Fills the last byte with zeros.
    pub(crate) fn finish(self) {
        let bytes = self.used.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..bytes]);
    }
}

/// Reads what a [`BitWriter`] wrote.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next bit.
    place: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, place: 0 }
    }

    pub(crate) fn bit(&mut self) -> Result<bool, Broken> {
        let byte = *self.bytes.get(self.place >> 3).ok_or(Broken)?;
        let bit = byte >> (self.place & 7) & 1;
        self.place += 1;
        Ok(bit == 1)
    }

    /// Reads a number of `width` bits, at most 64.
    pub(crate) fn read(&mut self, width: u32) -> Result<u64, Broken> {
        if width > 56 {
            let low = self.read(32)?;
            return Ok(low | self.read(width - 32)? << 32);
        }
        let end = self.place + width as usize;
        if end > self.bytes.len() * 8 {
            return Err(Broken);
        }
        let from = self.place >> 3;
        let word = match self.bytes.get(from..).and_then(|rest| rest.first_chunk()) {
            Some(eight) => u64::from_le_bytes(*eight),
            None => {
                let mut eight = [0; 8];
                let rest = self.bytes.get(from..).unwrap_or_default();
                eight[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(eight)
            }
        };
        let value = word >> (self.place & 7) & ((1 << width) - 1);
        self.place = end;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_come_back_as_they_were_written(numbers in prop::collection::vec((any::<u64>(), 0..=64_u32), 0..200)) {
            let numbers: Vec<(u64, u32)> = numbers
                .into_iter()
                .map(|(value, width)| (if width == 0 { 0 } else { value >> (64 - width) }, width))
                .collect();
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            numbers.iter().for_each(|(value, width)| writer.write(*value, *width));
            writer.finish();

            let mut reader = BitReader::new(&bytes);
            for (value, width) in numbers {
                prop_assert_eq!(reader.read(width), Ok(value));
            }
            prop_assert!(reader.read(8).is_err());
        }
    }
}
