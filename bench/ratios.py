#!/usr/bin/env python3
"""Speeds of modes as ratios, taken side by side: the modes in turn, again and again, the order reversed each time.

    bench/ratios.py [--repeat N] [--runs MODE:THREADS,...] -- FLAGS OF bench_shm

Prints, for each mode, the median rate with its quartiles, its ratio to the fastest run on one thread and to hogwild on two
threads (medians of the ratios within a repetition, so that a machine that changes its speed hurts less), the training
loss after the same epochs in parts of serial's, and core_to_core_ns. Repetitions are told apart by core_to_core_ns:
near is under 100 ns.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent / "build/release/bin/bench_shm"


def run(mode, threads, flags):
    command = [BENCH, "--mode", mode, "--threads", threads, "--json", "-", "--quiet", *flags]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        sys.exit(process.stderr.strip())
    records = [json.loads(line) for line in process.stdout.splitlines()]
    return records[0], records[-1]


def rate(sample):
    run_record, summary = sample
    ratings = run_record["model"] == "mf"
    return summary["examples_per_second" if ratings else "nonzeros_per_second"]


def show(title, runs, samples):
    if not samples:
        return
    distances = [s[r][0]["machine"]["core_to_core_ns"] or 0 for s in samples for r in runs]
    print(f"\n{title}: {len(samples)} repetitions, core to core {min(distances):.0f} to {max(distances):.0f} ns")
    print(f"{'mode':<12}{'rate M/s':>10}{'quartiles':>16}{'of best x1':>12}{'of hogwild x2':>15}{'loss/serial':>13}")
    for r in runs:
        rates = sorted(rate(s[r]) / 1e6 for s in samples)
        low, high = rates[len(rates) // 4], rates[(3 * len(rates)) // 4]
        one = statistics.median(rate(s[r]) / max(rate(s[q]) for q in runs if q[1] == "1") for s in samples)
        two = [rate(s[r]) / rate(s[("hogwild", "2")]) for s in samples if ("hogwild", "2") in s]
        loss = [s[r][1]["train_loss"] / s[("serial", "1")][1]["train_loss"] for s in samples if ("serial", "1") in s]
        print(
            f"{r[0] + ' x' + r[1]:<12}{statistics.median(rates):>10.0f}{f'{low:.0f}..{high:.0f}':>16}{one:>12.2f}"
            f"{statistics.median(two) if two else float('nan'):>15.2f}"
            f"{statistics.median(loss) if loss else float('nan'):>13.4f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--runs", default="serial:1,hogwild:1,hogwild:2,cached:1,cached:2")
    parser.add_argument("flags", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    flags = [flag for flag in arguments.flags if flag != "--"]
    runs = [tuple(r.split(":")) for r in arguments.runs.split(",")]

    samples = []
    for repetition in range(arguments.repeat):
        order = runs if repetition % 2 == 0 else runs[::-1]
        samples.append({r: run(*r, flags) for r in order})
    near = [s for s in samples if all((s[r][0]["machine"]["core_to_core_ns"] or 0) < 100 for r in runs)]
    show("near", runs, near)
    show("far or mixed", runs, [s for s in samples if s not in near])


if __name__ == "__main__":
    main()
