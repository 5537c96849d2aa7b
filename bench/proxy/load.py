"""Loads the targets that bench/proxy/peers has started, and prints the table. Not to be called by hand."""

import argparse
import base64
import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
IDLE = 500

parser = argparse.ArgumentParser()
parser.add_argument("--work", required=True)
parser.add_argument("--runs", type=int, required=True)
parser.add_argument("--seconds", type=int, required=True)
parser.add_argument("--only", default="")
options = parser.parse_args()

targets = json.load(open(os.path.join(options.work, "targets.json")))
if options.only:
    targets = [t for t in targets if t["process"] is None or any(word in t["name"] for word in options.only.split(";"))]
body = os.path.join(options.work, "body.prom")
with open(body, "w") as file:
    # Forty series of a host, with labels and figures as an exporter writes them.
    for name in ("node_load1", "node_load5", "node_load15", "node_boot_time_seconds", "node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes"):
        file.write("# HELP %s One figure of a host, as an exporter tells of it.\n# TYPE %s gauge\n%s 1234567.25\n" % (name, name, name))
    file.write("# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n# TYPE node_cpu_seconds_total counter\n")
    for cpu in range(2):
        for mode in ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"):
            file.write('node_cpu_seconds_total{cpu="%d",mode="%s"} %d.5\n' % (cpu, mode, 1000 * cpu + len(mode)))
    for what in ("avail", "size", "files"):
        name = "node_filesystem_%s_bytes" % what
        file.write("# HELP %s A figure of a file system.\n# TYPE %s gauge\n" % (name, name))
        for number in range(6):
            file.write('%s{device="/dev/vda%d",fstype="ext4",mountpoint="/srv/data/volume-%d"} 1.0737418e+10\n' % (name, number, number))
assert sum(1 for line in open(body) if line[0] != "#") == 40


def processes(target):
    """The number of the target's process and of all below it."""
    first = int(open(os.path.join(options.work, target["process"] + ".pid")).read())
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(open("/proc/%s/stat" % entry).read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry))
    found, todo = [], [first]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu_ms(target):
    """By the scheduler's own count in nanoseconds; ticks of 10 ms are too coarse. Threads that ended count in the ticks alone."""
    total = 0
    for pid in processes(target):
        for task in os.listdir("/proc/%d/task" % pid):
            try:
                total += int(open("/proc/%d/task/%s/schedstat" % (pid, task)).read().split()[0]) / 1e6
            except OSError:
                pass
    return total


def rss_mib(target):
    pages = 0
    for pid in processes(target):
        try:
            pages += int(open("/proc/%d/statm" % pid).read().split()[1])
        except OSError:
            pass
    return pages * os.sysconf("SC_PAGE_SIZE") / 1048576


def login(target):
    return base64.b64encode(target["login"].encode()).decode() if target.get("login") else None


def wrk(target):
    environment = dict(os.environ, BENCH_BODY=body)
    if login(target):
        environment["BENCH_LOGIN"] = login(target)
    command = ["wrk", "-t1", "-c4", "-d%ds" % options.seconds, "--timeout", "60s", "-s", os.path.join(HERE, "push.lua"), target["url"]]
    output = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    return json.loads(re.search(r"RESULT (.*)", output).group(1))


def hey(target, how):
    command = ["hey", *how, "-m", "POST", "-D", body, "-T", "text/plain", "-disable-keepalive", "-t", "120", "-host", "localhost"]
    if login(target):
        command += ["-H", "Authorization: Basic " + login(target)]
    output = subprocess.run(command + [target["url"] + "/metrics/job/bench/instance/h1"], capture_output=True, text=True).stdout
    number = lambda pattern: float(m.group(1)) if (m := re.search(pattern, output)) else float("nan")
    codes = {int(code): int(count) for code, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", output)}
    good = sum(count for code, count in codes.items() if code == 200)
    failed = sum(codes.values()) - good + sum(int(count) for count in re.findall(r"\[(\d+)\]\s+(?:Post|Get)", output))
    return {"pushes": good, "seconds": number(r"Total:\s+([\d.]+) secs"), "failed": failed,
            "p50": 1000 * number(r"50%+ in ([\d.]+) secs"), "p99": 1000 * number(r"99%+ in ([\d.]+) secs")}


def measured(target, load):
    """Runs the load and adds what it cost the target."""
    before = cpu_ms(target) if target["process"] else 0
    result = load()
    if target["process"]:
        result["cpu"] = (cpu_ms(target) - before) / max(1, result["pushes"])
        result["rss"] = rss_mib(target)
    result["rate"] = result["pushes"] / result["seconds"]
    return result


def is_up(target):
    url = urllib.parse.urlsplit(target["url"])
    for _ in range(100):
        try:
            socket.create_connection((url.hostname, url.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("%s does not answer" % target["name"])


class Sleepers:
    """Five hundred TLS connections that say nothing. Those that a target closes are counted."""

    def __init__(self, target):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        url = urllib.parse.urlsplit(target["url"])
        self.held = []
        for _ in range(IDLE):
            self.held.append(context.wrap_socket(socket.create_connection((url.hostname, url.port), timeout=10), server_hostname="localhost"))

    def close(self):
        closed = 0
        for tls in self.held:
            tls.settimeout(0.001)
            try:
                closed += tls.recv(1) == b""
            except (TimeoutError, ssl.SSLError):
                pass
            except OSError:
                closed += 1
            tls.close()
        return closed


def median(results, key):
    values = [result[key] for result in results if key in result and result[key] == result[key]]
    return statistics.median(values) if values else float("nan")


def table(title, results, base):
    print("\n%s\n%-26s %9s %7s %9s %9s %10s %8s %7s" % (title, "", "pushes/s", "ratio", "p50 ms", "p99 ms", "CPU ms", "RSS MiB", "failed"))
    for target in targets:
        own = results.get(target["name"])
        if own:
            rate = median(own, "rate")
            print("%-26s %9.0f %7.2f %9.2f %9.2f %10.3f %8.1f %7d" % (target["name"], rate, rate / base, median(own, "p50"), median(own, "p99"),
                  median(own, "cpu"), median(own, "rss"), sum(result["failed"] for result in own)))


for target in targets:
    is_up(target)

# First, while no login is known to anybody.
print("burst: 300 pushes, 100 at once, connections of their own, right after the start\n%-26s %9s %9s %9s %7s" % ("", "seconds", "p50 ms", "p99 ms", "failed"))
for target in targets:
    if target.get("burst") or target["process"] is None:
        result = hey(target, ["-n", "300", "-c", "100"])
        print("%-26s %9.2f %9.1f %9.1f %7d" % (target["name"], result["seconds"], result["p50"], result["p99"], result["failed"]), flush=True)

loads = {
    "keep-alive": lambda target: wrk(target),
    "a new TLS connection for each push": lambda target: hey(target, ["-z", "%ds" % options.seconds, "-c", "4"]),
}
bases = {}
for title, load in loads.items():
    results = {}
    for _ in range(options.runs):
        for target in targets:
            results.setdefault(target["name"], []).append(measured(target, lambda: load(target)))
    bases[title] = median(results[targets[0]["name"]], "rate")
    table(title, results, bases[title])

results, closed = {}, {}
for target in targets:
    if target["name"] in ("noroshi, bcrypt 10", "nginx, no auth", "caddy, bcrypt 10"):
        sleepers = Sleepers(target)
        results[target["name"]] = [measured(target, lambda: wrk(target))]
        closed[target["name"]] = sleepers.close()
table("keep-alive beside %d idle connections (closed by the target meanwhile: %s)" % (IDLE, closed), results, bases["keep-alive"])
