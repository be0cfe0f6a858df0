"""The process in which LIBMF trains: libmf_worker.py JOB, a JSON object; peers/libmf.py calls it."""

import json
import pathlib
import sys
import time

import numpy as np
from libmf import mf



def fit(job, train, test, iterations, quiet):
    """Seconds of the whole call. With quiet false, LIBMF prints the RMSE of both sets after each iteration."""
    model = mf.MF(k=job["factors"], nr_threads=job["threads"], nr_bins=job["bins"], nr_iters=iterations, eta=job["eta"],
                  lambda_p1=0, lambda_q1=0, lambda_p2=job["l2"], lambda_q2=job["l2"], quiet=quiet)
    start = time.perf_counter()
    if quiet:
        model.fit(train)
    else:
        model.mf_train_test(train, test)
    return time.perf_counter() - start


def main(job):
    train, test = np.load(job["train"]), np.load(job["test"])
    answer = []
    if job["timed"]:
        fit(job, train, test, 1, True)
        for _ in range(job["repeats"]):
            one = fit(job, train, test, 1, True)
            answer.append((fit(job, train, test, 1 + job["iterations"], True) - one) / job["iterations"])
    else:
        fit(job, train, test, job["iterations"], False)
    pathlib.Path(job["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
