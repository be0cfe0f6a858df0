"""scikit-learn: SGDClassifier, the usual stochastic trainer of Python, and LogisticRegression, its batch solvers."""

import time
import warnings

import numpy as np

from contest import Entry, NotThere, Peer, tune

PASSES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50)
TOLERANCES = (1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
SCHEDULES = {
    "optimal": {},
    "optimal, averaged": {"average": True},
    "invscaling 4": {"learning_rate": "invscaling", "eta0": 4, "power_t": 0.25},
    "constant 1, averaged": {"learning_rate": "constant", "eta0": 1, "average": True},
}
SOLVERS = {
    "liblinear dual": {"solver": "liblinear", "dual": True},
    "sag": {"solver": "sag"},
    "newton-cg": {"solver": "newton-cg"},
    "lbfgs": {"solver": "lbfgs"},
}


def _library():
    try:
        import scipy.sparse
        import sklearn.linear_model
    except ImportError:
        raise NotThere from None
    return sklearn.linear_model, scipy.sparse


def _matrix(task, precision):
    data = task.data
    _, sparse = _library()
    matrix = sparse.csr_matrix((data.values.astype(precision), data.ids, data.starts), shape=(len(data), data.features))
    matrix.sort_indices()
    return matrix, data.labels


def _fit(task, model, matrix, labels):
    """(seconds of fit, loss)"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        model.fit(matrix, labels)
        seconds = time.perf_counter() - start
    return seconds, task.data.objective(model.coef_.ravel(), float(model.intercept_[0]), task.l2)


def enter_sgd(task):
    linear, _ = _library()
    matrix, labels = _matrix(task, np.float32)

    def attempt(schedule, passes):
        model = linear.SGDClassifier(loss="log_loss", alpha=task.l2, tol=None, max_iter=passes, random_state=1, **schedule)
        return _fit(task, model, matrix, labels)

    chosen = tune(SCHEDULES, [p for p in PASSES if p <= task.most_epochs], attempt, task.target)

    def run():
        seconds, _ = attempt({}, task.epochs)
        return {
            "rate": len(task.data.ids) * task.epochs / seconds,
            "target": attempt(SCHEDULES[chosen[0]], chosen[1])[0] if chosen else None,
        }

    reached = f"{chosen[0]}, epochs: {chosen[1]}" if chosen else f"not in {task.most_epochs} epochs"
    return [Entry("scikit-learn SGDClassifier", 1, run, {"rate": f"optimal, {task.epochs} epochs", "target": reached})]


def enter_logistic(task):
    linear, _ = _library()
    matrix, labels = _matrix(task, np.float64)

    def attempt(solver, tolerance):
        model = linear.LogisticRegression(C=1 / (task.l2 * len(task.data)), tol=tolerance, max_iter=1000, **solver)
        return _fit(task, model, matrix, labels)

    chosen = tune(SOLVERS, TOLERANCES, attempt, task.target)
    if chosen is None:
        return [Entry("scikit-learn LogisticRegression", 1, lambda: {}, {"target": "not at any tolerance tried"})]
    return [Entry("scikit-learn LogisticRegression", 1, lambda: {"target": attempt(SOLVERS[chosen[0]], chosen[1])[0]},
                  {"target": f"{chosen[0]}, tol {chosen[1]:g}"})]


PEERS = [
    Peer(
        name="scikit-learn SGDClassifier",
        install="pip install scikit-learn",
        timed="fit() on a CSR matrix that is in memory already",
        settings="alpha = l2, the same objective; float32 data, its faster path; of four schedules the soonest, with the "
        "fewest epochs that reach the target; it has no second thread for two classes",
        enter=enter_sgd,
    ),
    Peer(
        name="scikit-learn LogisticRegression",
        install="pip install scikit-learn",
        timed="fit() on a CSR matrix that is in memory already",
        settings="C = 1 / (l2 n), the same objective; float64; of four solvers the soonest, at the loosest tolerance that "
        "reaches the target",
        enter=enter_logistic,
    ),
]
