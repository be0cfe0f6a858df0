"""LIBMF, from its PyPI source package, built with its AVX code. It prints, so it trains in a process of its own (libmf_worker.py)."""

import importlib.util
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

import numpy as np

from contest import Entry, Failed, NotThere, Peer, passes_to

ETAS = (0.1, 0.05, 0.2)
BINS = (5, 8, 12, 20, 40)  # blocks a side: many are balanced better, but cost more on small data
ATTEMPTS, STILL_SECONDS = 5, 4
ALIGN = 8  # its first iteration updates only so many of the factors


def build():
    """What kind of build is installed, in words; '' where that cannot be seen."""
    spec = importlib.util.find_spec("libmf")
    if spec is None:
        raise NotThere
    folder = pathlib.Path(spec.origin).parent.parent
    library = next(folder.glob("libmf*.so"), None)
    if library is None or shutil.which("objdump") is None:
        return ""
    code = subprocess.run(["objdump", "-d", str(library)], capture_output=True, text=True, check=False).stdout
    avx = re.search(r"vhaddps .*%ymm", code)  # an instruction of its AVX code that no compiler makes from its plain code
    return "AVX build" if avx else "PLAIN BUILD, not its best"


def call(task, **job):
    """Runs the process; returns (what it measured, what LIBMF printed)."""
    job |= {"train": str(task.data.train_path) + ".npy", "test": str(task.data.test_path) + ".npy",
            "answer": str(task.folder / "libmf.json"), "factors": task.factors, "l2": task.l2}
    worker = pathlib.Path(__file__).parent.parent / "libmf_worker.py"
    words = [sys.executable, "-W", "ignore", str(worker), json.dumps(job)]
    for _ in range(ATTEMPTS):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        printed, errors = finish_or_kill(process)
        if printed is None:
            continue
        if process.returncode != 0:
            raise Failed(f"LIBMF: {(errors.strip() or f'ended with {process.returncode}').splitlines()[-1]}")
        return json.loads(pathlib.Path(job["answer"]).read_text()), printed
    raise Failed(f"LIBMF: fell asleep for good {ATTEMPTS} times")


def finish_or_kill(process):
    """What it printed, or None where it stood still.

    LIBMF starts another pass before it tells its threads to end. Where they finish that pass first (small data, a busy
    machine) they wait for ever, so a process that uses no processor time for a while is ended here and started again.
    """
    used = -1
    while True:
        try:
            return process.communicate(timeout=STILL_SECONDS)
        except subprocess.TimeoutExpired:
            words = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            before, used = used, int(words[11]) + int(words[12])  # clock ticks, user and system
            if used == before:
                process.kill()
                process.communicate()
                return None, None


def contenders(task):
    """As sounder.mf_contenders: for each number of threads (curves, finish)."""
    kind = build()
    for path, part in ((task.data.train_path, task.data.train), (task.data.test_path, task.data.test)):
        np.save(f"{path}.npy", part)
    return [_contender(task, threads, kind) for threads in ([1, task.threads] if task.threads > 1 else [1])]


def _contender(task, threads, kind):
    def pass_seconds(eta, bins, iterations=task.epochs):
        repeats = 3 if len(task.data.train) < 300_000 else 1
        measured, _ = call(task, eta=eta, bins=bins, threads=threads, iterations=iterations, repeats=repeats, timed=True)
        return max(statistics.median(measured), 1e-9)

    bins = min((b for b in BINS if b > 2 * threads), key=lambda b: pass_seconds(ETAS[0], b, 5), default=2 * threads + 1)
    curves = {}
    for eta in ETAS:
        _, printed = call(task, eta=eta, bins=bins, threads=threads, iterations=task.epochs, timed=False)
        lines = (line.split() for line in printed.splitlines())
        curves[eta] = [float(words[2]) for words in lines if len(words) == 4 and words[0].isdigit()]

    def finish(eta, target):
        passes = passes_to(curves[eta], target)

        def run():
            a_pass = pass_seconds(eta, bins)
            first = ALIGN / task.factors
            return {
                "rate": len(task.data.train) / a_pass,
                "target": (passes - 1 + first) * a_pass if passes else None,
                "rmse": min(map(min, curves.values())),
            }

        setting = f"eta {eta}, iterations: {passes}" if passes else f"not in {task.epochs} iterations"
        return Entry("LIBMF", threads, run, {"rate": f"{kind}, {bins} x {bins} blocks".removeprefix(", "), "target": setting})

    return curves, finish


PEER = Peer(
    name="LIBMF",
    install='with F="-O3 -march=native -DUSEAVX": CFLAGS="$F" CXXFLAGS="$F" pip install --no-binary libmf --no-cache-dir libmf',
    timed="(1 + E iterations minus 1 iteration) / E: without copying, shuffling and gridding the ratings, and without its "
    "first iteration, which updates 8 factors only; to the target, that times the iterations, the first counted as 8 factors",
    settings="its AVX code, the fastest of its builds; of five grids of blocks the fastest; the same weighted l2; rows of the same width "
    "(Sounder keeps two of the floats for biases, LIBMF has none); of three learning rates the soonest",
    enter=contenders,
)
