"""Hogwild!, figure 3c: where a step is long, everybody is fast.

Published (DBLife, a projection onto an 18,167-simplex a step, 10 threads): Hogwild 9x, RR 5x.
Here: entity resolution as a cut with D = 2,000 labels (`papers_simplex`, a graph as sparse as DBLife's), so that a step is a
projection onto the 2,000-simplex; 2 threads.
Must hold: the objectives within 2 % of serial's. Speed: Hogwild 1.8x or more, RR 1.5x or more.
"""

from claims import required, stale_claim
from lab import ratio

SOURCE = "Hogwild! fig. 3c"
TITLE = "long steps: projections onto a simplex"


def run(lab):
    labels, vertices, epochs = lab.pick((2000, 1200, 20), (200, 240, 20))
    modes = {"serial": 1, "hogwild": 2, "roundrobin": 2}
    results = lab.side_by_side({
        mode: lambda mode=mode, threads=threads: lab.program("simplex", mode, threads, labels, vertices, epochs)[0]
        for mode, threads in modes.items()})
    loss = {mode: sum(r["loss"] for r in results[mode]) / len(results[mode]) for mode in modes}
    apart = {mode: loss[mode] / loss["serial"] - 1 for mode in ("hogwild", "roundrobin")}
    gain = {mode: ratio([r["seconds"] for r in results["serial"]], [r["seconds"] for r in results[mode]]) for mode in modes}
    start = results["serial"][0]["start"]
    return [
        required("Hogwild within 2 % of serial's error", f"{loss['serial']:.4g}, {100 * apart['hogwild']:+.2g} %", abs(apart["hogwild"]) <= 0.02),
        stale_claim(lab, True, "RR within 2 % of serial's error", apart["roundrobin"]),
        required("it learns: below 0.9 of the start", f"{loss['serial'] / start:.2f} of it", loss["serial"] < 0.9 * start),
        lab.speed("Hogwild 9x at 10 threads, 1.8x or more at 2", f"{gain['hogwild']:.2f}x", gain["hogwild"] >= 1.8,
                  "two rows of 8 KB move between the cores for each edge"),
        lab.speed("RR 5x at 10 threads, 1.5x or more at 2", f"{gain['roundrobin']:.2f}x", gain["roundrobin"] >= 1.5,
                  "our RR projects when it writes, in its turn: that part of a step is serial"),
    ]
