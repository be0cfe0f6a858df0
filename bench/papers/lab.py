"""The laboratory of the rows: runs bench_shm and the programs of this folder, and keeps what they measured."""

import dataclasses
import json
import os
import statistics
import subprocess

from claims import Claim


LONGEST = 120  #: seconds of one run


class Failed(Exception):
    """A program that did not do its work; one sentence."""


@dataclasses.dataclass
class Run:
    """One training run."""

    head: dict
    points: list
    summary: dict

    @property
    def losses(self):
        """After 0, 1, ... epochs; what is not a number is infinite."""
        return [float("inf") if point["train_loss"] is None else point["train_loss"] for point in self.points]

    @property
    def loss(self):
        return float("inf") if self.diverged else self.losses[-1]

    @property
    def seconds(self):
        return self.summary["seconds"]

    @property
    def rate(self):
        return self.summary["examples_per_second"]

    @property
    def digest(self):
        return self.summary["digest"]

    @property
    def diverged(self):
        return self.summary["stopped"] == "diverged"

    def epochs_to(self, target):
        """Epochs to a loss, by a straight line between points; None if it is never reached."""
        for k, loss in enumerate(self.losses):
            if loss <= target:
                before = self.losses[k - 1] if k else loss
                return k - (target - loss) / (before - loss) if k and before > loss else float(k)
        return None


class Lab:
    def __init__(self, bench, small, repeats=None):
        self.bench, self.small = bench, small
        self.repeats = repeats or (1 if small else 5)
        self.cores = len(os.sched_getaffinity(0))
        self.core_to_core = []
        self.machine, self.version = {}, "?"
        self._kept = {}

    def meet(self):
        """Learns what machine this is, and that bench_shm runs."""
        self.run("--data", "synthetic:cold,examples=200", "--epochs", 0, "--mode", "serial")

    def pick(self, full, small):
        return small if self.small else full

    def run(self, *flags):
        """One run of bench_shm; flags are those of a user."""
        records = self._records("bench_shm", ["--json", "-", "--quiet", *flags], may_end_with=(0, 3))
        head = next(record for record in records if record["kind"] == "run")
        self.machine, self.version = head["machine"], head["version"]
        if head["machine"]["core_to_core_ns"] is not None:
            self.core_to_core.append(head["machine"]["core_to_core_ns"])
        points = [record for record in records if record["kind"] == "point"]
        return Run(head, points, next(record for record in records if record["kind"] == "summary"))

    def inspect(self, *flags):
        """The contention report of a set."""
        return self._records("bench_shm", ["--inspect", "--json", "-", "--quiet", *flags])[0]

    def program(self, name, *arguments):
        """The records of a program of this folder, which is built beside bench_shm."""
        return self._records(f"papers_{name}", arguments)

    def side_by_side(self, runs, repeats=None):
        """{name: flags} or {name: callable} -> {name: one result a repetition}; every second repetition goes backwards."""
        results = {name: [] for name in runs}
        for repetition in range(repeats or self.repeats):
            for name in list(runs) if repetition % 2 == 0 else reversed(runs):
                results[name].append(runs[name]() if callable(runs[name]) else self.run(*runs[name]))
        return results

    def once(self, key, make):
        """What `make` gives, made once for all rows."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    @property
    def distance(self):
        """core_to_core_ns, and the regime that it means."""
        if not self.core_to_core:
            return "core to core not measured"
        middle = statistics.median(self.core_to_core)
        return f"core to core {middle:.0f} ns ({'near' if middle < 100 else 'far'})"

    def speed(self, says, ours, holds, why):
        """A claim of speed: it depends on the machine, so it is reported and never fails; `why` it may differ here."""
        if self.cores < 2:
            return Claim(says, "-", None, why="not timed: one core")
        if self.small:
            return Claim(says, ours, None, why="small scale: too short to be judged")
        return Claim(says, ours, bool(holds), why="" if holds else f"{why}; {self.distance}")

    def _records(self, program, flags, may_end_with=(0,)):
        words = [str(self.bench.parent / program) if program != "bench_shm" else str(self.bench), *map(str, flags)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONGEST)
        except OSError as error:
            raise Failed(f"{words[0]}: {error.strerror}; build it with ./dev build") from error
        except subprocess.TimeoutExpired as error:
            raise Failed(f"still running after {LONGEST} s (in: {' '.join([program, *words[1:]])})") from error
        if done.returncode not in may_end_with:
            message = (done.stderr.strip() or "no message").splitlines()[-1]
            raise Failed(f"{message} (in: {' '.join([program, *words[1:]])})")
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def median(values):
    return statistics.median(values)


def ratio(above, below):
    """The median over repetitions of above / below, each pair taken side by side."""
    return statistics.median(a / b for a, b in zip(above, below))


def percent(share):
    return f"{100 * share:.2g} %"
