#!/usr/bin/env python3
"""What training comes to on the GPU that is here: the runs of a row by turns, and how they compare, as a table.

    bench/gpu/train.py [--rows NAME,...] [--turns N] [--device cuda|emu] [--threads N] [--bench PROGRAM] [--sets FOLDER]

FOLDER, or one in it, holds imdb-bow.train.svm.xz, ml-1m.tsv.xz and train-images-idx3-ubyte.gz with its labels; a row whose set is not there is
skipped, and says so. Figures are medians of the turns; every other turn goes backwards. A run that fails is shown with its sentence, and the exit
status is 1.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def netflix(millions):
    return f"synthetic:netflix,users=480000,items=17800,examples={millions}000000"


# A row: (set, flags of all its runs, {name of a run: its flags}). A run of several modes loads its set once.
MF = ["--model", "mf", "--factors", "128", "--l2", "0.05"]
TEXT = ["--transform", "log1p", "--normalize", "l2"]
ROWS = {
    "spam": ("builtin:spam", [*TEXT, "--l2", "1e-3", "--epochs", "2"], {"": ["--mode", "cpu,gpu,hybrid"]}),
    "imdb": ("imdb-bow.train.svm.xz", [*TEXT, "--l2", "1e-3", "--epochs", "10"],
             {"": ["--mode", "cpu,gpu,hybrid"], "streamed": ["--mode", "gpu", "--gpu-data", "stream"], "serial": ["--mode", "cpu", "--node-mode", "serial"]}),
    "ml1m": ("ml-1m.tsv.xz", [*MF, "--epochs", "20"],
             {"split": ["--mode", "cpu,gpu,hybrid"], "mirror": ["--mode", "hybrid", "--placement", "mirror"],
              "racy": ["--mode", "gpu", "--update", "racy"], "bf16": ["--mode", "gpu", "--storage", "bf16"], "f16": ["--mode", "gpu", "--storage", "f16"]}),
    "netflix": (netflix(20), [*MF, "--epochs", "4"],
                {"split": ["--mode", "cpu,gpu,hybrid"], "mirror": ["--mode", "hybrid", "--placement", "mirror"], "bf16": ["--mode", "gpu", "--storage", "bf16"],
                 "streamed": ["--mode", "gpu", "--gpu-data", "stream"]}),
    "pause": (netflix(20), [*MF, "--epochs", "4", "--mode", "hybrid", "--threads", "4"],
              {f"every {ms} ms": ["--sync-ms", ms] for ms in ("2", "1000")}),
    "fashion": ("train-images-idx3-ubyte.gz", ["--model", "mlp", "--epochs", "3"],
                {"serial": ["--mode", "cpu", "--node-mode", "serial"], "tile": ["--mode", "cpu", "--tile"],
                 **{f"{streams} x {batch}": ["--mode", "gpu", "--gpu-streams", streams, "--batch", batch] for streams, batch in (("1", "16"), ("4", "16"), ("8", "16"), ("1", "64"), ("8", "64"))},
                 "mirror": ["--mode", "hybrid"], "host": ["--mode", "hybrid", "--placement", "host"]}),
    "models": ("", ["--epochs", "10"],
               {f"{model} {node}": ["--model", model, "--data", data, *flags, "--mode", *modes]
                for model, data, flags in (("svm", "builtin:spam", [*TEXT, "--l2", "1e-3"]), ("fm", "builtin:spam", [*TEXT, "--l2", "1e-3"]),
                                           ("softmax", "builtin:fashion", ["--l2", "1e-3"]))
                for node, modes in (("serial", ["cpu", "--node-mode", "serial"]), ("", ["gpu,hybrid"]))}),
}


def found_in(folder, name):
    return next(folder.rglob(name), None)


def run(program, flags):
    """The runs of one process: [(head, summary)], or the sentence it ended with."""
    done = subprocess.run([program, "--quiet", "--json", "-", *flags], capture_output=True, text=True)
    if done.returncode not in (0, 3):  # 3: it diverged, which is a result
        return (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
    records = [json.loads(line) for line in done.stdout.splitlines()]
    heads = {record["run"]: record for record in records if record["kind"] == "run"}
    return [(heads[record["run"]], record) for record in records if record["kind"] == "summary"]


def measure(row, args):
    """{(name, mode): [(head, summary) of each turn]}"""
    data, common, runs = ROWS[row]
    found, failed = {}, {}
    for turn in range(args.turns):
        for name, flags in list(runs.items())[:: -1 if turn % 2 else 1]:
            flags = ["--device", args.device, *common, *(["--threads", args.threads] if "--threads" not in common and "serial" not in flags else []), *flags]
            if data:
                flags += ["--data", data if ":" in data else str(found_in(args.sets, data))]
            records = run(args.bench, flags)
            if isinstance(records, str):
                failed[name] = records
                continue
            for head, summary in records:
                found.setdefault((name, head["mode"]), []).append((head, summary))
    return found, failed


def median(samples, key):
    values = [summary[key] for _, summary in samples if summary[key] is not None]
    return statistics.median(values) if values else float("nan")


def show(row, found, failed):
    print(f"\n{row}: {' '.join(ROWS[row][1])}")
    print(f"{'run':<18}{'mode':<8}{'M examples/s':>14}{'loss, least':>13}{'most':>10}{'seconds':>10}{'GPU share':>11}  remark")
    for (name, mode), samples in found.items():
        losses = sorted(s["train_loss"] if s["train_loss"] is not None else float("inf") for _, s in samples)
        done = samples[-1][1]
        share = done["gpu_updates"] / max(1, done["updates"]) if done["gpu_updates"] is not None else 0
        print(f"{name:<18}{mode:<8}{median(samples, 'examples_per_second') / 1e6:>14.3f}{losses[0]:>13.5f}{losses[-1]:>10.5f}{median(samples, 'seconds'):>10.4f}"
              f"{share:>11.3f}  {done['remark'] or ''}", flush=True)
    for name in {name for name, _ in found}:
        speeds = {mode: median(samples, "examples_per_second") for (of, mode), samples in found.items() if of == name}
        if speeds.keys() >= {"cpu", "gpu", "hybrid"}:
            print(f"{name or row}: hybrid / (cpu + gpu) {speeds['hybrid'] / (speeds['cpu'] + speeds['gpu']):.3f}")
    for name, sentence in failed.items():
        print(f"{name}: FAILED: {sentence}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", choices=("cuda", "emu"), default="cuda")
    parser.add_argument("--threads", default="12")
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build/release/bin/bench_cuda")
    parser.add_argument("--sets", type=pathlib.Path, default=ROOT / "../shared/data")
    args = parser.parse_args()
    bad = False
    for row in args.rows.split(","):
        if row not in ROWS:
            parser.error(f"no row {row}: give some of {', '.join(ROWS)}")
        data = ROWS[row][0]
        if data and ":" not in data and not found_in(args.sets, data):
            print(f"\n{row}: skipped: {data} is not in {args.sets}: give --sets")
            continue
        found, failed = measure(row, args)
        show(row, found, failed)
        bad = bad or bool(failed)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
