//! The PROXY protocol, versions 1 and 2: where a load balancer says whom it speaks for.
//!
//! Read strictly and only from those that the operator named: a header that could be read in two ways ends the
//! connection. Source: haproxy's `doc/proxy-protocol.txt`.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How version 2 begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its line end.
const LINE_LIMIT_BYTES: usize = 107;
/// The longest version 2 header that is read: addresses take 36 bytes, what follows is for others.
const HEADER_LIMIT_BYTES: usize = 2048;

/// Whom a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From this address.
    Client(IpAddr),
    /// From the balancer itself, which looks whether we are alive.
    Balancer,
}

/// Reads the header, and not a byte more: what follows is TLS.
///
/// # Errors
/// When there is none, it is cut off, or anything in it is not as it has to be.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Source> {
    // No header of either version is shorter.
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await?;
    if begin == SIGNATURE { read_binary(stream).await } else { read_line(&begin, stream).await }
}

async fn read_line(begin: &[u8], stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Source> {
    if !begin.starts_with(b"PROXY ") {
        return Err(broken("it does not begin with a header"));
    }
    let mut line = begin.to_vec();
    // Byte by byte, since nothing says how long it is.
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE_LIMIT_BYTES {
            return Err(broken("its line is too long"));
        }
        line.push(stream.read_u8().await?);
    }
    let line = std::str::from_utf8(&line[..line.len() - 2]).map_err(|_| broken("its line is no text"))?;
    parse_line(line).ok_or_else(|| broken("its line is not understood"))
}

fn parse_line(line: &str) -> Option<Source> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Some(Source::Balancer),
        ["PROXY", family, source, destination, source_port, destination_port] => {
            let (source, destination): (IpAddr, IpAddr) = (source.parse().ok()?, destination.parse().ok()?);
            let is_right = match *family {
                "TCP4" => source.is_ipv4() && destination.is_ipv4(),
                "TCP6" => source.is_ipv6() && destination.is_ipv6(),
                _ => false,
            };
            (is_right && is_port(source_port) && is_port(destination_port))
                .then(|| Source::Client(source.to_canonical()))
        }
        _ => None,
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port.to_string() == text)
}

async fn read_binary(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Source> {
    let (command, family, length) = (stream.read_u8().await?, stream.read_u8().await?, stream.read_u16().await?);
    let length = usize::from(length);
    if length > HEADER_LIMIT_BYTES {
        return Err(broken("its header is too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match (command, family) {
        (0x20, _) => Ok(Source::Balancer),
        (0x21, 0x11) => rest.first_chunk::<12>().map(v4).ok_or_else(|| broken("its addresses are cut off")),
        (0x21, 0x21) => rest.first_chunk::<36>().map(v6).ok_or_else(|| broken("its addresses are cut off")),
        (0x21, _) => Err(broken("it speaks for something else than TCP")),
        _ => Err(broken("it has a version or command that is not known")),
    }
}

fn v4(both: &[u8; 12]) -> Source {
    let [a, b, c, d, ..] = *both;
    Source::Client(Ipv4Addr::new(a, b, c, d).into())
}

fn v6(both: &[u8; 36]) -> Source {
    let source: [u8; 16] = *both.first_chunk().expect("36 bytes begin with 16");
    Source::Client(IpAddr::from(Ipv6Addr::from(source)).to_canonical())
}

fn broken(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("no PROXY protocol: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn source(mut bytes: &[u8]) -> Option<(Source, usize)> {
        let source = read(&mut bytes).await.ok()?;
        Some((source, bytes.len()))
    }

    fn client(text: &str) -> Source {
        Source::Client(text.parse().unwrap())
    }

    fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, addresses].concat()
    }

    #[tokio::test]
    async fn both_versions_are_read_and_nothing_behind_them() {
        let v4 = [203, 0, 113, 7, 10, 0, 0, 1, 0xcb, 0x20, 0x24, 0xe3];
        let mut v6 = [0; 36];
        v6[..2].copy_from_slice(&[0x20, 1]);
        v6[15] = 1;
        for (header, expected) in [
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 51000 9443\r\n".to_vec(), client("203.0.113.7")),
            (b"PROXY TCP6 2001::1 2001::2 51000 9443\r\n".to_vec(), client("2001::1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Source::Balancer),
            (b"PROXY UNKNOWN ff:: ff:: 1 2\r\n".to_vec(), Source::Balancer),
            (binary(0x21, 0x11, &v4), client("203.0.113.7")),
            (binary(0x21, 0x21, &v6), client("2001::1")),
            (binary(0x21, 0x11, &[&v4[..], &[0x04, 0, 1, 0]].concat()), client("203.0.113.7")),
            (binary(0x20, 0, &[]), Source::Balancer),
        ] {
            let tls = [&header[..], b"\x16\x03\x01"].concat();
            assert_eq!(source(&tls).await, Some((expected, 3)), "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_exactly_a_header_ends_the_connection() {
        for header in [
            "PROXY TCP4 203.0.113.7 10.0.0.1 51000 9443\n             ",
            "PROXY TCP4 203.0.113.7 10.0.0.1 051000 9443\r\n",
            "PROXY TCP4 203.0.113.7 10.0.0.1 +51000 9443\r\n",
            "PROXY TCP4 203.0.113.7 10.0.0.1 65536 9443\r\n",
            "PROXY TCP4 203.0.113.07 10.0.0.1 51000 9443\r\n",
            "PROXY TCP4 2001::1 2001::2 51000 9443\r\n",
            "PROXY TCP6 203.0.113.7 10.0.0.1 51000 9443\r\n",
            "PROXY  TCP4 203.0.113.7 10.0.0.1 51000 9443\r\n",
            "PROXY TCP4 203.0.113.7 10.0.0.1 51000 9443 \r\n",
            "PROXY UDP4 203.0.113.7 10.0.0.1 51000 9443\r\n",
            "proxy TCP4 203.0.113.7 10.0.0.1 51000 9443\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\x00\x01\x00\x01",
            "PUT /metrics/job/a HTTP/1.1\r\n",
        ] {
            assert_eq!(source(header.as_bytes()).await, None, "{header}");
        }
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        assert_eq!(source(long.as_bytes()).await, None);
        for (command, family, addresses) in [
            (0x21, 0x11, 11),
            (0x21, 0x12, 12),
            (0x21, 0x31, 216),
            (0x22, 0x11, 12),
            (0x11, 0x11, 12),
            (0x21, 0x11, 4000),
        ] {
            assert_eq!(source(&binary(command, family, &vec![1; addresses])).await, None, "{command:x} {family:x}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), binary in any::<bool>()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let bytes = if binary { [&SIGNATURE[..], &bytes].concat() } else { [b"PROXY ".as_slice(), &bytes].concat() };
            runtime.block_on(source(&bytes));
        }
    }
}
