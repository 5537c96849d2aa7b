//! Two sites and Redis in network namespaces of their own, with real cuts between them. Needs root (CAP_SYS_ADMIN and
//! CAP_NET_ADMIN) and fails without: `sudo -E env PATH=$PATH cargo test -p failover --test network`.
#![expect(clippy::disallowed_methods, reason = "there is no runtime here to be blocked")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every test needs all of the world")]

mod world;

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use world::{Door, Site, TTL};

const SLACK: Duration = Duration::from_secs(5);

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.expect("ip is missing; run scripts/install-test-deps");
    assert!(
        output.status.success(),
        "ip {arguments}: {}this test makes network namespaces, for which it must run as root: \
         sudo -E env PATH=$PATH cargo test -p failover --test network",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A bridge on this machine, and namespaces on it: 10.x.y.1 is the machine, .2 Redis, .3 and .4 the sites.
struct Net {
    name: String,
    prefix: String,
    redis: Option<Child>,
}

impl Net {
    fn start(directory: &std::path::Path) -> Self {
        let pid = std::process::id();
        let prefix = format!("10.{}.{}", 128 + pid / 256 % 64, pid % 256);
        let mut net = Self { name: format!("fo{pid}"), prefix, redis: None };
        let (name, prefix) = (&net.name, &net.prefix);
        ip(&format!("link add {name} type bridge"));
        ip(&format!("addr add {prefix}.1/24 dev {name}"));
        ip(&format!("link set {name} up"));
        for host in 2..=4 {
            ip(&format!("netns add {name}-{host}"));
            ip(&format!("link add {name}v{host} type veth peer name eth0 netns {name}-{host}"));
            ip(&format!("link set {name}v{host} master {name} up"));
            ip(&format!("-n {name}-{host} addr add {prefix}.{host}/24 dev eth0"));
            ip(&format!("-n {name}-{host} link set eth0 up"));
            ip(&format!("-n {name}-{host} link set lo up"));
        }
        let mut redis = Command::new("ip");
        redis.args(["netns", "exec", &format!("{name}-2"), "redis-server", "--port", "6379", "--save", ""]);
        redis.args(["--protected-mode", "no", "--dir"]).arg(directory).stdout(Stdio::null());
        net.redis = Some(redis.spawn().expect("redis-server is missing; run scripts/install-test-deps"));
        net
    }

    fn site(&self, name: &str, host: u8, directory: &std::path::Path, door: &Door) -> Site {
        let redis = format!("{{host: {}.2, port: 6379}}", self.prefix);
        let door = format!("{}.1/{}", self.prefix, door.port());
        let mut site = Site::new(name, &directory.join(name), &redis, "", None, door);
        site.net = Some(format!("{}-{host}", self.name));
        site.run();
        site
    }

    /// What leaves `from` for `to` is lost; the other direction is not.
    fn cut(&self, from: u8, to: u8) {
        ip(&format!("-n {}-{from} route add blackhole {}.{to}/32", self.name, self.prefix));
    }

    fn mend(&self, from: u8, to: u8) {
        ip(&format!("-n {}-{from} route del blackhole {}.{to}/32", self.name, self.prefix));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if let Some(mut redis) = self.redis.take() {
            let _ = redis.kill();
            let _ = redis.wait();
        }
        for host in 2..=4 {
            let _ = Command::new("ip").args(["netns", "del", &format!("{}-{host}", self.name)]).status();
        }
        let _ = Command::new("ip").args(["link", "del", &self.name]).status();
    }
}

#[test]
fn cuts_of_every_direction_never_double_the_bot_and_it_comes_home() {
    let directory = tempfile::tempdir().unwrap();
    let net = Net::start(directory.path());
    let door = Door::open_on("0.0.0.0");
    let _xserver = net.site("xserver", 3, directory.path(), &door);
    door.open_at("xserver", Instant::now() - SLACK);
    let _oci = net.site("oci", 4, directory.path(), &door);
    thread::sleep(Duration::from_secs(1));
    for cuts in [&[(3, 2), (2, 3)][..], &[(3, 2)], &[(2, 3)]] {
        let cut = Instant::now();
        for (from, to) in cuts {
            net.cut(*from, *to);
        }
        let away = door.open_at("oci", cut);
        assert!(away.begin - cut < TTL + SLACK, "{cuts:?}: took over after {:?}", away.begin - cut);
        for (from, to) in cuts {
            net.mend(*from, *to);
        }
        door.open_at("xserver", away.begin);
        door.no_overlap();
    }
}
