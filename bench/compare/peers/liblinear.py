"""LIBLINEAR, as Debian packages it: the batch solver that defines f*, and a hard peer to the target."""

import re
import shutil
import subprocess

import numpy as np

from contest import Entry, Failed, NotThere, Peer, tune
from file_clock import FileClock

PROGRAM = "liblinear-train"
TIGHT = 1e-8
TOLERANCES = (10, 3, 1, 0.3, 0.1, 0.03, 0.01, 0.001)
SOLVERS = {
    "-s 7 -B 1 (dual)": ("-s", "7", "-B", "1"),
    "-s 0 -B 1 (primal)": ("-s", "0", "-B", "1"),
    "-s 7 -B 10 (dual)": ("-s", "7", "-B", "10"),
    "-s 0 -B 10 (primal)": ("-s", "0", "-B", "10"),
}


def train(task, words, tolerance):
    """(seconds, loss): from the moment it closes the training file until it creates the model file."""
    if shutil.which(PROGRAM) is None:
        raise NotThere
    folder = task.folder / "liblinear"
    folder.mkdir(exist_ok=True)
    model = folder / "model"
    model.unlink(missing_ok=True)
    cost = 1 / (task.l2 * len(task.data))
    command = [PROGRAM, "-q", *words, "-c", f"{cost:.17g}", "-e", f"{tolerance:g}", str(task.data.path), str(model)]
    with FileClock(closed=task.data.path, created=model) as clock:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        seconds = clock.seconds(process)
        message = process.communicate()[1]
    if process.returncode != 0 or seconds is None:
        raise Failed(f"{PROGRAM}: {message.strip() or 'ended without a model'}")
    return seconds, task.data.objective(*weights_of(model, task.data.features), task.l2)


def weights_of(path, features):
    """(weights by id, intercept) of a model file. Its weights are for the label that it met first."""
    head, body = path.read_text().split("\nw\n")
    bias = float(re.search(r"^bias (\S+)", head, re.M).group(1))
    sign = 1 if float(re.search(r"^label (\S+)", head, re.M).group(1)) > 0 else -1
    numbers = sign * np.array(body.split(), dtype=np.float64)
    weights = np.zeros(features)
    weights[1 : len(numbers)] = numbers[:-1]
    return weights, numbers[-1] * bias


def optimum(task):
    """f*: the objective at a tight tolerance. The bias of 100 makes the penalty of the intercept 1/10,000 of a weight's."""
    return train(task, ("-s", "0", "-B", "100"), TIGHT)[1]


def enter(task):
    if shutil.which(PROGRAM) is None:
        raise NotThere
    chosen = tune(SOLVERS, TOLERANCES, lambda words, tolerance: train(task, words, tolerance), task.target)
    if chosen is None:
        return [Entry("LIBLINEAR", 1, lambda: {}, {"target": "not at any tolerance tried"})]
    name, tolerance = chosen
    return [Entry("LIBLINEAR", 1, lambda: {"target": train(task, SOLVERS[name], tolerance)[0]},
                  {"target": f"{name} -e {tolerance:g}"})]


PEER = Peer(
    name="LIBLINEAR",
    install="apt-get install liblinear-tools",
    timed="liblinear-train from the moment it closes the training file until it creates the model file (inotify)",
    settings="C = 1 / (l2 n), the same objective; the loosest tolerance whose model is at the target, of the dual and the "
    "primal solver and two biases the soonest. It penalizes the intercept; a bias of 10 makes that 1/100 of it",
    enter=enter,
)
