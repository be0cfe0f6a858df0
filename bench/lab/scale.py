"""Time to a loss against the number of workers, simulated: real training in virtual time (docs/simulation.md).

Every worker computes the same number of examples a round, whatever their number, so that a round is the larger the more there are: on one
network, with one set. What a mode loses then is of two kinds: passes over the set (its gradients are staler, its batches larger, its means
of more models), and time (it waits, or its messages queue).
"""

import concurrent.futures
import os
import queue
import subprocess

from launch import Failed, Outcome
import records

WORKERS = [1, 4, 16, 64, 256, 1000]
EACH = 10  #: examples of a worker and round
NETWORK = "compute=100us,vary=0.3,latency=50us,bandwidth=1GB/s,gap=1us"
TARGET = 0.5
LONGEST = 1800  #: seconds of one call
FEW, MANY = 4, 16  #: epochs up to 16 workers, where all modes are at the target long before, and with more
AT_ONCE = 2  #: runs, each on a core of its own: with 1,000 workers one may take 2 GB
EXAMPLES = 20000
SET = f"synthetic:zipf,examples={EXAMPLES},features=10000,nonzeros=40,seed=1"
OWN = {"bsp": ["--reducer", "tree"], "ssp": ["--staleness", 4]}
HEADER = ["mode", "workers", "s to the loss", "speedup", "of ideal", "passes", "waiting", "messages a round"]


def command(mode, workers, quick):
    epochs = 2 if quick else FEW if workers <= 16 else MANY
    data = SET.replace(str(EXAMPLES), "4000") if quick else SET
    return ["--transport", "sim", "--sim", NETWORK, "--ranks", workers, "--mode", mode, *OWN.get(mode, []), "--data", data, "--model", "logistic",
            "--partition", "range", "--batch", EACH * workers, "--epochs", epochs, "--schedule", "constant"]


def run(bench, record, mode, workers, quick):
    words = [str(bench), *map(str, command(mode, workers, quick)), "--quiet", "--curve", str(record)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise Failed(f"still running after {LONGEST} s (in: {' '.join(words)})") from None
    if done.returncode not in (0, 3):
        raise Failed(f"{(done.stderr.strip() or 'no message').splitlines()[-1]} (in: {' '.join(words)})")
    return Outcome(records.read(record)[0], " ".join(words[1:]))


def measure(bench, keep, modes, workers, quick, live):
    """{(mode, workers): Outcome}. The longest runs first."""
    cores = queue.SimpleQueue()
    for core in sorted(os.sched_getaffinity(0))[:AT_ONCE]:
        cores.put(core)

    def on_a_core(mode, count):
        core = cores.get()
        try:
            os.sched_setaffinity(0, {core})  # of this thread, and so of the run: its ranks take turns on the first core that it may use
            live(f"{mode} x {count}")
            return run(bench, keep / f"run-{mode}-{count:04}.jsonl", mode, count, quick)
        finally:
            cores.put(core)

    with concurrent.futures.ThreadPoolExecutor(cores.qsize()) as pool:
        runs = {(mode, count): pool.submit(on_a_core, mode, count) for count in sorted(workers, reverse=True) for mode in modes}
        try:
            return {(mode, count): runs[mode, count].result() for count in workers for mode in modes}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def reached(found, target):
    """{mode: [(workers, seconds, passes)]}: where the loss was reached."""
    curves = {}
    for (mode, count), outcome in found.items():
        seconds, passes = outcome.reach("seconds", target), outcome.reach("epoch", target)
        if seconds is not None:
            curves.setdefault(mode, []).append((count, seconds, passes))
    return curves


def lines(found, target):
    curves = reached(found, target)
    for (mode, count), outcome in found.items():
        at = {workers: (seconds, passes) for workers, seconds, passes in curves.get(mode, [])}
        detail = outcome.summary["ranks_detail"]
        rounds, total = sum(rank["rounds"] for rank in detail), outcome.summary["seconds"] * len(detail)
        waiting = "-" if outcome.diverged else f"{100 * sum(rank['wait_seconds'] for rank in detail) / total:.0f} %"  # ranks wait on after rank 0 has seen it
        messages = sum(rank["messages_sent"] for rank in detail) / max(1, rounds)
        seconds, passes = at.get(count, (None, None))
        speedup = at[1][0] / seconds if seconds and 1 in at else None
        yield [mode, f"{count}", f"{seconds:.3g}" if seconds else "diverged" if outcome.diverged else "never", f"{speedup:.3g}" if speedup else "-",
               f"{100 * speedup / count:.0f} %" if speedup else "-", f"{passes:.2f}" if passes else "-", waiting, f"{messages:.3g}"]
