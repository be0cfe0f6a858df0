"""Sounder and its peers side by side: the same data, by turns, the median of several runs.

A peer that is not installed is listed with the way to install it. Exit status: 0 all who are installed ran, 1 one of
them failed, 2 bad input.
"""

import argparse
import os
import pathlib
import platform
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

try:
    import datasets
    import tasks
    import verdict
    from contest import Failed, by_turns, say
    from sounder import Bench
    from table import Report, duration
except ModuleNotFoundError as error:
    if error.name != "numpy":
        raise
    print("compare: needs numpy (pip install numpy); ./dev compare installs it", file=sys.stderr)
    sys.exit(2)


def flags():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="compare")
    parser.add_argument("--task", default="text,ratings", help="text, ratings or both (default both)")
    parser.add_argument("--data", type=pathlib.Path, help="libsvm file of task text (default: the shipped e-mails)")
    parser.add_argument("--transform", choices=["none", "log1p"], help="of --data (default none; log1p for the shipped set)")
    parser.add_argument("--normalize", choices=["none", "l2"], help="of --data (default none; l2 for the shipped set)")
    parser.add_argument("--l2", type=float, default=1e-4, help="of task text (default 1e-4)")
    parser.add_argument("--ratings", type=pathlib.Path, help="user, item, rating a line (default: the shipped ratings)")
    parser.add_argument("--mf-l2", type=float, default=0.05, help="of task ratings (default 0.05)")
    parser.add_argument("--factors", default="32,128", help="widths of task ratings (default 32,128)")
    parser.add_argument("--threads", type=int, default=2, help="of the parallel modes (default 2)")
    parser.add_argument("--epochs", type=int, default=20, help="of a run (default 20)")
    parser.add_argument("--slack", type=float, default=0.01, help="the target is so much above the best (default 0.01)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each trainer (default 5)")
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build/release/bin/bench_shm", help="the bench_shm to run")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the tables there too")
    chosen = parser.parse_args()
    chosen.task = [word.strip() for word in chosen.task.split(",")]
    if not set(chosen.task) <= {"text", "ratings"}:
        parser.error("--task: text, ratings or text,ratings")
    if chosen.l2 <= 0 or chosen.mf_l2 <= 0 or chosen.slack <= 0:
        parser.error("--l2, --mf-l2 and --slack must be above 0")
    if min(chosen.threads, chosen.epochs, chosen.repeats) < 1:
        parser.error("--threads, --epochs and --repeats must be at least 1")
    try:
        chosen.factors = [int(word) for word in chosen.factors.split(",")]
    except ValueError:
        parser.error("--factors: whole numbers, with commas between them")
    if any(factors < 8 or factors % 8 for factors in chosen.factors):
        parser.error("--factors: multiples of 8, as LIBMF rounds up to them")
    if not chosen.bench.is_file():
        parser.error(f"{chosen.bench} is not there; build it with ./dev build, or name it with --bench")
    return chosen


def text_section(report, bench, chosen, folder):
    shipped = chosen.data is None
    source = chosen.data or ROOT / "data/spam.svm.xz"
    data = datasets.load_text(source, folder, chosen.transform or ("log1p" if shipped else "none"),
                              chosen.normalize or ("l2" if shipped else "none"))
    task = tasks.TextTask(data, folder, chosen.l2, chosen.threads, chosen.epochs, most_epochs=50)
    report.heading(f"Logistic regression on {data.name}")
    report.text(f"{len(data)} examples, {len(data.ids)} nonzeros, ids below {data.features}, l2 {chosen.l2:g}.")
    field = tasks.text_field(bench, task, chosen.slack)
    by_turns(field.entries, chosen.repeats)
    entries = field.entries
    report.table("Nonzeros a second", verdict.HEADER, verdict.rows(entries, "rate", True), left=1)
    report.text(verdict.summary(entries, "rate", True, "Rate"))
    if task.optimum is None:
        report.text("No time to a target: f* comes from LIBLINEAR, and that did not run.")
    else:
        report.table(f"Training time to a loss of {task.target:.6g} = f* x {1 + chosen.slack:g}, f* = {task.optimum:.6g} "
                     "(LIBLINEAR at a tight tolerance)", verdict.HEADER, verdict.rows(entries, "target", False))
        report.text(verdict.summary(entries, "target", False, "Time to the target"))
        defaults = [f"{e.trainer} x{e.threads} {duration(e.median('default target'))}" for e in entries if e.ours]
        report.text(f"Sounder without any tuning (its default step and decay): {', '.join(defaults)}.")
    return [field]


def ratings_section(report, bench, chosen, folder):
    source = chosen.ratings or ROOT / "data/ratings.tsv.xz"
    data = datasets.load_ratings(source, folder)
    fields = []
    for factors in chosen.factors:
        task = tasks.RatingsTask(data, folder, chosen.mf_l2, chosen.threads, chosen.epochs, factors)
        report.heading(f"Matrix factorization of {data.name}, {factors} factors")
        report.text(f"{len(data.train)} ratings to train on, {len(data.test)} held out, l2 {chosen.mf_l2:g}.")
        field = tasks.ratings_field(bench, task, chosen.slack)
        by_turns(field.entries, chosen.repeats)
        entries = field.entries
        report.table("Ratings a second", [*verdict.HEADER, f"lowest RMSE in {task.epochs}"],
                     verdict.rows(entries, "rate", True, [lambda e: "-" if e.median("rmse") is None else f"{e.median('rmse'):.4f}"]))
        report.text(verdict.summary(entries, "rate", True, "Rate"))
        report.text(verdict.lowest(entries, "rmse"))
        report.table(f"Training time to a held-out RMSE of {task.target:.4f} (the lowest that all reach x {1 + chosen.slack:g})",
                     verdict.HEADER, verdict.rows(entries, "target", False))
        report.text(verdict.summary(entries, "target", False, "Time to the target"))
        fields.append(field)
    return fields


def closing(report, bench, fields, busy):
    report.heading("How this was measured")
    unique = {peer.name: peer for field in fields for peer in field.present}
    absent = {peer.name: peer for field in fields for peer in field.absent}
    failures = {peer.name: why for field in fields for peer, why in field.failed}
    failures |= {entry.trainer: entry.failure for field in fields for entry in field.entries if entry.failure}
    machine = f"{bench.machine.get('cpu')}, {bench.machine.get('cores')} cores, {bench.machine.get('compiler')}"
    report.bullets([f"{machine}; {bench.latency()}; Sounder {bench.version}, Python {platform.python_version()}.",
                    "Ratios above 1: Sounder is so many times faster. Loading is timed nowhere. Spread: (largest - smallest) / median.",
                    f"Load of the machine when this began: {busy:.1f}."
                    + (" It was busy: take the figures for a trial." if busy > 0.5 else ""),
                    "Sounder: the training clock of bench_shm; for the text target the soonest of four settings, for the "
                    "ratings target of three, as many as each peer had."])
    report.bullets([f"{p.name}: timed: {p.timed}. Settings: {p.settings}." for p in unique.values()])
    report.bullets([f"{name}: not installed: {peer.install}" for name, peer in absent.items()])
    report.bullets([f"{name}: FAILED: {why}" for name, why in failures.items()])
    total = len(unique) + len(absent) + len(failures.keys() - unique.keys())
    report.text(f"{len(unique)} of {total} peers took part; {len(absent)} not installed, {len(failures)} failed.")
    return 1 if failures else 0


def main():
    chosen = flags()
    busy = os.getloadavg()[0]
    report, bench = Report(), Bench(chosen.bench)
    sections = {"text": text_section, "ratings": ratings_section}
    try:
        with tempfile.TemporaryDirectory() as folder:
            fields = [f for name in chosen.task for f in sections[name](report, bench, chosen, pathlib.Path(folder))]
        status = closing(report, bench, fields, busy)
        if chosen.markdown:
            report.write(chosen.markdown)
    except (datasets.BadData, OSError) as error:
        say("")
        print(f"compare: {error}", file=sys.stderr)
        return 2
    except Failed as error:
        say("")
        print(f"compare: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
