//! What messages are made of: numbered fields, one behind the other.
//!
//! See <https://protobuf.dev/programming-guides/encoding/>. Groups are refused: no message here has ever had one.

use crate::fault::Fault;

/// What stands in a field.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// A number, a fact or one of an enumeration.
    Varint(u64),
    /// Eight bytes: here always a floating-point number.
    Fixed64(u64),
    /// A text, a message within the message, or many numbers.
    Bytes(&'a [u8]),
    /// Four bytes, which no field that we know has.
    Fixed32,
}

impl<'a> Field<'a> {
    /// Returns the bytes of a field that must have some.
    pub fn bytes(self, name: &str) -> Result<&'a [u8], Fault> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(other.wrong(name)),
        }
    }

    /// Returns the number of a field that must be a varint.
    pub fn varint(self, name: &str) -> Result<u64, Fault> {
        match self {
            Self::Varint(number) => Ok(number),
            other => Err(other.wrong(name)),
        }
    }

    /// Returns the number of a field that must be a `double`.
    pub fn double(self, name: &str) -> Result<f64, Fault> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            other => Err(other.wrong(name)),
        }
    }

    fn wrong(self, name: &str) -> Fault {
        let wire_type = match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32 => 5,
        };
        Fault::Wire(format!("wrong wireType = {wire_type} for field {name}"))
    }
}

/// Takes a message with its length before it off the beginning of `rest`.
pub fn delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    // The length is written in five bytes at most, whatever a longer one would say.
    let length = match varint(&mut &rest[..rest.len().min(5)]) {
        Ok(length) => length,
        Err(Fault::CutOff) if rest.len() >= 5 => return Err(Fault::InvalidLength),
        Err(fault) => return Err(fault),
    };
    varint(rest)?;
    take(rest, length)
}

/// Takes the next field of the message `name`, and its number, off the beginning of `rest`.
pub fn field<'a>(rest: &mut &'a [u8], name: &str) -> Result<Option<(u64, Field<'a>)>, Fault> {
    if rest.is_empty() {
        return Ok(None);
    }
    let tag = varint(rest)?;
    let (number, wire_type) = (tag >> 3, tag & 7);
    if number == 0 || number > MAX_FIELD {
        return Err(Fault::Wire(format!("io_prometheus_client.{name}: illegal tag {number} (wire type {wire_type})")));
    }
    let field = match wire_type {
        0 => Field::Varint(varint(rest)?),
        1 => Field::Fixed64(u64::from_le_bytes(eight(take(rest, 8)?))),
        2 => {
            let length = varint(rest)?;
            Field::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Field::Fixed32)?,
        other => return Err(Fault::Wire(format!("can't skip unknown wire type {other}"))),
    };
    Ok(Some((number, field)))
}

/// The largest number that a field can have.
const MAX_FIELD: u64 = (1 << 29) - 1;

fn varint(rest: &mut &[u8]) -> Result<u64, Fault> {
    let mut number = 0;
    for (place, byte) in rest.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            // Of the tenth byte one bit has room.
            if place == 9 && *byte > 1 {
                break;
            }
            *rest = &rest[place + 1..];
            return Ok(number);
        }
    }
    if rest.len() < 10 { Err(Fault::CutOff) } else { Err(Fault::Wire("integer overflow".into())) }
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Fault> {
    let length = usize::try_from(length).map_err(|_| Fault::CutOff)?;
    let (taken, more) = rest.split_at_checked(length).ok_or(Fault::CutOff)?;
    *rest = more;
    Ok(taken)
}

fn eight(bytes: &[u8]) -> [u8; 8] {
    let mut all = [0; 8];
    all.copy_from_slice(bytes);
    all
}
