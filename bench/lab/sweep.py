"""The bound of ssp against the time to a loss (Ho et al. 2013): too small a bound waits, too large a one oscillates.

Reads are exact: as old as the bound allows, as those of a cache are that is asked no sooner than it must be. At-least reads hold whatever has
come in, and hardly grow older with the bound: the control.
"""

import math

import theory
from rows import Claim
from scenarios import RANKS, SPAM, Work

SWEPT = [0, 1, 2, 4, 8, 16, 32]
RANDOM = ["--straggler", "random:p=0.1,10x"]
MANY, PAD_MS = 16, 1  #: ranks, simulated
NETWORK = "compute=100us,latency=50us,bandwidth=1GB/s,gap=1us"
BATCH, STEP, TARGET = 160, 0.02, 0.37
# Of the logistic loss at w = 0 on SPAM: a quarter of the largest eigenvalue of the mean of x x', by power iteration.
CURVATURE = 0.247 / 4


def flags(s, step=STEP, visibility="exact", straggler=RANDOM, pad_ms=PAD_MS, epochs=6):
    return ["--mode", "ssp", "--staleness", s, "--visibility", visibility, *SPAM, "--threads", 1, "--schedule", "constant", "--step", f"{step:g}",
            "--batch", BATCH, "--epochs", epochs, "--pad", f"{pad_ms:g}", *straggler]


def edge(step):
    """The largest bound with which steps so large come to rest."""
    return theory.stable_delay(step * BATCH * CURVATURE)


def settled(outcome):
    """Seconds after which the loss stays at the target, by a straight line between points; None: never. Runs that oscillate come there and go again."""
    before = after = None
    for point in outcome.run.points:
        if point["train_loss"] is None:
            return None
        if point["train_loss"] > TARGET:
            before, after = point, None
        elif after is None:
            after = point
    if after is None:
        return None
    share = (before["train_loss"] - TARGET) / (before["train_loss"] - after["train_loss"])
    return before["seconds"] + share * (after["seconds"] - before["seconds"])


def seconds(outcome):
    """Of a run that never settles the whole, which is less than it would have needed."""
    if outcome.diverged:
        return math.inf
    return settled(outcome) or outcome.summary["seconds"]


def compared(above, below):
    return [seconds(a) / seconds(b) for a, b in zip(above, below)]


def unless_settled(swept, s, bound):
    """A remark on ratios with bound s in them, where a turn had to be counted by its whole length."""
    return "" if all(settled(outcome) is not None for outcome in swept[s]) else f" (never there: {bound})"


def best(swept):
    """The bound of the shortest median."""
    return min(swept, key=lambda s: sorted(map(seconds, swept[s]))[len(swept[s]) // 2])


def curve(swept):
    """For figures.sweep: (s, seconds, whether it settled) of the median turn."""
    def middle(outcomes):
        outcome = sorted(outcomes, key=seconds)[len(outcomes) // 2]
        return seconds(outcome), settled(outcome) is not None

    return [(s, *middle(outcomes)) for s, outcomes in swept.items()]


def against_none(title, swept, ranks, step):
    """What each bound gains over none, beside what waiting alone says; nothing is expected beyond the edge."""
    pace = {s: theory.slowdown("ssp", theory.transient(0.1, 10), ranks, s) for s in swept}
    return [Claim(f"{title}: time to loss, s = 0 / s = {s}{unless_settled(swept, s, 'at most')}", compared(swept[0], swept[s]), 0, pace[0] / pace[s] if s <= edge(step) else 0)
            for s in swept if s]


def shape(title, swept, bars):
    """An optimum in the middle: how much worse both ends are."""
    s = best(swept)
    return [Claim(f"{title}: the best is s = {s}; s = {end} / it{unless_settled(swept, end, 'at least')}", compared(swept[end], swept[s]), bar) for end, bar in zip((0, SWEPT[-1]), bars)]


def row_sweep(lab):
    """16 simulated ranks; the seed of a turn is its number."""
    contenders = {
        f"step {STEP:g}": {},
        f"step {STEP / 2:g}": {"step": STEP / 2},
        "at-least reads": {"visibility": "at-least"},
        "nobody slow": {"straggler": []},
    }
    found = {name: lab.turns.simulated({s: (*flags(s, **own), "--sim", NETWORK, "--partition", "range") for s in SWEPT}, MANY) for name, own in contenders.items()}
    claims = []
    for step in STEP, STEP / 2:
        swept = found[f"step {step:g}"]
        title = f"{MANY} simulated ranks, random stragglers, step {step:g}"
        claims += [*against_none(title, swept, MANY, step), *shape(title, swept, (2.5, 1.2))]
    claims += shape("control, at-least reads", found["at-least reads"], (0, 0))
    claims += shape("control, nobody slow", found["nobody slow"], (0, 0))
    edges = {f"step {step:g}": edge(step) for step in (STEP, STEP / 2)}
    lab.figures["lab-sweep.png"] = ("sweep", {name: curve(swept) for name, swept in found.items()}, edges, TARGET)
    return claims


def row_sweep_ranks(lab):
    """The same on four real ranks."""
    pad_ms = Work.pad_ms
    swept = lab.turns({s: flags(s, pad_ms=pad_ms, epochs=4) for s in SWEPT})
    even = lab.turns({s: flags(s, straggler=[], pad_ms=pad_ms, epochs=4) for s in SWEPT})
    title = f"{RANKS} ranks, random stragglers, step {STEP:g}"
    return [*against_none(title, swept, RANKS, STEP), *shape(title, swept, (1.3, 1.2)), *shape("control, nobody slow", even, (0, 0))]
