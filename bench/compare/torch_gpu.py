#!/usr/bin/env python3
"""bench_cuda --mode gpu against PyTorch on the same card, to the same training loss.

    python3 bench/compare/torch_gpu.py --bench build/release/bin/bench_cuda --ratings ml-1m.tsv.xz --text imdb.svm.xz

PyTorch steps on mini-batches with gathers, explicit gradients and index_add_, as fast as its operators allow; each batch size is tried
at several step sizes, and the fastest that reaches the loss counts. Data are on the card before the clock starts, on both sides.
"""

import argparse
import json
import lzma
import math
import subprocess
import time

import numpy as np
import torch

BATCHES = (64, 256, 1024, 4096, 16384, 65536)
SCALES = (1, 4, 16, 64)  # of the step per example of ours: a sum over a batch takes smaller ones, a mean larger ones
DECAYS = (0.85, 1.0)  # of the step, from epoch to epoch
MOST_EPOCHS = 200


def lines(path):
    return (lzma.open(path, "rt") if path.endswith(".xz") else open(path)).read().splitlines()


def bench(program, *flags):
    """The last point that bench_cuda reaches: (loss, seconds)."""
    out = subprocess.run([program, "--device", "cuda", "--mode", "gpu", "--json", "-", "--quiet", *flags],
                         check=True, capture_output=True, text=True).stdout
    points = [json.loads(line) for line in out.splitlines() if '"point"' in line]
    return points[-1]["train_loss"], points[-1]["seconds"], points[1]["step"]


class Ratings:
    def __init__(self, path, factors):
        columns = np.array([line.split()[:3] for line in lines(path)], dtype=np.float32)
        _, users = np.unique(columns[:, 0], return_inverse=True)
        _, items = np.unique(columns[:, 1], return_inverse=True)
        self.users = torch.tensor(users, device="cuda")
        self.items = torch.tensor(items, device="cuda")
        self.labels = torch.tensor(columns[:, 2], device="cuda")
        self.sizes, self.factors = (users.max() + 1, items.max() + 1), factors
        self.mean = self.labels.mean()

    def start(self):
        torch.manual_seed(1)
        make = lambda n: (torch.rand(n, self.factors, device="cuda") - 0.5) / math.sqrt(self.factors)
        self.p, self.q = make(int(self.sizes[0])), make(int(self.sizes[1]))
        self.bu, self.bi = torch.zeros(int(self.sizes[0]), device="cuda"), torch.zeros(int(self.sizes[1]), device="cuda")

    def error(self, u, i, y):
        return (self.p[u] * self.q[i]).sum(1) + self.bu[u] + self.bi[i] + self.mean - y

    def step(self, batch, rate):
        u, i, y = self.users[batch], self.items[batch], self.labels[batch]
        p, q = self.p[u], self.q[i]
        e = ((p * q).sum(1) + self.bu[u] + self.bi[i] + self.mean - y) * -rate
        self.p.index_add_(0, u, e[:, None] * q)
        self.q.index_add_(0, i, e[:, None] * p)
        self.bu.index_add_(0, u, e)
        self.bi.index_add_(0, i, e)

    def loss(self):
        total = 0.0
        for part in torch.arange(len(self.labels), device="cuda").split(1 << 20):
            total += (self.error(self.users[part], self.items[part], self.labels[part]) ** 2).sum().item()
        return total / 2 / len(self.labels)

    def __len__(self):
        return len(self.labels)


class Text:
    """Logistic regression on sparse examples, padded to rows of equal length: what index_add_ and gathers are fastest on."""

    def __init__(self, path):
        ids, values, labels = [], [], []
        for line in lines(path):
            parts = line.split("#")[0].split()
            labels.append(1.0 if float(parts[0]) > 0 else -1.0)
            pairs = [part.split(":") for part in parts[1:]]
            row = np.log1p(np.array([float(v) for _, v in pairs], dtype=np.float32))
            ids.append(np.array([int(k) for k, _ in pairs]))
            values.append(row / np.linalg.norm(row))
        self.offsets = torch.tensor(np.cumsum([0] + [len(row) for row in ids]), device="cuda")
        self.ids = torch.tensor(np.concatenate(ids), device="cuda")
        self.values = torch.tensor(np.concatenate(values).astype(np.float32), device="cuda")
        self.rows = torch.repeat_interleave(torch.arange(len(ids), device="cuda"), self.offsets.diff())
        self.labels = torch.tensor(labels, device="cuda", dtype=torch.float32)
        self.features = int(self.ids.max()) + 1

    def start(self):
        self.w = torch.zeros(self.features, device="cuda")
        self.b = torch.zeros((), device="cuda")

    def step(self, batch, rate):
        first, last = int(batch[0]), int(batch[-1]) + 1  # runs of neighbours: examples are shuffled once, as ours are
        begin, end = self.bounds[first], self.bounds[last]
        ids, values, rows = self.ids[begin:end], self.values[begin:end], self.rows[begin:end] - first
        y = self.labels[first:last]
        score = torch.zeros(last - first, device="cuda").index_add_(0, rows, self.w[ids] * values) + self.b
        slope = -y * torch.sigmoid(-y * score) * -rate
        self.w.index_add_(0, ids, slope[rows] * values)
        self.b += slope.sum() / 16

    def loss(self):
        score = torch.zeros(len(self.labels), device="cuda").index_add_(0, self.rows, self.w[self.ids] * self.values) + self.b
        return torch.nn.functional.softplus(-self.labels * score).double().mean().item()

    def __len__(self):
        return len(self.labels)


def seconds_to(problem, target, batch, rate, budget, decay):
    """Training seconds until the loss is reached; infinity if it is not, or takes longer than the budget."""
    problem.start()
    spent, contiguous = 0.0, isinstance(problem, Text)
    if contiguous:
        problem.bounds = problem.offsets.tolist()
    for epoch in range(MOST_EPOCHS):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        if contiguous:
            starts = torch.randperm((len(problem) + batch - 1) // batch).tolist()
            for start in starts:
                problem.step((start * batch, min(len(problem), (start + 1) * batch) - 1), rate * decay**epoch)
        else:
            for part in torch.randperm(len(problem), device="cuda").split(batch):
                problem.step(part, rate * decay**epoch)
        torch.cuda.synchronize()
        spent += time.perf_counter() - begin
        loss = problem.loss()
        if loss <= target:
            return spent
        if not math.isfinite(loss) or spent > budget:
            break
    return math.inf


def compare(name, problem, ours, budget):
    loss, seconds, step = ours
    seconds_to(problem, 0.0, BATCHES[-1], 1e-9, 0.05, 1.0)  # warm
    tried = {(batch, scale, decay): seconds_to(problem, loss, batch, step / scale, budget, decay)
             for batch in BATCHES for scale in SCALES for decay in DECAYS}
    (batch, scale, decay), best = min(tried.items(), key=lambda item: item[1])
    print(f"{name}: loss {loss:.5f}: bench_cuda {seconds:.4f} s, PyTorch {best:.4f} s (batch {batch}, step {step / scale:.4g}, decay {decay}): "
          f"{best / seconds:.1f} times as long", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", required=True)
    parser.add_argument("--ratings")
    parser.add_argument("--text")
    parser.add_argument("--epochs", default="10")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds of training for each setting of PyTorch")
    args = parser.parse_args()
    if args.ratings:
        ours = bench(args.bench, "--model", "mf", "--factors", "128", "--data", args.ratings, "--epochs", args.epochs)
        compare("mf, 128 factors", Ratings(args.ratings, 126), ours, args.budget)
    if args.text:
        ours = bench(args.bench, "--data", args.text, "--transform", "log1p", "--normalize", "l2", "--epochs", args.epochs)
        compare("logistic", Text(args.text), ours, args.budget)


if __name__ == "__main__":
    main()
