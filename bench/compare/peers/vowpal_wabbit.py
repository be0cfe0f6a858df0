"""Vowpal Wabbit, the library of its PyPI wheel (which holds no `vw` program), training from its binary cache."""

import statistics
import time

import numpy as np

from contest import Entry, NotThere, Peer, tune

PASSES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50)
CONSTANT = 11650396  # its feature number of the intercept, modulo the size of the table
SETTINGS = {
    "--sgd -l 2, decay 0.85": ("--sgd", "-l", "2", "--power_t", "0", "--decay_learning_rate", "0.85"),
    "--sgd -l 1, decay 0.7": ("--sgd", "-l", "1", "--power_t", "0", "--decay_learning_rate", "0.7"),
    "--sgd -l 8": ("--sgd", "-l", "8"),
    "default": (),
}


class Wabbit:
    def __init__(self, task):
        try:
            import vowpalwabbit
        except ImportError:
            raise NotThere from None
        self._workspace = vowpalwabbit.Workspace
        self._task, data = task, task.data
        self._text, self._cache, self._model = (task.folder / name for name in ("vw.txt", "vw.cache", "vw.model"))
        self._bits = next(b for b in range(18, 33) if CONSTANT & ((1 << b) - 1) >= data.features or b == 32)
        with open(data.path, encoding="utf-8") as lines, open(self._text, "w", encoding="utf-8") as out:
            for line in lines:
                label, _, rest = line.partition(" ")
                out.write(f"{label} | {rest}")
        self._cache.unlink(missing_ok=True)
        self.seconds(1, ())  # writes the cache

    def seconds(self, passes, words, keep=False):
        """Start, `passes` passes over the cache, end."""
        flags = f"-d {self._text} --cache_file {self._cache} --passes {passes} -b {self._bits} --l2 {self._task.l2} "
        flags += "--loss_function logistic --holdout_off --no_bias_regularization --quiet"
        keeping = ("--predict_only_model", "--readable_model", str(self._model)) if keep else ()
        start = time.perf_counter()
        self._workspace(arg_list=[*flags.split(), *words, *keeping]).finish()
        return time.perf_counter() - start

    def loss(self, passes, words):
        self.seconds(passes, words, keep=True)
        weights = np.zeros(1 << self._bits)
        for line in self._model.read_text().splitlines():
            index, colon, value = line.partition(":")
            if colon and index.isdigit():
                weights[int(index)] = float(value.split()[0])
        intercept = weights[CONSTANT & (len(weights) - 1)]
        return self._task.data.objective(weights[: self._task.data.features], intercept, self._task.l2)


def enter(task):
    wabbit = Wabbit(task)
    budgets = [p for p in PASSES if p <= task.most_epochs]
    chosen = tune(SETTINGS, budgets, lambda words, passes: (passes, wabbit.loss(passes, words)), task.target)

    def run():
        words = SETTINGS[chosen[0]] if chosen else ()
        more = statistics.median(wabbit.seconds(1 + task.epochs, words) for _ in range(3))
        one = statistics.median(wabbit.seconds(1, words) for _ in range(3))
        a_pass = max(more - one, 1e-9) / task.epochs
        return {"rate": len(task.data.ids) / a_pass, "target": a_pass * chosen[1] if chosen else None}

    reached = f"{chosen[0]}, epochs: {chosen[1]}" if chosen else f"not in {task.most_epochs} epochs"
    return [Entry("Vowpal Wabbit", 1, run, {"rate": f"{task.epochs} epochs", "target": reached})]


PEER = Peer(
    name="Vowpal Wabbit",
    install="pip install vowpalwabbit",
    timed="a pass over its binary cache: (1 + E passes minus 1 pass) / E, without start, end and the making of the cache; "
    "to the target, that times the passes. Its own parser thread reads the cache meanwhile",
    settings="the same l2; of three plain SGD settings and its default the one with the fewest passes. "
    "Its adaptive default and --l2 do not minimize this objective, so it needs --sgd here",
    enter=enter,
)
