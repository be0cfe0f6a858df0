#!/usr/bin/env python3
"""What the simulator says of 2 and 4 ranks, against real ones: seconds per epoch, by mode.

    bench/prediction.py [--repeat N] [--ranks 2,4] [--modes bsp,ssp,...] -- --data FILE [FLAGS OF bench_mpi]

For each mode a run on two ranks is calibrated (--calibrate); what it wrote is given to --transport sim. Calibrations, real and simulated runs take
turns, the order reversed each time; medians. Ends with status 1 if a prediction is off by more than 20 %.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

BENCH = pathlib.Path(os.environ.get("SOUNDER_BENCH_MPI", pathlib.Path(__file__).resolve().parent.parent / "build/release/bin/bench_mpi"))
MODES = "bsp,ssp,async,local,gossip,backup,adpsgd,pushsum"
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}
BAR = 0.20


def seconds_per_epoch(command):
    process = subprocess.run([*map(str, command), "--json", "-", "--quiet"], capture_output=True, text=True, env=ENVIRONMENT)
    if process.returncode:
        sys.exit(process.stderr.strip())
    points = [record for record in map(json.loads, process.stdout.splitlines()) if record["kind"] == "point"]
    return points[-1]["seconds"] / points[-1]["epoch"]


def real(ranks, flags):
    return seconds_per_epoch(["mpirun", "--quiet", "--oversubscribe", "--bind-to", "none", "-n", ranks, BENCH, "--threads", 1, *flags])


def simulated(ranks, model, flags):
    return seconds_per_epoch([BENCH, "--transport", "sim", "--ranks", ranks, "--sim", model, *flags])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--ranks", default="2,4")
    parser.add_argument("--modes", default=MODES)
    parser.add_argument("flags", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    flags = [flag for flag in asked.flags if flag != "--"]
    ranks = [int(number) for number in asked.ranks.split(",")]
    missed = False
    print(f"{'mode':<10}{'ranks':>6}{'real':>12}{'predicted':>12}{'predicted / real':>18}")
    with tempfile.TemporaryDirectory() as folder:
        for mode in asked.modes.split(","):
            measured, predicted = {n: [] for n in ranks}, {n: [] for n in ranks}
            for i in range(asked.repeat):
                model = pathlib.Path(folder) / "model"
                own = ["--mode", mode, *flags]
                real(2, [*own, "--calibrate", model])
                for n in ranks if i % 2 == 0 else reversed(ranks):
                    measured[n].append(real(n, own))
                    predicted[n].append(simulated(n, model, own))
            for n in ranks:
                here, there = statistics.median(measured[n]), statistics.median(predicted[n])
                missed |= abs(there / here - 1) > BAR
                print(f"{mode:<10}{n:>6}{here:>10.3f} s{there:>10.3f} s{there / here:>18.2f}", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
