//! A peer, over HTTP: filled by remote write, asked by its query API.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::time::Instant;

use crate::fleet::{Host, STEP};
use crate::queries::ASKED;
use crate::{MINUTE, figure, median};

/// Pushes of a host in one request, which spares the peer to read the labels each time.
const AT_ONCE: i64 = 16;

pub fn fill(name: &str, address: &str, path: &str, hosts: usize, hours: i64, end: i64) {
    let begun = Instant::now();
    let halves = [0..hosts / 2, hosts / 2..hosts];
    let count: u64 = std::thread::scope(|scope| {
        let threads = halves.map(|own| scope.spawn(|| send(address, path, own, hours, end)));
        threads.into_iter().map(|thread| thread.join().expect("no sender fails")).sum()
    });
    figure(name, "samples", count as f64);
    figure(name, "ingest, samples/s", count as f64 / begun.elapsed().as_secs_f64());
}

/// Sends what some hosts push, and returns how many samples that were.
fn send(address: &str, path: &str, hosts: Range<usize>, hours: i64, end: i64) -> u64 {
    let mut fleet: Vec<Host> = hosts.map(Host::new).collect();
    let labels: Vec<Vec<Vec<u8>>> =
        fleet.iter().map(|host| host.series.iter().map(|series| encode_labels(&series.labels)).collect()).collect();
    let begin = end - hours * 3_600_000;
    let mut connection = Connection::new(address);
    let (mut count, mut body, mut packer) = (0_u64, Vec::new(), snap::raw::Encoder::new());
    let steps = hours * 3_600_000 / STEP;
    for step in (0..steps).step_by(AT_ONCE as usize) {
        let many = AT_ONCE.min(steps - step);
        // Ten hosts in each request: some megabyte.
        for (own, labels) in fleet.chunks_mut(10).zip(labels.chunks(10)) {
            body.clear();
            for (host, labels) in own.iter_mut().zip(labels) {
                let mut samples: Vec<Vec<u8>> = vec![Vec::with_capacity(200); labels.len()];
                for step in step..step + many {
                    let mut values = Vec::with_capacity(labels.len());
                    let time = host.push(begin + step * STEP, &mut |_, value| values.push(value));
                    for (samples, value) in samples.iter_mut().zip(values) {
                        encode_sample(time, value, samples);
                        count += 1;
                    }
                }
                for (labels, samples) in labels.iter().zip(&samples) {
                    body.push(0x0a);
                    varint((labels.len() + samples.len()) as u64, &mut body);
                    body.extend_from_slice(labels);
                    body.extend_from_slice(samples);
                }
            }
            let packed = packer.compress_vec(&body).expect("it can be packed");
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-protobuf\r\n\
                 Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: {}\r\n\r\n",
                packed.len()
            );
            let (status, answer) = connection.send(&head, &packed);
            assert!(status < 300, "{status}: {}", String::from_utf8_lossy(&answer));
        }
    }
    count
}

pub fn ask(name: &str, address: &str, hours: i64, end: i64) {
    let begin = end - hours * 3_600_000;
    let mut connection = Connection::new(address);
    for asked in &ASKED {
        let query = asked.query.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let path = if asked.is_range {
            let (start, end) = (begin as f64 / 1000.0, end as f64 / 1000.0);
            format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={}&nocache=1", MINUTE / 1000)
        } else {
            format!("/api/v1/query?query={query}&time={}&nocache=1", end as f64 / 1000.0)
        };
        let times = (0..if asked.is_range { 5 } else { 21 }).map(|_| {
            let begun = Instant::now();
            let (status, answer) = connection.send(&format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n"), &[]);
            assert!(
                status == 200 && answer.starts_with(b"{\"status\":\"success\""),
                "{}",
                String::from_utf8_lossy(&answer[..answer.len().min(300)])
            );
            begun.elapsed().as_secs_f64() * 1000.0
        });
        figure(name, &format!("{}, ms", asked.name), median(times.collect()));
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the peer listens");
        stream.set_nodelay(true).expect("a socket of ours");
        Self(BufReader::with_capacity(1 << 16, stream))
    }

    fn send(&mut self, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut request = head.as_bytes().to_vec();
        request.extend_from_slice(body);
        self.0.get_mut().write_all(&request).expect("the peer takes it");
        let (mut line, mut status, mut length, mut is_chunked) = (String::new(), 0, 0, false);
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("the peer answers");
            let lower = line.trim().to_ascii_lowercase();
            if let Some(rest) = lower.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().expect("a status");
            } else if let Some(rest) = lower.strip_prefix("content-length: ") {
                length = rest.parse().expect("a length");
            } else if lower == "transfer-encoding: chunked" {
                is_chunked = true;
            } else if lower.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).expect("the answer is whole");
        while is_chunked {
            line.clear();
            self.0.read_line(&mut line).expect("the answer is whole");
            let length = usize::from_str_radix(line.trim(), 16).expect("a length");
            let begin = answer.len();
            answer.resize(begin + length + 2, 0);
            self.0.read_exact(&mut answer[begin..]).expect("the answer is whole");
            answer.truncate(begin + length);
            is_chunked = length > 0;
        }
        (status, answer)
    }
}

fn encode_labels(labels: &series::Labels) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in labels.iter() {
        let mut label = Vec::new();
        for (tag, text) in [(0x0a, name), (0x12, value)] {
            label.push(tag);
            varint(text.len() as u64, &mut label);
            label.extend_from_slice(text.as_bytes());
        }
        out.push(0x0a);
        varint(label.len() as u64, &mut out);
        out.extend_from_slice(&label);
    }
    out
}

fn encode_sample(time: i64, value: f64, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&[0x12, 0, 0x09]);
    out.extend_from_slice(&value.to_le_bytes());
    out.push(0x10);
    varint(time as u64, out);
    out[begin + 1] = (out.len() - begin - 2) as u8;
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
