"""HogBatch: a private mini-batch before publishing frees the cores of each other, and costs little.

Published (Sallinen et al., IPDPS 2016): Hogwild is bound by the traffic between cores; with a batch for each thread it is near
linear on 14 cores.
Here: `batched` on the RCV1-like set, logistic regression, 2 threads, B = 1 to 256 examples a thread; each B with the best of the
same steps. SE = epochs of serial / epochs of B to 1.02 of serial's loss after two thirds of its epochs, the median over seeds; HE =
rate / (2 x serial's rate).
Must hold: SE above 0.9 up to B = 32. Speed: HE does not fall with B (within 5 %).
"""

from claims import reported, required
from lab import median

SOURCE = "HogBatch"
TITLE = "private mini-batches"

BATCHES = (1, 4, 16, 32, 64, 256)
SMALL = (1, 32)
SHARES = (0.5, 1, 2)  # of the default step


def run(lab):
    epochs, seeds, batches = lab.pick((12, 5, BATCHES), (9, 1, SMALL))
    common = ("--model", "logistic", "--data", f"synthetic:rcv1,examples={lab.pick(20000, 10000)}", "--l2", "1e-5", "--epochs", epochs,
              "--telemetry", "off")
    step = lab.run(*common, "--mode", "serial", "--epochs", 1).points[-1]["step"]
    modes = {"serial": ("--mode", "serial")}
    modes |= {b: ("--mode", "batched", "--threads", 2, "--batch", 2 * b) for b in batches}
    efficiency, rates = {b: [] for b in batches}, {name: [] for name in modes}
    for seed in range(1, seeds + 1):
        found = lab.side_by_side({(name, share): (*common, *flags, "--step", share * step, "--seed", seed)
                                  for name, flags in modes.items() for share in SHARES}, repeats=1)
        loss = min(run.losses[2 * epochs // 3] for share in SHARES for run in found["serial", share])
        target = loss * 1.02
        least = {name: min((e for share in SHARES for run in found[name, share] if (e := run.epochs_to(target)) is not None),
                           default=float("inf")) for name in modes}
        for b in batches:
            efficiency[b].append(least["serial"] / least[b])
        for name in modes:
            rates[name].append(max(run.rate for share in SHARES for run in found[name, share]))
    se = {b: median(values) for b, values in efficiency.items()}
    he = {b: median(rates[b]) / median(rates["serial"]) / 2 for b in batches}
    rises = all(he[b] >= 0.95 * he[a] for a, b in zip(batches, batches[1:]))
    worst = min(se[b] for b in batches if b <= 32)
    return [
        required("SE above 0.9 up to B = 32", f"{worst:.2f} at least", worst > 0.9),
        reported("SE", ", ".join(f"B={b} {value:.2f}" for b, value in se.items())),
        lab.speed("HE does not fall with B", ", ".join(f"B={b} {value:.2f}" for b, value in he.items()), rises,
                  "gathering and applying costs more than the traffic between two cores that it saves, at any B"),
    ]
