#!/usr/bin/env python3
"""How near `--mode auto` comes to the best mode set by hand: in turn, again and again, the order reversed each time.

    bench/auto.py [--repeat N] SET [FLAGS OF bench_shm...] [-- SET FLAGS...]...

For each set: the median time of the same epochs in every mode that auto chooses from, on one thread and on two, and in
what auto takes; auto's time over that of the best of them (its own trial, some tens of milliseconds before the run, apart).
"""

import json
import pathlib
import statistics
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent / "build/release/bin/bench_shm"
MODES = ["serial", "hogwild", "cached", "conflictfree"]


def run(mode, flags):
    command = [BENCH, "--mode", mode, "--threads", "2", "--json", "-", "--quiet", "--epochs", "8", *flags]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        sys.exit(process.stderr.strip())
    head, *_, summary = [json.loads(line) for line in process.stdout.splitlines()]
    return summary["seconds"], head["mode"], summary["train_loss"], head["machine"]["core_to_core_ns"] or 0


def main(arguments):
    repeat = 5
    if arguments[:1] == ["--repeat"]:
        repeat, arguments = int(arguments[1]), arguments[2:]
    sets = [[]]
    for argument in arguments:
        sets.append([]) if argument == "--" else sets[-1].append(argument)
    print(f"{'set':<28} {'best by hand':<22} {'auto took':<22} auto/best  ns")
    for name, *flags in filter(None, sets):
        modes = MODES if "mf" in flags else MODES[:3]  # elsewhere conflictfree has another loss
        seconds, taken, distances = {}, [], []
        for i in range(repeat):
            for mode in (modes + ["auto"])[:: -1 if i % 2 else 1]:
                time, took, _, distance = run(mode, ["--data", name, *flags])
                seconds.setdefault(mode, []).append(time)
                distances.append(distance)
                if mode == "auto":
                    taken.append(took)
        median = {mode: statistics.median(times) for mode, times in seconds.items()}
        best = min(modes, key=median.get)
        ratio = statistics.median(a / min(b) for a, *b in zip(seconds["auto"], *(seconds[mode] for mode in modes)))
        took = "/".join(sorted(set(taken), key=taken.count, reverse=True))
        print(f"{pathlib.Path(name).name:<28} {best + f' {1000 * median[best]:.1f} ms':<22} {took:<22} {median['auto'] / median[best]:>9.2f}"
              f"  {statistics.median(distances):.0f}  (of the best of each turn: {ratio:.2f})")


if __name__ == "__main__":
    main(sys.argv[1:])
