"""Turns the samples of a task into tables that say who wins."""

from table import duration, millions


def best(entries, measure, larger, threads=None):
    """Sounder's best median of a measure, over its entries with at most so many threads; None where it has none."""
    ours = [e.median(measure) for e in entries if e.ours and (threads is None or e.threads <= threads)]
    ours = [value for value in ours if value is not None]
    return (max if larger else min)(ours, default=None)


def ratio(ours, theirs, larger):
    """How many times better Sounder is; None where one of them is missing."""
    if ours is None or theirs is None:
        return None
    return ours / theirs if larger else theirs / ours


def in_words(times):
    if times is None:
        return "-"
    return f"{times:.2f}x" if times >= 1 else f"{times:.2f}x PEER WINS"


def rows(entries, measure, larger, extra=()):
    """One row per entry that takes part in the measure, the best first."""
    show = millions if larger else duration
    taking_part = [e for e in entries if measure in e.settings]
    missing = float("-inf") if larger else float("inf")
    taking_part.sort(key=lambda e: missing if e.median(measure) is None else e.median(measure), reverse=larger)
    lines = []
    for entry in taking_part:
        value, spread = entry.median(measure), entry.spread(measure)
        same = alone = "-"
        if not entry.ours:
            same = in_words(ratio(best(entries, measure, larger, entry.threads), value, larger))
            alone = in_words(ratio(best(entries, measure, larger), value, larger))
            if value is None:
                same = alone = "did not arrive"
        lines.append([entry.trainer, str(entry.threads), entry.settings[measure], entry.failure or show(value),
                      "-" if spread is None else f"{100 * spread:.0f} %", same, alone, *(f(entry) for f in extra)])
    return lines


HEADER = ["trainer", "threads", "setting", "median", "spread", "Sounder, no more threads", "Sounder at its best"]


def lowest(entries, measure):
    """One sentence: whose model is best, whatever time it took."""
    sides = {}
    for entry in entries:
        value, name = entry.median(measure), "Sounder" if entry.ours else entry.trainer
        if value is not None:
            sides[name] = min(value, sides.get(name, value))
    ranked = sorted(sides.items(), key=lambda side: side[1])
    return f"Lowest RMSE: {', '.join(f'{name} {value:.4f}' for name, value in ranked)}." + (
        " PEER WINS." if ranked and ranked[0][0] != "Sounder" else "")


def summary(entries, measure, larger, what):
    """One sentence that counts wins and losses, Sounder with no more threads than the peer."""
    ahead, behind = [], []
    for entry in entries:
        if entry.ours or measure not in entry.settings:
            continue
        times = ratio(best(entries, measure, larger, entry.threads), entry.median(measure), larger)
        if times is not None:
            name = f"{entry.trainer} x{entry.threads}"
            (ahead if times >= 1 else behind).append(name if times >= 1 else f"{name} ({1 / times:.2f} times better)")
    if not ahead and not behind:
        return f"{what}: nothing to compare."
    lost = f" Behind: {', '.join(behind)}." if behind else ""
    return f"{what}, with no more threads: Sounder is ahead of {len(ahead)} of {len(ahead) + len(behind)}.{lost}"
