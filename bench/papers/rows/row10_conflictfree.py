"""Cyclades: conflict-free parallel updates are the serial ones, bit for bit.

Published (Pan et al., NIPS 2016): batches cut into the connected components of their conflict graph give a lock-free run that
equals a serial one.
Here: `conflictfree`, which takes components where the data fall apart, blocks on ratings, and on text, where everything is one
component, shards whose gradients are added in a fixed order. On one thread blocks and components are a serial run in that
order, so equal digests for 1, 2 and more threads say that the parallel run is the serial one.
Must hold: the same bits for 1, 2, 4 and 8 threads on every set, other bits for another seed (the digest sees a difference), and
an error within 2 % of serial's in serial's own order. The variance-reduced part (SAGA at large steps) is not reproduced: there is
no SAGA here.
"""

import sets
from claims import required
from lab import percent

SOURCE = "Cyclades"
TITLE = "the same bits for any number of threads"


def run(lab):
    size = lab.pick("", ",examples=8000")
    data = {
        "cold": ("--data", f"synthetic:cold{size}", "--l2", "1e-4"),
        "Netflix-like": sets.ratings(lab),
        "grid cut": sets.grid(lab),
        "RCV1-like": lab.pick(sets.text(lab), ("--model", "svm", "--data", "synthetic:rcv1,examples=10000", "--l2", "1e-5")),
    }
    claims = []
    for name, flags in data.items():
        common = (*flags, "--epochs", sets.EPOCHS, "--decay", sets.DECAY, "--telemetry", "off", "--mode")
        runs = [lab.run(*common, "conflictfree", "--threads", threads) for threads in lab.pick((1, 2, 4, 8), (1, 2, 4))]
        other = lab.run(*common, "conflictfree", "--threads", 1, "--seed", 2)
        serial = lab.run(*common, "serial")
        digests = {run.digest for run in runs}
        apart = max(run.loss for run in runs) / serial.loss - 1
        way = (runs[0].summary.get("remark") or "").split(":")[0].split(",")[0]
        claims.append(required(f"{name}: one result for all threads; error at most 2 % above serial",
                               f"{len(digests)} digest, {percent(apart)}{'; ' + way if way else ''}",
                               len(digests) == 1 and other.digest not in digests and apart <= 0.02))
    return claims
