//! Requests and answers as the script knows them.

use redis::Value;

use super::run_text;
use crate::config::Sites;
use crate::core::Phase;
use crate::core::record::{Answer, Beat, Lock, Nonce, Op, Order, Record, Request, RunId, Site, Standing, Wish};

/// What the script gives before the heartbeats.
const FIXED: usize = 13;

/// The arguments of the script from the operation on.
pub(super) fn arguments(request: &Request, sites: &Sites, ttl_ms: i64, channel: String) -> Vec<String> {
    let op = match request.op {
        Op::Sync => "sync",
        Op::Grace { .. } => "grace",
        Op::Acquire { .. } => "acquire",
        Op::Renew { .. } => "renew",
        Op::Release { .. } => "release",
    };
    let name = |site: Option<Site>| site.map_or("", |site| sites.name(site)).to_owned();
    let hex = |nonce: Nonce| format!("{:016x}", nonce.0);
    let (mut nonce, mut seq, mut epoch, mut to) = (String::new(), 0, 0, String::new());
    let mut seen = [const { String::new() }; 4];
    match request.op {
        Op::Sync => {}
        Op::Grace { nonce: n, floor } => (nonce, epoch) = (hex(n), floor),
        Op::Acquire { nonce: n, seen: version, floor } => {
            (nonce, epoch) = (hex(n), floor);
            if let Some(version) = version {
                let standing = standing_text(version.standing).to_owned();
                seen = [hex(version.nonce), version.seq.to_string(), standing, run_text(version.run)];
            }
        }
        Op::Renew { nonce: n, seq: s, epoch: e, to: t } => (nonce, seq, epoch, to) = (hex(n), s, e, name(t)),
        Op::Release { nonce: n, seq: s, to: t } => (nonce, seq, to) = (hex(n), s, name(t)),
    }
    let beat = request.beat.map_or_else(String::new, |beat| beat_text(&beat));
    let run = request.run.map_or_else(String::new, run_text);
    let site = sites.my_name().to_owned();
    let first = [op.to_owned(), run, site, ttl_ms.to_string(), beat, channel];
    first.into_iter().chain([nonce, seq.to_string(), epoch.to_string(), to]).chain(seen).collect()
}

/// Reads what the script gave; `None` when it is not in our form, which is an error like any other (R11).
pub(super) fn answer(value: &Value, sites: &Sites) -> Option<Answer> {
    let Value::Array(items) = value else { return None };
    let text = |index: usize| match items.get(index)? {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text.as_str()),
        _ => None,
    };
    let Value::Int(done) = items.first()? else { return None };
    let record = match text(2)? {
        "" => None,
        nonce => Some(Record {
            nonce: nonce_of(nonce)?,
            seq: text(3)?.parse().ok()?,
            standing: standing_of(text(4)?)?,
            run: run_of(text(5)?)?,
            epoch: text(6)?.parse().ok()?,
            site: sites.named(text(7)?),
            to: Some(text(8)?).filter(|to| !to.is_empty()).map(|to| sites.named(to)),
        }),
    };
    let beats = (FIXED..items.len()).map(|index| text(index).and_then(beat_of)).collect();
    Some(Answer {
        done: *done == 1,
        run: run_of(text(1)?)?,
        record,
        lock: if text(9)?.is_empty() { Lock::Free } else { Lock::Foreign },
        wish: Wish { order: order_of(text(10)?, sites), stepdown: text(11)?.parse().unwrap_or(0) },
        own: text(12).and_then(beat_of),
        beats,
    })
}

/// `seq|accept|instance|ready|state`
fn beat_text(beat: &Beat) -> String {
    let accept = beat.accept.map_or_else(String::new, |nonce| format!("{:016x}", nonce.0));
    let phase = Phase::ALL.get(usize::from(beat.phase)).copied().unwrap_or_default();
    format!("{}|{accept}|{:016x}|{}|{}", beat.seq, beat.instance, u8::from(beat.ready), phase.as_str())
}

/// A heartbeat of an old client is none of ours.
fn beat_of(text: &str) -> Option<Beat> {
    let mut parts = text.split('|');
    let seq = parts.next()?.parse().ok()?;
    let accept = match parts.next()? {
        "" => None,
        nonce => Some(nonce_of(nonce)?),
    };
    let instance = u64::from_str_radix(parts.next()?, 16).ok()?;
    let ready = parts.next()? == "1";
    let phase = Phase::named(parts.next()?).unwrap_or_default() as u8;
    Some(Beat { seq, accept, instance, ready, phase })
}

fn nonce_of(text: &str) -> Option<Nonce> {
    u64::from_str_radix(text, 16).ok().map(Nonce)
}

fn run_of(text: &str) -> Option<RunId> {
    let mut run = [0; 20];
    if text.len() != 40 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in run.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(RunId(run))
}

fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Held => "held",
        Standing::Released => "released",
        Standing::Grace => "grace",
    }
}

fn standing_of(text: &str) -> Option<Standing> {
    [Standing::Held, Standing::Released, Standing::Grace].into_iter().find(|s| standing_text(*s) == text)
}

fn order_of(text: &str, sites: &Sites) -> Order {
    // An order for a site that we do not know is none: better the list than nobody.
    let site = |name: &str| Some(sites.named(name)).filter(|site| *site != Site::UNLISTED);
    match text.split_once(' ') {
        Some(("pin", name)) => site(name).map_or(Order::Listed, Order::Pin),
        Some(("prefer", name)) => site(name).map_or(Order::Listed, Order::Prefer),
        None if text == "pause" => Order::Pause,
        _ => Order::Listed,
    }
}
