//! What was read, in room that is used again.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

/// How much room a text gets: more than most files of the kernel's have.
const ROOM: usize = 8 * 1024;

/// Room that nobody uses just now. Taking kilobytes from the allocator and giving them back for each of eighty files makes it tidy
/// up its small pieces each time, which costs more than the reading.
#[derive(Clone, Debug, Default)]
pub struct Rooms(Rc<RefCell<Vec<Vec<u8>>>>);

impl Rooms {
    /// Returns empty room for at least one text.
    pub fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(ROOM))
    }

    /// Takes room back.
    pub fn give(&self, mut room: Vec<u8>) {
        room.clear();
        self.0.borrow_mut().push(room);
    }

    /// Makes a text of what was read. A device may bear a name that is no UTF-8: what is odd about it is replaced.
    pub fn text(&self, read: Vec<u8>) -> Text {
        // One comes in and one goes out: giving the odd one back as well would leave one more here at each look.
        let text = String::from_utf8(read).unwrap_or_else(|odd| {
            let mut text = String::with_capacity(ROOM);
            text.push_str(&String::from_utf8_lossy(odd.as_bytes()));
            text
        });
        Text { text, rooms: self.clone() }
    }
}

/// The text of a file. Its room goes back to where it came from.
pub struct Text {
    text: String,
    rooms: Rooms,
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.rooms.give(std::mem::take(&mut self.text).into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_never_more_room_than_was_in_use_at_once() {
        let rooms = Rooms::default();
        for bytes in [&b"text"[..], b"odd \xff", b"", b"odd again \xfe"] {
            let mut room = rooms.take();
            assert!(room.is_empty() && room.capacity() >= ROOM);
            room.extend_from_slice(bytes);
            drop(rooms.text(room));
            assert_eq!(rooms.0.borrow().len(), 1);
        }
    }
}
