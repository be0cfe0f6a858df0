"""PyTorch-BigGraph: AdaGrad under races, with its own gradient in the denominator and without.

Published (the project's own test): with plain AdaGrad under Hogwild weights explode (above 1,000); AsyncAdagrad divides by a
local copy of the sum that already holds its own gradient, and stays stable.
Here: `papers_stress`, that test with 16 virtual workers whose single loads and stores alternate at random, with the library's rule
and with the naive one (add to the sum in memory, then divide by what is found there), and on 2 threads through fit().
Must hold: self-inclusive, simulated and on threads, all weights below 10; the naive one above 10 with 16 workers, not alone.
"""

from claims import required

SOURCE = "PBG's test"
TITLE = "AdaGrad under races"


def run(lab):
    found = lab.program("stress")[0]
    return [
        required("self-inclusive, 16 virtual workers: weights below 10", f"{found['self_inclusive']:.2f}", found["self_inclusive"] < 10),
        required("self-inclusive, 2 threads: weights below 10", f"{found['threads']:.2f}", found["threads"] < 10),
        required("naive, 16 virtual workers: explode (over 1,000 in the test)", f"{found['naive']:.2g}", found["naive"] > 10),
        required("naive, alone: do not", f"{found['naive_alone']:.2f}", found["naive_alone"] < 10),
    ]
