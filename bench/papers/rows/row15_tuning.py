"""Renda: the step decides what more workers seem to gain.

Published (A. Renda's report on asynchronous training, its code `async-lp-sgd`): with one small step for all numbers of threads the
speed-up looks near linear; with the step tuned for each number it is far lower, there 2 threads at most helped.
Here: 1, 8, 32 and 128 virtual workers of equal speed (--simulate-workers; the same figures on any machine), logistic regression on a
small RCV1-like set. Gain = P x SE, what a machine without any cost of sharing would gain; SE = epochs of one worker / epochs of P
to one loss, at one small step for all, and each at the best step of the same grid.
Must hold: the tuned gain is at most the gain at the common step, for every P, and lower by a tenth at the largest.
"""

from claims import reported, required

SOURCE = "Renda"
TITLE = "gain at a common small step and at tuned ones"

SHARES = (1 / 64, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2)  # of the default step; the first is the common one


def run(lab):
    workers = (8, 32, 128)
    common = ("--model", "logistic", "--data", "synthetic:rcv1,examples=4000,features=1000,nonzeros=30", "--l2", "1e-5", "--schedule", "constant",
              "--telemetry", "off", "--epochs")
    step = lab.run(*common, 1, "--mode", "serial").points[-1]["step"]

    def curves(*flags):
        return {share: lab.run(*common, 45 if share == SHARES[0] else 15, *flags, "--step", share * step) for share in SHARES}

    one = curves("--mode", "serial")
    target = one[SHARES[0]].losses[40]

    def epochs(runs):
        """At the common step, and at the best."""
        each = {share: run.epochs_to(target) or float("inf") for share, run in runs.items()}
        return each[SHARES[0]], min(each.values())

    alone = epochs(one)
    gains = {}
    for p in workers:
        many = epochs(curves("--mode", "hogwild", "--simulate-workers", p))
        gains[p] = tuple(p * a / b for a, b in zip(alone, many))
    most = workers[-1]
    return [
        required("near linear at a common small step: SE above 0.95", ", ".join(f"P={p} {g[0]:.3g}x" for p, g in gains.items()),
                 all(g[0] > 0.95 * p for p, g in gains.items())),
        required("tuned gain at most the common one", ", ".join(f"P={p} {g[1]:.3g}x" for p, g in gains.items()),
                 all(g[1] <= 1.02 * g[0] for g in gains.values())),
        required(f"lower by a tenth or more at P = {most}", f"{gains[most][1] / gains[most][0]:.2f} of it", gains[most][1] <= 0.9 * gains[most][0]),
        reported("gain by tuning alone, one worker", f"{alone[0] / alone[1]:.1f}x",
                 why="more than any of these workers lose: whoever compares at one small step compares what nobody would run"),
    ]
