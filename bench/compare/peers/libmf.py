"""LIBMF, from its PyPI source package, built with its AVX code. Run as a program, this file is the process that trains."""

import importlib.util
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

from contest import Entry, Failed, NotThere, Peer, passes_to

ETAS = (0.1, 0.05, 0.2)
BINS = 20
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
    best = re.search(r"vrsqrtps .*ymm|vmovaps .*ymm", code)
    return "AVX build" if best else "PLAIN BUILD, not its best"


def call(task, **job):
    """Runs the process; returns (what it measured, what LIBMF printed)."""
    job |= {"train": str(task.data.train_path) + ".npy", "test": str(task.data.test_path) + ".npy",
            "answer": str(task.folder / "libmf.json"), "factors": task.factors, "l2": task.l2}
    here = pathlib.Path(__file__).parent.parent
    words = [sys.executable, "-W", "ignore", "-m", "peers.libmf", json.dumps(job)]
    done = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"LIBMF: {(done.stderr.strip() or f'ended with {done.returncode}').splitlines()[-1]}")
    return json.loads(pathlib.Path(job["answer"]).read_text()), done.stdout


def contenders(task):
    """As sounder.mf_contenders: for each number of threads (curves, finish)."""
    import numpy as np

    kind = build()
    for path, part in ((task.data.train_path, task.data.train), (task.data.test_path, task.data.test)):
        np.save(f"{path}.npy", part)
    curves = {}
    for eta in ETAS:
        _, printed = call(task, eta=eta, threads=1, iterations=task.epochs, timed=False)
        lines = (line.split() for line in printed.splitlines())
        curves[eta] = [float(words[2]) for words in lines if len(words) == 4 and words[0].isdigit()]
    return [_contender(task, threads, curves, kind) for threads in ([1, task.threads] if task.threads > 1 else [1])]


def _contender(task, threads, curves, kind):
    def finish(eta, target):
        passes = passes_to(curves[eta], target)

        def run():
            measured, _ = call(task, eta=eta, threads=threads, iterations=task.epochs, timed=True)
            a_pass = max(statistics.median(measured), 1e-9)
            first = ALIGN / task.factors
            return {
                "rate": len(task.data.train) / a_pass,
                "target": (passes - 1 + first) * a_pass if passes else None,
                "rmse": curves[eta][-1],
            }

        setting = f"eta {eta}, {passes} iterations" if passes else f"not in {task.epochs} iterations"
        return Entry("LIBMF", threads, run, {"rate": kind, "target": setting})

    return curves, finish


def main(job):
    import numpy as np
    from libmf import mf

    def fit(iterations, quiet):
        model = mf.MF(k=job["factors"], nr_threads=job["threads"], nr_bins=BINS, nr_iters=iterations, eta=job["eta"],
                      lambda_p1=0, lambda_q1=0, lambda_p2=job["l2"], lambda_q2=job["l2"], quiet=quiet)
        start = time.perf_counter()
        if quiet:
            model.fit(train)
        else:
            model.mf_train_test(train, test)
        return time.perf_counter() - start

    train, test = np.load(job["train"]), np.load(job["test"])
    answer = []
    if job["timed"]:
        fit(1, True)
        for _ in range(3):
            one = fit(1, True)
            answer.append((fit(1 + job["iterations"], True) - one) / job["iterations"])
    else:
        fit(job["iterations"], False)
    pathlib.Path(job["answer"]).write_text(json.dumps(answer))


PEER = Peer(
    name="LIBMF",
    install='with F="-O3 -march=native -DUSEAVX": CFLAGS="$F" CXXFLAGS="$F" pip install --no-binary libmf --no-cache-dir libmf',
    timed="(1 + E iterations minus 1 iteration) / E: without copying, shuffling and gridding the ratings, and without its "
    "first iteration, which updates 8 factors only; to the target, that times the iterations, the first counted as 8 factors",
    settings="its AVX code, the fastest of its builds; 20 x 20 blocks; the same weighted l2; rows of the same width "
    "(Sounder keeps two of the floats for biases, LIBMF has none); of three learning rates the soonest",
    enter=contenders,
)

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
