//! The script on a real Redis and the simulator's store do the same: else the simulator would prove something else.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers here too")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use config::Environment;
use failover::Config;
use failover::core::record::{Answer, Beat, Nonce, Op, Record, Request, RunId, Site, Version};
use failover::core::rules::Rules;
use failover::redis::Link;
use failover_simulator::random::Random;
use failover_simulator::store::Store;

struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn redis(directory: &std::path::Path) -> (Redis, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"]).arg(directory);
    let process = command.stdout(Stdio::null()).spawn();
    let redis = Redis(process.expect("redis-server is missing; run scripts/install-test-deps"));
    for _ in 0..1000 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return (redis, port);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("redis-server does not listen");
}

fn link(site: &str, port: u16) -> Link {
    let environment = Environment::from([("SITE_ID", site), ("REDIS_PORT", &port.to_string())]);
    let mut config = Config::load(None, &environment).unwrap();
    config.ttl = Some(Duration::from_secs(3600)); // Nothing expires while we look.
    Link::new(&config, &config.sites().unwrap()).unwrap()
}

/// A request such as a supervisor, a late one or a confused one could send.
fn request(random: &mut Random, now: Option<Record>, run: RunId, seq: u64) -> Request {
    let nonce = Nonce(1 + random.bits() % 4);
    let to = [None, Some(Site(0)), Some(Site(1))][random.index(3)];
    let at = now.map_or(0, |record| record.seq);
    let near = [at, at + 1, at.saturating_sub(1)][random.index(3)];
    let floor = random.bits() % 3;
    let op = match random.index(6) {
        0 => Op::Sync,
        1 => Op::Grace { nonce, floor },
        2 | 3 => {
            let seen = now
                .map(|record| Version { seq: if random.chance(80) { record.seq } else { near }, ..record.version() });
            Op::Acquire { nonce, seen, floor }
        }
        4 => Op::Renew {
            nonce: if random.chance(60) { now.map_or(nonce, |r| r.nonce) } else { nonce },
            seq: near,
            epoch: 7,
            to,
        },
        _ => {
            Op::Release { nonce: if random.chance(80) { now.map_or(nonce, |r| r.nonce) } else { nonce }, seq: near, to }
        }
    };
    let other = RunId([9; 20]);
    let accept = random.chance(20).then_some(nonce);
    let beat = Beat { seq, accept, instance: 77, ready: random.chance(50), phase: 2 };
    Request { run: Some(if random.chance(90) { run } else { other }), op, beat: random.chance(70).then_some(beat) }
}

/// Epochs follow Redis' clock, which may be a second ahead of ours.
fn alike(mut ours: Answer, theirs: &Answer) -> bool {
    if let (Some(ours), Some(theirs)) = (&mut ours.record, &theirs.record)
        && ours.epoch.abs_diff(theirs.epoch) <= 2
    {
        ours.epoch = theirs.epoch;
    }
    ours == *theirs
}

#[tokio::test]
async fn ten_thousand_requests_are_answered_alike() {
    let directory = tempfile::tempdir().unwrap();
    let (_redis, port) = redis(directory.path()).await;
    let links = [link("xserver", port), link("oci", port)];
    let mut random = Random::new(7);
    let mut store = Store::new(2, 3_600_000_000, Rules::WHOLE);
    let hello = Request { run: None, op: Op::Sync, beat: None };
    store.run = links[0].call(&hello).await.unwrap().run;
    let mut done = [0; 2];
    for number in 0..10_000_u64 {
        if number % 500 == 499 {
            links[0].command::<String>(&redis_command("FLUSHALL")).await.unwrap();
            store.flush();
        }
        let site = random.index(2);
        let request = request(&mut random, store.data.record, store.run, number + 1);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ours = store.run(Site(u8::try_from(site).unwrap()), &request, i64::try_from(wall.as_micros()).unwrap());
        let theirs = links[site].call(&request).await.unwrap();
        assert!(alike(ours.clone(), &theirs), "request {number}: {request:?}\n model {ours:?}\n Redis {theirs:?}");
        store.data.record = theirs.record;
        done[usize::from(theirs.done)] += 1;
    }
    println!("{} were done, {} refused", done[1], done[0]);
    assert!(done.iter().all(|count| *count > 1000), "{done:?}");
}

fn redis_command(name: &str) -> redis::Cmd {
    redis::cmd(name)
}
