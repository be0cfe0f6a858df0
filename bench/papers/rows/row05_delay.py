"""Hogwild!, figure 5c: how slow a gradient must be before round robin is as fast as Hogwild.

Published (RCV1, 10 threads, an artificial delay in each gradient): RR draws level only when a gradient takes over about 1 ms.
Here: `papers_delay`, logistic regression on the RCV1-like set whose step busy-waits 0 to 10 ms before it does its work, so
that cores are busy, as with a long gradient; fewer examples for longer delays; 2 threads.
Must hold: the objectives of both within 2 % of serial's at every delay. Speed: the ratio of the speed-ups of RR and Hogwild
rises (within 0.05) with the delay, is below 0.7 up to 1 us and 0.9 to 1.1 from 1 ms on.
"""

from claims import reported, required
from lab import percent, ratio

SOURCE = "Hogwild! fig. 5c"
TITLE = "the delay at which round robin draws level"
CORES = 2


def size_of(delay, lab):
    """Examples: about half a second of one thread, whole chunks for both threads, at least 256."""
    most, work = lab.pick((200_000, 5e8), (1000, 2e7))
    return int(min(most, max(256, work / (delay + 300) // 256 * 256)))


def run(lab):
    delays = lab.pick((0, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000), (0, 1000, 100_000))
    spread, share, gains = {}, {}, {}
    for delay in delays:
        size = size_of(delay, lab)
        results = lab.side_by_side({
            mode: lambda mode=mode, threads=threads: lab.program("delay", mode, threads, delay, size)[0]
            for mode, threads in (("serial", 1), ("hogwild", 2), ("roundrobin", 2))}, repeats=min(lab.repeats, 3))
        losses = [sum(r["loss"] for r in runs) / len(runs) for runs in results.values()]
        spread[delay] = max(losses) / min(losses) - 1
        seconds = {mode: [r["seconds"] for r in runs] for mode, runs in results.items()}
        share[delay] = ratio(seconds["hogwild"], seconds["roundrobin"])
        gains[delay] = (ratio(seconds["serial"], seconds["hogwild"]), ratio(seconds["serial"], seconds["roundrobin"]))
    shares = list(share.values())
    rises = all(after >= before - 0.05 for before, after in zip(shares, shares[1:]))
    short = max(share[d] for d in delays if d <= 1000)
    long = [share[d] for d in delays if d >= 1_000_000] or [float("nan")]
    figures = ", ".join(f"{name(delay)} {value:.2f}" for delay, value in share.items())
    turn = "a turn is handed between two threads only: it takes some hundred ns, not the paper's 10 us"
    return [
        required("errors within 2 % at every delay", f"{percent(max(spread.values()))} at worst", max(spread.values()) <= 0.02),
        lab.speed("RR / Hogwild rises with the delay", figures, rises, "the steps of this curve lie within its noise"),
        lab.speed("below 0.7 up to 1 us", f"{short:.2f} at most", short < 0.7, turn),
        lab.speed("level (0.9 to 1.1) from 1 ms on", "-" if lab.small else f"{min(long):.2f} to {max(long):.2f}",
                  0.9 <= min(long) and max(long) <= 1.1, "few steps at this delay: the end of a round weighs"),
        reported("speed-ups of Hogwild and RR",
                 ", ".join(f"{name(d)} {h:.2f}x {r:.2f}x" for d, (h, r) in gains.items())),
    ]


def name(nanoseconds):
    for unit, size in (("ms", 1_000_000), ("us", 1000)):
        if nanoseconds >= size:
            return f"{nanoseconds // size} {unit}"
    return f"{nanoseconds} ns"
