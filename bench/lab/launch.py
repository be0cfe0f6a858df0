"""Runs bench_mpi on the nodes, or on this machine where there can be none, and reads back what it recorded."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

from nodes import Meter

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "notebooks"))

import records  # noqa: E402

LONGEST = 300  #: seconds of one call
GRACE = {0, 3}  #: exit statuses of runs that have results: 3 diverged


class Failed(Exception):
    """A run that did not do its work; one sentence."""


@dataclasses.dataclass
class Outcome:
    """One run, and what the links saw of it."""

    run: records.Run
    command: str
    sent: list = dataclasses.field(default_factory=list)  #: bytes that each node sent, all in all
    peak: list = dataclasses.field(default_factory=list)  #: Mbit/s that each node sent, at most in half a second

    @property
    def summary(self):
        return self.run.summary

    @property
    def diverged(self):
        return self.summary.get("stopped") == "diverged"

    def reach(self, field, target):
        """The value of a field where the training loss came to `target`, by a straight line between points; None: never."""
        before = None
        for point in self.run.points:
            if point["train_loss"] is None:
                return None
            if point["train_loss"] <= target:
                if before is None or before["train_loss"] <= target:
                    return point[field]
                share = (before["train_loss"] - target) / (before["train_loss"] - point["train_loss"])
                return before[field] + share * (point[field] - before[field])
            before = point
        return None

    @property
    def rounds(self):
        """Of each rank that trains."""
        return [detail["rounds"] for detail in self.summary["ranks_detail"] if detail["rounds"]]


class Launcher:
    def __init__(self, bench, nodes, keep):
        self.bench, self.nodes = bench, nodes
        self.keep = keep  #: folder for the records of all runs
        self.count = 0

    def run(self, *flags, ranks=4, during=None):
        """One run of bench_mpi on so many ranks, one on each node; `during()` is called when it has begun to train."""
        return self.runs(*flags, ranks=ranks, during=during)[0]

    def runs(self, *flags, ranks=4, during=None):
        self.count += 1
        record = self.keep / f"run-{self.count:04}.jsonl"
        shown = " ".join(map(str, flags))
        words = ["--curve", str(record), *map(str, flags)]
        command = [*self._mpirun(ranks), "-x", "SOUNDER_TERMINAL", str(self.bench), *words]
        meter = Meter(self.nodes) if self.nodes else None
        status, said = watch(command, meter, during)
        if status not in GRACE:
            said = [line for line in re.split(r"[\r\n]+", said) if line.startswith("bench_mpi:")] or said.strip().splitlines() or ["no message"]
            raise Failed(f"{said[-1]} (exit status {status}, in: bench_mpi {shown})")
        found = records.read(record)
        return [Outcome(run, shown, *((meter.sent(), meter.peak) if meter else ())) for run in found]

    def traffic(self, program, *flags, ranks=4, per_node=1, alternate=False):
        """One run of a program of bench/traffic: {(what, name): median seconds}."""
        self.count += 1
        record = self.keep / f"traffic-{self.count:04}.jsonl"
        record.unlink(missing_ok=True)
        path = self.bench.with_name(program)
        if not path.is_file():
            raise Failed(f"{path} is missing: build it with ./dev build, or name another --bench beside which it is")
        command = [*self._mpirun(ranks, per_node, alternate), str(path), "--json", str(record), *map(str, flags)]
        status, said = watch(command, None, None)
        if status:
            raise Failed(f"{(said.strip() or 'no message').splitlines()[-1]} (exit status {status}, in: {' '.join(command)})")
        found = map(json.loads, record.read_text().splitlines())
        return {(line["what"], line["name"]): line["median_seconds"] for line in found}

    def _mpirun(self, ranks, *how):
        where = self.nodes.mpirun(ranks, *how) if self.nodes else ["--oversubscribe"]
        return ["mpirun", "-n", str(ranks), *where, "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1",
                "--mca", "btl_vader_single_copy_mechanism", "none"]

    def here(self, *flags, ranks, transport="inproc"):
        """One run in one process, for what needs no links: ranks are threads, or simulated."""
        self.count += 1
        with tempfile.TemporaryDirectory() as folder:
            record = pathlib.Path(folder, "run.jsonl")
            command = [str(self.bench), "--transport", transport, "--ranks", str(ranks), "--quiet", "--curve", str(record), *map(str, flags)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
            if done.returncode not in GRACE:
                raise Failed(f"{(done.stderr.strip() or 'no message').splitlines()[-1]} (in: {' '.join(command)})")
            return Outcome(records.read(record)[0], " ".join(command))


def watch(command, meter, during):
    """Runs a command to its end: (exit status, what it said on stderr). Its live line tells when training has begun."""
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "SOUNDER_TERMINAL": "1"}
    began, said = threading.Event(), []
    job = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)

    def listen():
        while text := os.read(job.stderr.fileno(), 65536):
            said.append(text)
            if b" left" in text:  # the live line: epoch 1/6  loss 0.50000  4.2 k examples/s  1.5 s left
                began.set()

    listener = threading.Thread(target=listen)
    listener.start()
    deadline = time.monotonic() + LONGEST
    try:
        while job.poll() is None:
            if during and began.is_set():
                during()
                during = None
            if meter:
                meter.tick()
            if time.monotonic() > deadline:
                raise Failed(f"still running after {LONGEST} s (in: {' '.join(command)})")
            time.sleep(0.02)
    finally:
        if job.poll() is None:
            job.kill()
            job.wait()
        listener.join()
        job.stderr.close()
    return job.returncode, b"".join(said).decode(errors="replace")
