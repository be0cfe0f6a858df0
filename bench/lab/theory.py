"""What theory says about time, before anything is measured: how long rounds take when some are late, and what links let through.

Times are in parts of an undisturbed round. Sources: Ho et al. 2013 (ssp), Chen et al. 2016 (backup), Lian et al. 2017 and 2018 (gossip,
adpsgd); "Dive into Deep Learning", 12.7 (costs of servers and of a ring).
"""

import math
import random
import statistics

ROUNDS = 400  #: simulated; the mean of longest-of-four settles within a percent


def ring(i, n):
    return {(i - 1) % n, i, (i + 1) % n}


def paced(durations, waits_for):
    """Seconds in which all ranks have done all rounds; `waits_for(c, i)`: [(rank, rounds it must have done)] before rank i starts c."""
    n, rounds = len(durations), len(durations[0])
    done = [[0.0] * n]  # done[c][i]: when rank i has done c rounds
    for c in range(rounds):
        starts = [max([done[c][i]] + [done[r][j] for j, r in waits_for(c, i) if r > 0]) for i in range(n)]
        done.append([start + durations[i][c] for i, start in enumerate(starts)])
    return max(done[-1])


def free(durations):
    """Seconds in which ranks that never wait have done as many rounds together."""
    n, rounds = len(durations), len(durations[0])
    return n * rounds / sum(1 / statistics.fmean(row) for row in durations)


def first_come(durations, needed):
    """Seconds for as many steps as there are rounds, each done when `needed` ranks have come; a late rank skips to the step at hand."""
    n, rounds = len(durations), len(durations[0])
    idle, now = [0.0] * n, 0.0
    for c in range(rounds):
        arrivals = [max(idle[i], now) + durations[i][c] for i in range(n)]
        end = sorted(arrivals)[needed - 1]
        for i in range(n):
            if max(idle[i], now) < end:  # it has begun this step, in time or not
                idle[i] = arrivals[i]
        now = end
    return now


def seconds(mode, durations, staleness=4):
    """Of durations[rank][round], in the same unit: how long the rounds take in a mode, were links infinitely fast."""
    n = len(durations)
    everyone = range(n)
    if mode in ("async", "adpsgd"):
        return free(durations)
    if mode == "backup":
        return first_come(durations, n - max(1, n // 4))
    if mode == "ssp":
        return paced(durations, lambda c, i: [(j, c - staleness) for j in everyone])
    if mode == "gossip":
        return paced(durations, lambda c, i: [(j, c) for j in ring(i, n)])
    if mode == "pushsum":  # one peer: rank i hears from the one 2^t before it
        turns = max(1, round(math.log2(n)))
        return paced(durations, lambda c, i: [((i - 2 ** (c % turns)) % n, c)])
    return paced(durations, lambda c, i: [(j, c) for j in everyone])


def slowdown(mode, draw, ranks=4, staleness=4, seed=1):
    """Times as long as without stragglers; draw(rank, random) -> the length of one round."""
    generator = random.Random(seed)
    late = [[draw(rank, generator) for _ in range(ROUNDS)] for rank in range(ranks)]
    even = [[1.0] * ROUNDS for _ in range(ranks)]
    return seconds(mode, late, staleness) / seconds(mode, even, staleness)


def persistent(factor, slow=1):
    return lambda rank, _: factor if rank == slow else 1.0


def transient(p, factor):
    return lambda _, generator: factor if generator.random() < p else 1.0


def stable_delay(movement):
    """The largest s with which w(t + 1) = w(t) - movement * w(t - s) comes to rest: movement < 2 sin(pi / (2 (2 s + 1))). -1: none does."""
    return -1 if movement >= 2 else (math.pi / (2 * math.asin(movement / 2)) - 1) / 2


# --- what links cost: n nodes, gradients of M bytes, links of B bytes/s ------------------------------------------------


def ring_bytes(n):
    """That a link carries each way in an allreduce, in parts of M; colocated servers cost the same."""
    return 2 * (n - 1) / n


def tree_bytes(n):
    """The same of a binomial tree without segments, up and down: whole vectors, one after the other."""
    return 2 * math.ceil(math.log2(n))


def server_bytes(n, servers):
    """That the busiest link carries each way with dedicated servers, in parts of M: that of a worker, or of a server."""
    return max(1.0, n / servers)


def gossip_bytes(degree):
    return float(degree)


def tcp_recovers(cut_seconds, first_timeout_seconds=0.2):
    """After how many seconds what was sent at the start of a cut comes through: TCP waits twice as long before every new try."""
    waited, timeout = 0.0, first_timeout_seconds
    while waited < cut_seconds:
        waited, timeout = waited + timeout, 2 * timeout
    return waited


# --- how fast neighbours agree: eigenvalues of the mixing matrix (Metropolis-Hastings), the first one left out ---------


def eigenvalues(topology, n):
    if topology == "ring":
        return [(1 + 2 * math.cos(2 * math.pi * k / n)) / 3 for k in range(1, n)]
    if topology == "hypercube":
        degree = round(math.log2(n))
        return [1 - 2 * k / (degree + 1) for k in range(1, degree + 1) for _ in range(math.comb(degree, k))]
    if topology == "star":
        return [1 - 1 / n] * (n - 2) + [0.0]
    if topology == "complete":
        return [0.0] * (n - 1)
    raise ValueError(topology)


def gap(topology, n):
    return 1 - max(abs(value) for value in eigenvalues(topology, n))


def disagreement(topology, n):
    """How far apart ranks stay that move at random and then mix, round after round: rms over directions, in parts of one movement."""
    return math.sqrt(statistics.fmean(value**2 / (1 - value**2) for value in eigenvalues(topology, n)))
