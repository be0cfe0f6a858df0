"""What goes wrong in each scenario, and what theory then says about each mode.

All runs do the same work. Rounds are padded, asleep, to a fixed length, so that four ranks on a small machine do not steal each
other's cores. A step of the modes that average models is multiplied by the ranks, since a mean of n models moves 1/n as far as the
movement of one (the linear scaling rule): all modes then come equally far with an example, and what differs is waiting.
"""

import dataclasses
import time

import theory

RANKS = 4
SLOW = 1  #: the rank that is late, and the node whose link is slow or cut
STALENESS = 4
MODES = ["bsp", "ssp", "async", "local", "gossip", "adpsgd", "pushsum", "backup"]
AVERAGING = {"local", "gossip", "adpsgd", "pushsum"}
SERVED_FREELY = {"async", "backup"}
SPAM = ["--data", "builtin:spam,part=train", "--transform", "log1p", "--normalize", "l2", "--l2", "1e-3"]


@dataclasses.dataclass(frozen=True)
class Work:
    """One problem, cut into padded rounds."""

    epochs: int = 4
    pad_ms: float = 20
    batch: int = 128
    step: float = 0.01
    target: float = 0.37

    def flags(self, mode):
        """In every mode."""
        step = self.step * (RANKS if mode in AVERAGING else 1)
        own = ["--staleness", STALENESS] if mode == "ssp" else []
        return ["--mode", mode, *own, *SPAM, "--threads", 1, "--schedule", "constant", "--step", f"{step:g}", "--batch", self.batch,
                "--epochs", self.epochs, "--pad", f"{self.pad_ms:g}"]


QUICK = Work(epochs=2, pad_ms=4, target=0.45)


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    flags: tuple = ()
    draw: object = theory.persistent(1)  #: the lengths of rounds, for theory
    slow_mbits: float = 0  #: of the link of node SLOW
    cut_seconds: float = 0  #: for how long that link is cut

    @property
    def needs_nodes(self):
        return bool(self.slow_mbits or self.cut_seconds)

    def prepare(self, nodes):
        if nodes:
            nodes.shape({SLOW: self.slow_mbits} if self.slow_mbits else {})

    def during(self, nodes):
        """What happens once training has begun; None: nothing."""
        if not self.cut_seconds:
            return None

        def partition():
            nodes.cut(SLOW)
            time.sleep(self.cut_seconds)
            nodes.mend(SLOW)

        return partition

    def expected(self, mode, work, calm):
        """How many times as long as `calm`, the same run undisturbed, which says how long a round is and what it sends."""
        rounds = sum(calm.rounds) / RANKS
        even = calm.summary["seconds"] / rounds
        pad = work.pad_ms / 1000
        if self.slow_mbits:
            link = calm.summary["bytes_sent"] / RANKS / rounds * 8e-6 / self.slow_mbits  # seconds a round, each way
            # Who does not wait for the slow node's rank still needs the shard that it serves.
            return max(1.0, link / even) if mode in SERVED_FREELY else 1 + link / even
        if self.cut_seconds:
            lost = theory.tcp_recovers(self.cut_seconds) / calm.summary["seconds"]
            return 1 + (lost / RANKS if mode == "adpsgd" else lost)
        return 1 + (theory.slowdown(mode, self.draw, RANKS, STALENESS) - 1) * pad / even


def all_scenarios(quick):
    return [
        Scenario("even", "no straggler"),
        Scenario("straggler", "one of four ranks 4 times as slow", ("--straggler", f"rank:{SLOW}=4x"), theory.persistent(4, SLOW)),
        Scenario("random", "any round of any rank 10 times as long with p = 0.1", ("--straggler", "random:p=0.1,10x"), theory.transient(0.1, 10)),
        Scenario("slow-link", "one link of 20 Mbit/s", slow_mbits=20),
        Scenario("partition", f"one link cut for {0.5 if quick else 1} s", cut_seconds=0.5 if quick else 1.0),
    ]
