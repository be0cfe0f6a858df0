"""Two levels of consistency: disciplines inside of a rank times modes between ranks, in one launch of bench_mpi."""

from scenarios import SLOW, SPAM
from table import duration

INSIDE = ["hogwild", "locked", "cached", "conflictfree"]
BETWEEN = ["bsp", "ssp", "async", "gossip"]
THREADS = 2
HEADER = ["inside", "between", "loss", "of the best", "to the loss", "waited", "staleness, mean", "ended"]
TARGET = 0.32  #: four fifths of the way from nothing learned to the best loss that there is


def measure(launcher, quick, say):
    """{(inside, between): outcome}. One rank is four times as slow, so that waiting costs something; the steps are each mode's default."""
    say("the grid")
    outcomes = launcher.runs("--mode", ",".join(BETWEEN), "--node-mode", ",".join(INSIDE), *SPAM, "--threads", THREADS, "--batch", 256,
                             "--epochs", 2 if quick else 6, "--pad", 4 if quick else 10, "--straggler", f"rank:{SLOW}=4x")
    return {(outcome.run.node_mode, outcome.run.mode): outcome for outcome in outcomes}


def cells(outcomes):
    """{(inside, between): (loss in parts of the best, seconds to the loss or None)}, for the figure."""
    best = min(outcome.summary["train_loss"] for outcome in outcomes.values() if not outcome.diverged)
    return {pair: (outcome.summary["train_loss"] / best, outcome.reach("seconds", TARGET)) for pair, outcome in outcomes.items() if not outcome.diverged}


def lines(outcomes):
    shown, rows = cells(outcomes), []
    for inside in INSIDE:
        for between in BETWEEN:
            outcome = outcomes[inside, between]
            part, seconds = shown.get((inside, between), (None, None))
            summary = outcome.summary
            waited = summary["wait_seconds"] / max(1e-9, summary["seconds"] * summary["ranks"])
            staleness = (summary["staleness"] or {}).get("mean")
            rows.append([inside, between, "-" if part is None else f"{summary['train_loss']:.4f}", "-" if part is None else f"{part:.3f}",
                         duration(seconds), f"{100 * waited:.0f} %", "-" if staleness is None else f"{staleness:.2f}", summary["stopped"]])
    return rows
