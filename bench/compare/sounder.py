"""Sounder's own entries: bench_shm as a user would run it, judged by the records that it writes."""

import json
import statistics
import subprocess

from contest import Entry, Failed, passes_to

STEPS = (1, 0.25)  # times the default step
DECAYS = (0.85, 0.7)
MF_STEPS = ("default", "0.01", "0.05")


class Bench:
    """Runs bench_shm and remembers what it measured of the machine."""

    def __init__(self, program):
        self.program = program
        self.core_to_core = []
        self.machine, self.version = {}, "?"

    def run(self, *flags):
        """(points, summary) of one run."""
        words = [str(self.program), "--json", "-", *map(str, flags)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"bench_shm: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
        records = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        head = next(record for record in records if record["kind"] == "run")
        self.machine, self.version = head["machine"], head["version"]
        if head["machine"]["core_to_core_ns"] is not None:
            self.core_to_core.append(head["machine"]["core_to_core_ns"])
        points = [record for record in records if record["kind"] == "point" and record["epoch"] > 0]
        return points, next(record for record in records if record["kind"] == "summary")

    def latency(self):
        """The core-to-core latency over all runs, in words."""
        if not self.core_to_core:
            return "core-to-core latency not measured"
        low, middle, high = min(self.core_to_core), statistics.median(self.core_to_core), max(self.core_to_core)
        return f"core to core {middle:.0f} ns (median of {len(self.core_to_core)} runs, {low:.0f} to {high:.0f})"


def modes(threads):
    shared = [("hogwild", threads), ("cached", threads)] if threads > 1 else []
    return [("serial", 1), *shared]


def text_entries(bench, task):
    return [_text_entry(bench, task, mode, threads) for mode, threads in modes(task.threads)]


def _text_entry(bench, task, mode, threads):
    common = ("--model", "logistic", "--data", task.data.path, "--l2", task.l2, "--mode", mode, "--threads", threads)
    goal = ("--epochs", task.most_epochs, "--target-loss", task.target)
    points, _ = bench.run(*common, "--epochs", 1)
    default = points[0]["step"]
    settings = {
        f"step {default * step:.3g}, decay {decay}": ("--step", default * step, "--decay", decay)
        for step in STEPS
        for decay in DECAYS
    }

    def reach(flags):
        points, summary = bench.run(*common, *goal, *flags)
        return summary["target_seconds"], points[-1]["epoch"]

    tried = {}
    for name, flags in settings.items() if task.optimum is not None else ():
        times = [reach(flags) for _ in range(3)]
        if all(seconds is not None for seconds, _ in times):
            tried[name] = min(times)
    chosen = min(tried, key=tried.get, default=None)

    def run():
        points, summary = bench.run(*common, "--epochs", task.epochs)
        return {
            "rate": len(task.data.ids) * len(points) / summary["seconds"],
            "target": reach(settings[chosen])[0] if chosen else None,
            "default target": reach(())[0] if task.optimum is not None else None,
        }

    described = f"{chosen}, epochs: {tried[chosen][1]}" if chosen else f"not in {task.most_epochs} epochs"
    return Entry(f"Sounder {mode}", threads, run, {"rate": f"{task.epochs} epochs", "target": described}, ours=True)


def mf_contenders(bench, task):
    return [_mf_contender(bench, task, mode, threads) for mode, threads in modes(task.threads)]


def _mf_contender(bench, task, mode, threads):
    """(curves, finish): the curve of each setting, and what makes the entry once the target is known."""
    common = ("--model", "mf", "--data", task.data.train_path, "--test", task.data.test_path, "--l2", task.l2,
              "--factors", task.factors, "--mode", mode, "--threads", threads, "--epochs", task.epochs)

    def flags(step):
        return () if step == "default" else ("--step", step)

    curves = {}
    for step in MF_STEPS:
        points, _ = bench.run(*common, *flags(step))
        curves[step] = [point["test_metric"]["value"] for point in points]

    def finish(step, target):
        def run():
            points, summary = bench.run(*common, *flags(step))
            curve = [point["test_metric"]["value"] for point in points]
            passes = passes_to(curve, target)
            return {
                "rate": summary["examples_per_second"],
                "target": points[passes - 1]["seconds"] if passes else None,
                "rmse": min(map(min, curves.values())),
            }

        passes = passes_to(curves[step], target)
        setting = f"step {step}, epochs: {passes}" if passes else f"not in {task.epochs} epochs"
        return Entry(f"Sounder {mode}", threads, run, {"rate": "", "target": setting}, ours=True)

    return curves, finish
