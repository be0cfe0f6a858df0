"""Network namespaces as machines: four nodes and a switch on one machine, each with its own link, whose bandwidth is shaped and which
can be cut.

Everything lives in namespaces that have no name: a network, mount, host-name and process namespace for the laboratory (`enter`), a
network and a host name for each node. The kernel takes all of it away with the laboratory's first process, however that ends, kill -9
included: there is nothing to sweep. Where users may have namespaces of their own, no root is needed.

Bandwidth is tbf's, in both directions of a link. Delay, jitter and loss are not offered: netem is not in every kernel, and what the
protocols do under those is tested on the simulated transport.
"""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

INSIDE = "SOUNDER_LAB_INSIDE"  #: set in the laboratory's namespaces
NETWORK = "10.77.0"
SWITCH = "lab0"
PRIVATE = pathlib.Path("/dev/shm")  #: a file system of the laboratory's own, which goes with it
NEEDED = ("unshare", "nsenter", "setpriv", "ip", "tc")
BURST_BYTES = 64 * 1024  #: of the shaper: the largest packet that the kernel hands to it


class Refused(Exception):
    """Why there can be no nodes here; half a sentence."""


def unshare():
    """The command that puts a program into the laboratory's namespaces, in which it is root."""
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *own, "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]


def why_not():
    """Why there can be no nodes here; "": there can."""
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    if missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing (packages util-linux and iproute2)"
    # The very things that are needed, tried: a switch, a node behind a link, a shaper, an own file system.
    trial = (f"mount -t tmpfs tmpfs {PRIVATE} && ip link add {SWITCH} type bridge && ip link add n1 type veth peer name eth0"
             " && tc qdisc add dev n1 root tbf rate 1mbit burst 64kb latency 1s")
    done = subprocess.run([*unshare(), "sh", "-c", trial], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip() or "no reason given").splitlines()[-1]


def enter():
    """Runs this program again in the laboratory's namespaces, which end with this process, however it ends. Returns the exit status."""
    command = ["setpriv", "--pdeathsig", "KILL", *unshare(), sys.executable, *sys.argv]
    try:
        return subprocess.call(command, env=os.environ | {INSIDE: "1"})
    except KeyboardInterrupt:
        return 130


def inside():
    return os.environ.get(INSIDE) == "1"


def call(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


class Nodes:
    """`count` nodes on one switch. Only inside()."""

    def __init__(self, count):
        assert inside()
        self.count = count
        self.names = [f"node{i + 1}" for i in range(count)]
        call("mount", "-t", "tmpfs", "tmpfs", PRIVATE)
        call("hostname", "switch")
        call("ip", "link", "set", "lo", "up")
        call("ip", "link", "add", SWITCH, "type", "bridge")
        call("ip", "addr", "add", f"{NETWORK}.254/24", "dev", SWITCH)
        call("ip", "link", "set", SWITCH, "up")
        self._holders = [self._start(i) for i in range(count)]
        self.agent = PRIVATE / "agent"  # what mpirun takes for ssh: HOST COMMAND
        self.agent.write_text(f'#!/bin/sh\nhost=$1\nshift\nexec nsenter --target "$(cat {PRIVATE}/$host.pid)" --net --uts sh -c "$*"\n')
        self.agent.chmod(0o755)

    def _start(self, i):
        """A node is a process that sleeps in it; its link is called n1, n2, ... at the switch, and eth0 in the node."""
        name = self.names[i]
        holder = subprocess.Popen(["unshare", "--net", "--uts", "sh", "-c", f"hostname {name} && echo up && exec sleep infinity"],
                                  stdout=subprocess.PIPE, text=True)
        if holder.stdout.readline() != "up\n":
            raise Refused(f"{name} did not start")
        (PRIVATE / f"{name}.pid").write_text(str(holder.pid))
        call("ip", "link", "add", self.link(i), "type", "veth", "peer", "name", "eth0", "netns", holder.pid)
        call("ip", "link", "set", self.link(i), "master", SWITCH, "up")
        self._within(i, "ip", "link", "set", "lo", "up", holder=holder)
        self._within(i, "ip", "addr", "add", f"{NETWORK}.{i + 1}/24", "dev", "eth0", holder=holder)
        self._within(i, "ip", "link", "set", "eth0", "up", holder=holder)
        return holder

    def _within(self, i, *words, holder=None):
        return call("nsenter", "--target", (holder or self._holders[i]).pid, "--net", *words)

    @staticmethod
    def link(i):
        return f"n{i + 1}"

    def shape(self, mbits):
        """{node: Mbit/s} both ways; nodes that are not named get links as fast as the kernel is."""
        for i in range(self.count):
            ends = (lambda *words: call(*words), self.link(i)), (lambda *words, i=i: self._within(i, *words), "eth0")
            for run, device in ends:
                if i in mbits:
                    run("tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{mbits[i]:g}mbit", "burst", BURST_BYTES, "latency", "1s")
                elif "tbf" in run("tc", "qdisc", "show", "dev", device):
                    run("tc", "qdisc", "del", "dev", device, "root")

    def cut(self, i):
        """Nothing passes the link of node i any more; TCP will try again once it is mended. It is unplugged from the switch, and not
        put down: a node that sees its carrier go forgets its neighbours' addresses, and asks for them once a second only."""
        call("ip", "link", "set", self.link(i), "nomaster")

    def mend(self, i):
        call("ip", "link", "set", self.link(i), "master", SWITCH)

    def traffic(self):
        """[(bytes sent, bytes received)] of each node so far, as its link carried them, headers included."""
        counts = {}
        for line in pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]:
            device, *fields = re.split(r"[:\s]+", line.strip())
            counts[device] = (int(fields[0]), int(fields[8]))  # what the switch received is what the node sent
        return [counts[self.link(i)] for i in range(self.count)]

    def mpirun(self, ranks, per_node=1, alternate=False):
        """What to tell mpirun so that there are so many ranks on each of the first nodes: one after the other, or `alternate`, by turns."""
        count = -(-ranks // per_node)
        if count > self.count:
            raise Refused(f"{ranks} ranks on {self.count} nodes")
        settings = {
            "plm_rsh_agent": self.agent, "plm_rsh_no_tree_spawn": 1, "orte_tmpdir_base": PRIVATE,
            "btl_tcp_if_include": f"{NETWORK}.0/24", "oob_tcp_if_include": f"{NETWORK}.0/24",
        }
        hosts = ",".join(f"{name}:{per_node}" for name in self.names[:count])
        return ["--host", hosts, *(["--map-by", "node"] if alternate else []), *(word for key, value in settings.items() for word in ("--mca", key, str(value)))]


class Meter:
    """The traffic of all links while something runs: `tick()` now and then."""

    WINDOW = 0.5  #: seconds over which a rate is taken

    def __init__(self, nodes):
        self._nodes = nodes
        self._seen = collections.deque([(time.monotonic(), nodes.traffic())])
        self._first = self._seen[0][1]
        self.peak = [0.0] * nodes.count  #: Mbit/s that a node sent, at most, in any window

    def tick(self):
        now, traffic = time.monotonic(), self._nodes.traffic()
        self._seen.append((now, traffic))
        while len(self._seen) > 2 and now - self._seen[1][0] >= self.WINDOW:
            self._seen.popleft()
        then, before = self._seen[0]
        if now - then >= self.WINDOW:
            rates = [8e-6 * (new[0] - old[0]) / (now - then) for new, old in zip(traffic, before)]
            self.peak = [max(pair) for pair in zip(self.peak, rates)]

    def sent(self):
        """Bytes that each node has sent."""
        return [new[0] - old[0] for new, old in zip(self._nodes.traffic(), self._first)]
