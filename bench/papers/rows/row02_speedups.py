"""Hogwild!, figures 3a, 3b and 4a: the order of the speed-ups, Hogwild before AIG before round robin.

Published (10 threads over 1): RCV1 3x with Hogwild, RR slower than serial; Abdomen more than 4x, RR half of serial's speed;
Netflix about 5x, RR 62 % slower than serial.
Here: the runs of row 1, the speed-up of the training clock over `serial` at equal epochs and, as row 1 requires, equal error.
Must hold: nothing at more epochs or a worse error than serial. Speed: the order; RR at most 1.1x serial; Hogwild at least
1.7x on ratings and, with the hot rows taken out of the traffic (`cached`), at least 1.6x on text. Plain Hogwild on text is
reported: 1.3x was hoped for, see docs/benchmarks.md for why two cores cannot.
"""

import sets
from claims import reported, required
from lab import percent, ratio

SOURCE = "Hogwild! figs. 3, 4"
TITLE = "speed-ups over serial"
CORES = 2

PUBLISHED = {"RCV1-like": "3x, < 1x", "Netflix-like": "5x, 0.6x", "grid cut": "> 4x, 0.5x"}
ORDER = ("on Zipf text two lock-free cores spend their time handing over the cache lines of the hottest words; the locks add to "
         "it. Where a step is but two floats, its cost is that of the chunk it comes in")
MF = "a row of 32 factors is two cache lines; with far cores each conflict costs as much as a step"
HOT = "far cores: each merge of the hot rows moves all of their lines"


def run(lab):
    claims = []
    results = {name: sets.runs(lab, name) for name in PUBLISHED}
    gains = {name: {mode: ratio(sets.seconds(runs["serial"]), sets.seconds(runs[mode])) for mode in runs if mode != "serial"}
             for name, runs in results.items()}
    worst = max(sets.loss(runs[mode]) / sets.loss(runs["serial"]) - 1 for runs in results.values() for mode in runs)
    claims.append(required("no speed-up is bought with error: at most 2 % above serial", f"{percent(worst)} at worst", worst <= 0.02))
    for name, gain in gains.items():
        figures = ", ".join(f"{mode} {gain[mode]:.2f}x" for mode in sets.MODES)
        holds = gain["hogwild"] > gain["AIG"] > gain["RR"]
        claims.append(lab.speed(f"{name}: Hogwild > AIG > RR ({PUBLISHED[name]} for the first and the last)", figures, holds, ORDER))
    worst = max(gain["RR"] for gain in gains.values())
    claims.append(lab.speed("RR at most 1.1x serial where gradients are cheap", f"{worst:.2f}x at best", worst <= 1.1,
                            "two threads overlap the gathering of cheap gradients after all"))
    claims.append(lab.speed("ratings: Hogwild 1.7x or more", f"{gains['Netflix-like']['hogwild']:.2f}x",
                            gains["Netflix-like"]["hogwild"] >= 1.7, MF))
    text = gains["RCV1-like"]
    claims.append(reported("text: plain Hogwild (1.3x hoped for)", f"{text['hogwild']:.2f}x",
                           "the hottest word is in 44 % of the examples, so its cache line moves at every other step"))
    claims.append(lab.speed("text: hot rows apart (`cached`) 1.6x or more", f"{text['cached']:.2f}x", text["cached"] >= 1.6, HOT))
    return claims
