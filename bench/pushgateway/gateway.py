"""Gateways that the benches of this directory start and ask, and what is pushed to them. Not to be called by hand."""
import http.client, os, shutil, socket, subprocess, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICK = os.sysconf("SC_CLK_TCK")


def body():
    """40 series in 8 families: what a backup job pushes."""
    lines = []
    for name, value in (("last_success_timestamp_seconds", "1.7953302341491106e+09"), ("duration_seconds", "312.75"), ("exit_code", "0")):
        lines += ["# HELP nightly_%s Of the last run." % name, "# TYPE nightly_%s gauge" % name, "nightly_%s %s" % (name, value)]
    lines += ["# HELP nightly_step_seconds Time of a step.", "# TYPE nightly_step_seconds histogram"]
    lines += ['nightly_step_seconds_bucket{le="%s"} %d' % (le, n) for le, n in (("0.1", 0), ("1", 3), ("10", 9), ("60", 14), ("+Inf", 15))]
    lines += ["nightly_step_seconds_sum 312.7", "nightly_step_seconds_count 15"]
    for stage in range(4):
        lines += ["# HELP nightly_stage_%d_bytes Bytes handled by a stage." % stage, "# TYPE nightly_stage_%d_bytes counter" % stage]
        lines += ['nightly_stage_%d_bytes{filesystem="/srv/data%d",device="/dev/mapper/vg0-lv%d"} %d' % (stage, i, i, 1234567 * (i + 1)) for i in range(9)]
    return ("\n".join(lines) + "\n").encode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, name, dir, command):
        self.name, self.dir, self.command, self.process = name, dir, command, None

    def start(self, *more):
        self.port = free_port()
        log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen([a.replace("PORT", str(self.port)) for a in self.command] + list(more), stdout=log, stderr=log)
        for _ in range(600):
            try:
                if self.get("/-/ready")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("%s does not answer; its log: %s" % (self.name, log.name))

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def get(self, path, **headers):
        c = self.connection()
        c.request("GET", path, headers={"Accept-Encoding": "identity", **headers})
        r = c.getresponse()
        n = 0
        while piece := r.read(1 << 20):
            n += len(piece)
        return r.status, n

    def cpu(self):
        f = open("/proc/%d/stat" % self.process.pid).read().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) / TICK

    def rss(self):
        f = open("/proc/%d/stat" % self.process.pid).read().rsplit(")", 1)[1].split()
        return int(f[21]) * os.sysconf("SC_PAGE_SIZE") / 1048576

    def push(self, c, instance, text, good=(200,)):
        c.request("PUT", "/metrics/job/nightly/instance/h%05d" % instance, text)
        r = c.getresponse()
        r.read()
        if r.status not in good:
            raise SystemExit("%s answered %d to a push" % (self.name, r.status))

    def fill(self, groups, text):
        c = self.connection()
        for i in range(groups):
            self.push(c, i, text, (200, 202))


def ours(binary, dir, sync="always"):
    """`noroshi pushgateway` with a store of its own in `dir`."""
    config = os.path.join(dir, "noroshi.yaml")
    with open(config, "w") as file:
        file.write("pushgateway: {sync: %s}\n" % sync)
    return Server("ours", dir, [binary, "--config", config, "pushgateway", "--listen", "127.0.0.1:PORT",
                                "--admin-listen", "127.0.0.1:0", "--data", os.path.join(dir, "data")])


def peer(dir):
    """The real one."""
    return Server("peer", dir, ["prometheus-pushgateway", "--web.listen-address=127.0.0.1:PORT", "--persistence.file=" + os.path.join(dir, "state")])


def built(binary):
    """Returns `binary`, or the one that it builds."""
    if not shutil.which("prometheus-pushgateway"):
        raise SystemExit("prometheus-pushgateway is missing: run scripts/install-test-deps")
    if binary:
        return binary
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--release", "-p", "noroshi"], cwd=ROOT, check=True)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release/noroshi")
