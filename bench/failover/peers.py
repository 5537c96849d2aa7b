"""What bench/failover/peers runs: see there."""

import argparse
import concurrent.futures
import contextlib
import datetime
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["PATH"] += ":/usr/sbin:/sbin"
PLAIN = r"""
import socket, sys, time
port, name, period = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
redis = socket.create_connection(("127.0.0.1", port))
def ask(*words):
    redis.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words))
    return redis.recv(4096).decode()
leads = False
while True:
    if leads:
        ask("PEXPIRE", "plain:leader", "15000")
    elif ask("SET", "plain:leader", name, "NX", "PX", "15000").startswith("+OK"):
        leads = True
        print("leads %.6f" % time.time(), flush=True)
    time.sleep(period)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, found, patience=40):
    until = time.time() + patience
    while time.time() < until:
        if value := found():
            return value
        time.sleep(0.01)
    sys.exit(f"{what} did not come about within {patience} s")


class Site:
    """A supervisor of ours with a bot that sleeps."""

    def __init__(self, binary, directory, name, redis):
        self.binary, self.name, self.listen = binary, name, free_port()
        self.file, self.log = f"{directory}/{name}.yaml", f"{directory}/{name}.log"
        with open(self.file, "w") as file:
            file.write(
                f"failover:\n  site: {name}\n  sites: [a, b]\n  profile: fast\n  listen: 127.0.0.1:{self.listen}\n"
                f"  state: {directory}/{name}.json\n  redis: {{port: {redis}}}\n"
                "  budget: {hourly: 100000, daily: 100000}\n"
            )
        self.start()

    def start(self):
        with open(self.log, "a") as log:
            command = [self.binary, "run", "--config", self.file, "--", "sleep", "100000"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def moments(self, what):
        pattern = re.compile(r"^(\S+Z)\s+INFO.*" + what)
        with open(self.log) as log:
            found = [pattern.match(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in log]
        stamp = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
        return [stamp(match.group(1)) for match in found if match]

    def leads(self):
        return self.moments(f"{self.name} leads under epoch")

    def command(self, *words):
        subprocess.run([self.binary, *words, "--config", self.file], check=True, stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            found += [int(child) for child in file.read().split()]
    return found


def memory(pid):
    """Resident kilobytes, and those that are no other process's too."""
    values = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith(("Rss:", "Pss:")):
                values[line[:3]] = int(line.split()[1])
    return values["Rss"], values["Pss"]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ours(binary, directory, redis, runs, crashes, meanwhile):
    a = Site(binary, directory, "a", redis)
    with contextlib.ExitStack() as stack:
        stack.callback(a.kill)
        a.command("init", "--nothing-runs")
        wait_for("the first lease", a.leads)
        b = Site(binary, directory, "b", redis)
        stack.callback(b.kill)
        time.sleep(2)

        # At rest: the leader with its guard.
        guard = children(a.process.pid)[0]
        init = children(guard)[0]
        family = [a.process.pid, guard]
        before, begin = sum(map(cpu_seconds, family)), time.time()
        time.sleep(20)
        share = (sum(map(cpu_seconds, family)) - before) / (time.time() - begin)
        sizes = [memory(pid) for pid in [a.process.pid, guard, init]]

        gaps = []
        for number in range(runs):
            old, new = (a, b) if number % 2 == 0 else (b, a)
            count = len(new.leads())
            new.command("pin", new.name)
            wait_for("a hand-over", lambda: len(new.leads()) > count)
            gone, leads = old.moments("is gone")[-1], new.leads()[-1]
            gaps.append(leads - gone)
            time.sleep(0.15)
        a.command("resume")
        # A hundred moves within a minute look like a site that fails again and again, and are damped: begin anew.
        if len(gaps) % 2:
            count = len(a.leads())
            a.command("prefer", "a")
            wait_for("the way home", lambda: len(a.leads()) > count)
        meanwhile()
        takeovers = []
        for _ in range(crashes):
            # Nor shall one crash be waited for longer because of the one before.
            b.kill()
            b.start()
            time.sleep(3)
            count, crash = len(b.leads()), time.time()
            a.kill()
            wait_for("a take-over", lambda: len(b.leads()) > count)
            takeovers.append(b.leads()[-1] - crash)
            count = len(a.leads())
            a.start()
            wait_for("the way home", lambda: len(a.leads()) > count)
            time.sleep(1)
    return gaps, takeovers, sizes, share


def plain(redis, crashes, directory):
    script = f"{directory}/plain.py"
    with open(script, "w") as file:
        file.write(PLAIN)
    takeovers = []
    for _ in range(crashes):
        # TTL 15 s, renewed every 3 s; the other asks as often.
        start = lambda name: subprocess.Popen([sys.executable, script, str(redis), name, "3"], stdout=subprocess.PIPE, text=True)
        subprocess.run(["redis-cli", "-p", str(redis), "DEL", "plain:leader"], stdout=subprocess.DEVNULL)
        one = start("a")
        one.stdout.readline()
        two = start("b")
        time.sleep(2)
        crash = time.time()
        one.kill()
        takeovers.append(float(two.stdout.readline().split()[1]) - crash)
        two.kill()
        one.wait(), two.wait()
    return takeovers


KEEPALIVED = """global_defs {{
    script_user root
    vrrp_version 3
}}
vrrp_instance bench {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 1
    virtual_ipaddress {{ 10.99.7.100/32 }}
}}
"""


def keepalived(runs, crashes, directory):
    names, daemons = [f"fobench{os.getpid()}{side}" for side in "ab"], {}
    ip = lambda words: subprocess.run(["ip", *words.split()], check=True)

    def start(side):
        name, file = names[side], f"{directory}/keepalived-{side}.conf"
        with open(file, "w") as config:
            config.write(KEEPALIVED.format(priority=150 - side * 50))
        command = ["ip", "netns", "exec", name, "keepalived", "-n", "-P", "-f", file]
        command += ["-p", f"{directory}/k{side}.pid", "-r", f"{directory}/v{side}.pid"]
        daemons[side] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def master(side):
        page = subprocess.run(["ip", "-n", names[side], "-4", "addr", "show", "eth0"], capture_output=True, text=True)
        return "10.99.7.100" in page.stdout

    planned, crashed = [], []
    with contextlib.ExitStack() as stack:
        for name in names:
            ip(f"netns add {name}")
            stack.callback(subprocess.run, ["ip", "netns", "del", name])
        ip(f"-n {names[0]} link add eth0 type veth peer name eth0 netns {names[1]}")
        for side, name in enumerate(names):
            ip(f"-n {name} addr add 10.99.7.{side + 1}/24 dev eth0")
            ip(f"-n {name} link set eth0 up")
            ip(f"-n {name} link set lo up")

        def end(side, how):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(daemons[side].pid, how)
            daemons[side].wait()

        stack.callback(lambda: [end(side, signal.SIGKILL) for side in daemons])
        start(0), start(1)
        wait_for("keepalived's first master", lambda: master(0))
        time.sleep(2)
        for times, how, into in [(runs, signal.SIGTERM, planned), (crashes, signal.SIGKILL, crashed)]:
            for _ in range(times):
                begin = time.time()
                end(0, how)
                if how == signal.SIGTERM:
                    begin = time.time()  # From the old one's exit, as with us.
                wait_for("keepalived's take-over", lambda: master(1))
                into.append(time.time() - begin)
                subprocess.run(["ip", "-n", names[0], "addr", "del", "10.99.7.100/32", "dev", "eth0"], stderr=subprocess.DEVNULL)
                start(0)
                wait_for("keepalived's way home", lambda: master(0) and not master(1))
                time.sleep(1)
    return planned, crashed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--crashes", type=int, default=3)
    given = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        redis = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory],
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for("Redis", lambda: subprocess.run(["redis-cli", "-p", str(port), "PING"], capture_output=True).returncode == 0)
            # The crashes of all three are waited out side by side: next to nothing runs meanwhile.
            with concurrent.futures.ThreadPoolExecutor() as pool:
                others = []
                meanwhile = lambda: others.extend([
                    pool.submit(plain, port, given.crashes, directory),
                    pool.submit(keepalived, given.crashes, given.crashes, directory),
                ])
                gaps, ours_crash, sizes, share = ours(given.bin, directory, port, given.runs, given.crashes, meanwhile)
                plain_crash, (k_planned, k_crash) = others[0].result(), others[1].result()
        finally:
            redis.kill()
            redis.wait()
    ms = lambda seconds: f"{seconds * 1000:.1f} ms"
    gaps.sort()
    median = statistics.median(gaps)
    k_median = statistics.median(k_planned)
    print(f"planned hand-over, old bot's exit to new lease, {len(gaps)} runs: "
          f"median {ms(median)}, p99 {ms(gaps[int(len(gaps) * 0.99) - 1])}, max {ms(gaps[-1])} (bars 100 and 300 ms)")
    print(f"\n| | failover fast (W 15 s) | keepalived (advert 1 s) | plain lock (TTL 15 s) |\n| --- | --- | --- | --- |")
    print(f"| planned hand-over, median | {ms(median)} | {ms(k_median)} = {k_median / median:.0f}x | none: the TTL runs out |")
    row = [statistics.median(times) for times in (ours_crash, k_crash, plain_crash)]
    print(f"| crash take-over, median of {len(ours_crash)} | {row[0]:.1f} s | {row[1]:.1f} s = {row[1] / row[0]:.2f}x | {row[2]:.1f} s = {row[2] / row[0]:.2f}x |")
    print(f"| crash take-over, worst | {max(ours_crash):.1f} s (bar 17) | {max(k_crash):.1f} s | {max(plain_crash):.1f} s |")
    print("| two at once after a cut | no (the tests) | yes, by design | yes, by design |")
    for name, (rss, pss) in zip(["supervisor", "guard", "init in the container"], sizes):
        print(f"{name}: RSS {rss / 1024:.1f} MiB, PSS {pss / 1024:.1f} MiB")
    print(f"supervisor + guard: RSS {sum(rss for rss, _ in sizes[:2]) / 1024:.1f} MiB, PSS {sum(pss for _, pss in sizes[:2]) / 1024:.1f} MiB (bar 10 MB)")
    print(f"at rest: {share * 100:.2f} % of a core (bar 0.1)")


main()
