"""What every trainer is to the comparison: something that can be run again and again, by turns with the others."""

import dataclasses
import statistics
import sys
import typing


class NotThere(Exception):
    """A peer that is not installed; the message says how to install it."""


class Failed(Exception):
    """A trainer that was there but did not do its work; one sentence."""


@dataclasses.dataclass
class Entry:
    """One trainer at one setting.

    `run` does one timed run and returns {measure: value}; a value is None where the trainer has no such measure (a batch
    solver has no epochs) or did not get there (a target that it missed).
    """

    trainer: str
    threads: int
    run: typing.Callable[[], dict]
    settings: dict = dataclasses.field(default_factory=dict)  #: measure -> the setting it was run at
    ours: bool = False
    samples: list = dataclasses.field(default_factory=list)
    failure: str = ""

    def values(self, measure):
        return [sample[measure] for sample in self.samples if sample.get(measure) is not None]

    def median(self, measure):
        """None unless more than half of the runs have it: a target reached now and then is not reached."""
        values = self.values(measure)
        return statistics.median(values) if 2 * len(values) > len(self.samples) else None

    def spread(self, measure):
        """(largest - smallest) / median."""
        values, middle = self.values(measure), self.median(measure)
        return (max(values) - min(values)) / middle if middle else None


@dataclasses.dataclass(frozen=True)
class Peer:
    """The face of an adapter. `enter(task)` tunes and returns entries, or raises NotThere."""

    name: str
    install: str
    timed: str  #: what the clock covers
    settings: str  #: at what settings, and why that is fair
    enter: typing.Callable


def by_turns(entries, repeats):
    """Every entry once a round; each round begins with another one, and every second goes backwards."""
    for k in range(repeats):
        start = k // 2 % max(1, len(entries))
        order = entries[start:] + entries[:start]
        for entry in order if k % 2 == 0 else reversed(order):
            if entry.failure:
                continue
            say(f"round {k + 1} of {repeats}: {entry.trainer} x{entry.threads}")
            try:
                entry.samples.append(entry.run())
            except Failed as failure:
                entry.failure = str(failure)
    say("")


def tune(candidates, budgets, attempt, target):
    """The candidate that reaches the target soonest: (name, budget), or None where none does.

    `attempt(candidate, budget)` trains once and returns (seconds, loss). Budgets rise; a candidate that has already
    taken half as long again as the best one is left there.
    """
    best, soonest = None, float("inf")
    if target == float("-inf"):  # nobody knows f*
        return None
    for name, candidate in candidates.items():
        for budget in budgets:
            seconds, loss = attempt(candidate, budget)
            if loss <= target:
                if seconds < soonest:
                    best, soonest = (name, budget), seconds
                break
            if seconds > 1.5 * soonest:
                break
    return best


def passes_to(curve, target):
    """The number of passes after which `curve` (one value per pass) is at or below the target, or None."""
    return next((k for k, value in enumerate(curve, 1) if value <= target), None)


def say(text):
    """A line that is written over, on a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + text)
        sys.stderr.flush()
