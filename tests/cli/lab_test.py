"""./dev lab: nodes that are namespaces, links that are as slow as they are told, and nothing of it left behind."""

import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAB = ROOT / "bench/lab"
sys.path.append(str(LAB))

import nodes  # noqa: E402
import theory  # noqa: E402

BENCH = os.environ["SOUNDER_BENCH_MPI"]
PATIENCE = 120  #: seconds in which a busy machine comes to anything

# In the laboratory: a link passes, then is cut, then passes again.
CUT_AND_MENDED = """
import subprocess, sys
import nodes
net = nodes.Nodes(2)
serve = 'import socket; server = socket.create_server(("", 7777)); print("up", flush=True)\\nwhile True: server.accept()'
server = subprocess.Popen(["nsenter", "--target", str(net._holders[0].pid), "--net", sys.executable, "-c", serve], stdout=subprocess.PIPE)
server.stdout.readline()

def passes():
    call = 'import socket; socket.create_connection(("10.77.0.1", 7777), timeout=SECONDS)'.replace("SECONDS", sys.argv[1])
    within = ["nsenter", "--target", str(net._holders[1].pid), "--net", sys.executable, "-c", call]
    return subprocess.run(within, stderr=subprocess.DEVNULL).returncode == 0

first = passes()
net.cut(0)
sys.argv[1] = "1"
second = passes()
net.mend(0)
sys.argv[1] = "60"
print(first, second, passes())
"""

# Between nodes payloads are cut into short messages: what comes in must be what it is inside of one process, bit by bit.
LONG_MESSAGES = """
import os, pathlib, subprocess, sys
import nodes
net = nodes.Nodes(3)
bench, folder = sys.argv[1], pathlib.Path(sys.argv[2])
work = ["--mode", "bsp", "--deterministic", "--data", "synthetic:dense,examples=128,features=40000", "--batch", "64", "--epochs", "1", "--threads", "1", "--quiet"]
environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}
subprocess.run(["mpirun", "-n", "3", *net.mpirun(3), "--bind-to", "none", bench, *work, "--save", folder / "apart"], stdout=sys.stderr, check=True, env=environment)
subprocess.run([bench, "--transport", "inproc", "--ranks", "3", *work, "--save", folder / "together"], stdout=sys.stderr, check=True)
print("the same" if (folder / "apart").read_bytes() == (folder / "together").read_bytes() else "other bits")
"""


def need_mpirun(test):
    if not shutil.which("mpirun"):
        print("skipped: mpirun is missing")
        test.skipTest("no mpirun")


def need_nodes(test):
    need_mpirun(test)
    if reason := nodes.why_not():
        print(f"skipped: no namespaces here ({reason})")
        test.skipTest("no namespaces")


def descendants(pid):
    """Of a process, from /proc."""
    parents = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents.setdefault(int((entry / "stat").read_text().rpartition(")")[2].split()[1]), []).append(int(entry.name))
        except OSError:
            pass  # it has just ended
    found, queue = [], [pid]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def networks(pids):
    """The network namespaces in which they are."""
    found = set()
    for pid in pids:
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
        except OSError:
            pass
    return found


def everyone():
    return [int(entry.name) for entry in pathlib.Path("/proc").glob("[0-9]*")]


class LabTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.command = [sys.executable, str(LAB / "run.py"), "--quick", "--bench", BENCH, "--out", str(self.folder)]

    def run_lab(self, *flags, status=0):
        done = subprocess.run([*self.command, *flags], capture_output=True, text=True, timeout=400)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def rows(self):
        """{(scenario, mode): cells} of the table that was written."""
        lines = [line.strip("| ").split(" | ") for line in (self.folder / "lab.md").read_text().splitlines() if line.startswith("| ")]
        return {tuple(line[:2]): [cell.strip() for cell in line] for line in lines if len(line) == 10 and line[0] not in ("scenario", "---")}

    def test_a_slow_link_is_as_slow_as_it_is_told(self):
        need_nodes(self)
        self.run_lab("--modes", "bsp,gossip", "--scenarios", "even,slow-link,partition")
        rows = self.rows()
        self.assertEqual(len(rows), 6)
        for scenario in "even", "slow-link", "partition":
            for mode in "bsp", "gossip":
                self.assertEqual(rows[scenario, mode][9], "epochs", "each run came to its end, through the partition too")
                self.assertRegex(rows[scenario, mode][2], r"^[\d.]+ m?s$")  # and to the loss
        for mode in "bsp", "gossip":
            sent = float(rows["slow-link", mode][8])
            self.assertLess(sent, 23, "20 Mbit/s, and a burst of 64 KiB in half a second")
            self.assertGreater(sent, 2)

    def test_a_cut_link_passes_nothing_until_it_is_mended(self):
        need_nodes(self)
        done = subprocess.run([*nodes.unshare(), sys.executable, "-c", CUT_AND_MENDED, "60"], capture_output=True, text=True, timeout=300,
                              env=os.environ | {nodes.INSIDE: "1", "PYTHONPATH": str(LAB)})
        self.assertEqual(done.stdout.strip(), "True False True", done.stderr)

    def test_long_messages_between_nodes_arrive_whole(self):
        need_nodes(self)
        done = subprocess.run([*nodes.unshare(), sys.executable, "-c", LONG_MESSAGES, BENCH, str(self.folder)], capture_output=True, text=True, timeout=300,
                              env=os.environ | {nodes.INSIDE: "1", "PYTHONPATH": str(LAB)})
        self.assertEqual(done.stdout.strip(), "the same", done.stderr)

    def test_nothing_is_left_after_a_kill(self):
        need_nodes(self)
        links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True).stdout
        own = networks([os.getpid()])
        command = [word for word in self.command if word != "--quick"]  # minutes, so that nothing ends by itself meanwhile
        for number in signal.SIGKILL, signal.SIGTERM:
            with self.subTest(signal=number.name):
                lab = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                deadline = time.monotonic() + PATIENCE
                while len(found := networks(descendants(lab.pid)) - own) < 5:  # the switch and some nodes
                    self.assertIsNone(lab.poll())
                    self.assertLess(time.monotonic(), deadline, "the nodes never came up")
                    time.sleep(0.05)
                lab.send_signal(number)
                lab.wait()
                deadline = time.monotonic() + PATIENCE / 2
                while networks(everyone()) & found:
                    self.assertLess(time.monotonic(), deadline, "some process still lives in a node")
                    time.sleep(0.05)
        self.assertEqual(subprocess.run(["ip", "-br", "link"], capture_output=True, text=True).stdout, links)

    def test_without_nodes_the_rest_is_done(self):
        need_mpirun(self)
        done = self.run_lab("--nodes", "off", "--modes", "bsp", "--scenarios", "even,partition")
        self.assertIn("without nodes (--nodes off): left out, partition", done.stdout)
        self.assertEqual(sorted(self.rows()), [("even", "bsp")])

    def test_every_mode_between_ranks_runs_with_every_one_inside(self):
        need_mpirun(self)
        self.run_lab("--nodes", "off", "--grid")
        lines = [line.strip("| ").split(" | ") for line in (self.folder / "lab.md").read_text().splitlines() if line.startswith("| ")]
        runs = {(line[0], line[1]): line for line in lines if len(line) == 8 and line[0] not in ("inside", "---")}
        self.assertEqual(len(runs), 16)
        self.assertEqual({line[7] for line in runs.values()}, {"epochs"})
        for (_, between), line in runs.items():
            staleness = float(line[6])
            self.assertTrue(staleness == 0 if between in ("bsp", "gossip") else staleness <= 4 if between == "ssp" else True, line)

    def test_more_workers_are_simulated(self):
        done = self.run_lab("--scale", "--modes", "local,async")
        lines = [line.strip("| ").split(" | ") for line in (self.folder / "lab.md").read_text().splitlines() if line.startswith("| ")]
        self.assertEqual([line[:2] for line in lines[2:]], [[mode, str(count)] for count in (1, 4, 16) for mode in ("local", "async")], done.stdout)

    def test_what_is_unknown_is_refused(self):
        for flags in ("--modes", "nosuch"), ("--scenarios", "even,nosuch"), ("--repeat", "0"), ("--bench", "nosuch"), ("--rows", "nosuch"), ("--grid", "--modes", "bsp"), ("--scale", "--repeat", "2"):
            self.assertIn(flags[-2], self.run_lab(*flags, status=2).stderr)


class TheoryTest(unittest.TestCase):
    def test_simulated_pace_is_that_of_the_closed_forms(self):
        persistent, transient = theory.persistent(4), theory.transient(0.1, 10)
        for mode, draw, expected in (
            ("bsp", persistent, 4), ("ssp", persistent, 4), ("gossip", persistent, 4), ("async", persistent, 4 / 3.25), ("backup", persistent, 1),
            ("bsp", transient, 1 + 9 * (1 - 0.9**4)), ("async", transient, 1.9),
        ):
            self.assertAlmostEqual(theory.slowdown(mode, draw) / expected, 1, delta=0.05, msg=mode)
        slack = [theory.slowdown("ssp", transient, staleness=s) for s in (0, 1, 4, 16)]
        self.assertEqual(slack, sorted(slack, reverse=True))

    def test_gaps_are_those_of_the_table(self):
        for topology, n, gap in ("ring", 8, 0.195), ("star", 8, 0.125), ("hypercube", 8, 0.5), ("ring", 4, 0.667), ("complete", 4, 1):
            self.assertAlmostEqual(theory.gap(topology, n), gap, places=3)

    def test_old_gradients_come_to_rest_up_to_the_stable_delay(self):
        def rests(movement, delay):
            past = [1.0] * (delay + 1)
            for _ in range(4000):
                past = [*past[1:], past[-1] - movement * past[0]]
            return max(map(abs, past)) < 1

        for movement in 1.9, 0.9, 0.4, 0.1:
            delay = math.floor(theory.stable_delay(movement))
            self.assertTrue(rests(movement, delay), movement)
            self.assertFalse(rests(movement, delay + 1), movement)
        self.assertEqual(theory.stable_delay(2), -1)
        self.assertFalse(rests(2.01, 0))

    def test_tcp_tries_again_at_doubled_times(self):
        self.assertEqual([round(theory.tcp_recovers(cut), 3) for cut in (0, 0.1, 0.3, 1)], [0, 0.2, 0.6, 1.4])


if __name__ == "__main__":
    unittest.main()
