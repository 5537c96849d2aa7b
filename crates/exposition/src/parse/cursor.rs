//! A place on a page.

use crate::fault::Fault;

/// A place on a page: what is still to be read.
pub struct Cursor<'page>(&'page [u8]);

/// The page ends here, in the middle of a line. Small, so that only who passes it on makes a fault of it.
pub struct End;

impl From<End> for Box<Fault> {
    fn from(End: End) -> Self {
        Self::new(Fault::UnexpectedEnd)
    }
}

impl<'page> Cursor<'page> {
    /// Stands at the beginning of `page`.
    pub fn new(page: &'page [u8]) -> Self {
        Self(page)
    }

    /// Returns the next byte, or nothing at the end.
    #[inline]
    pub fn next(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Returns the next byte, of which there must be one.
    #[inline]
    pub fn peek(&self) -> Result<u8, End> {
        self.next().ok_or(End)
    }

    /// Goes on by a byte.
    #[inline]
    pub fn advance(&mut self) {
        self.0 = self.0.get(1..).unwrap_or_default();
    }

    /// Reads up to the first byte that is an `end`, or the end of the page.
    #[inline]
    pub fn until(&mut self, end: impl Fn(u8) -> bool) -> &'page [u8] {
        let length = self.0.iter().position(|byte| end(*byte)).unwrap_or(self.0.len());
        let (read, rest) = self.0.split_at(length);
        self.0 = rest;
        read
    }

    /// Reads up to a blank or the line's end, of which there must be one.
    #[inline]
    pub fn word(&mut self) -> Result<&'page [u8], End> {
        let word = self.until(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
        self.peek()?;
        Ok(word)
    }

    /// Reads the line to its end, of which there must be one.
    pub fn skip_line(&mut self) -> Result<(), End> {
        self.until(|byte| byte == b'\n');
        self.peek()?;
        self.advance();
        Ok(())
    }

    /// Reads blanks, if there are some.
    #[inline]
    pub fn skip_blanks(&mut self) {
        self.until(|byte| !matches!(byte, b' ' | b'\t'));
    }
}
