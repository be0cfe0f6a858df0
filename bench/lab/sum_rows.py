"""Sums of vectors on links that are shaped: rows of the laboratory, measured by bench_reduce; and what codecs save there."""

import statistics

import theory
from launch import Failed
from rows import Claim, a_round, ratios, to_loss
from scenarios import RANKS

KIB = 4096
MBITS = 200
REPEAT = 3  #: of each sum in a turn


def need_nodes(lab):
    if not lab.nodes:
        raise Failed("needs nodes with links of their own")


def seconds(mbits, kib, vectors):
    """That a link takes for so many vectors."""
    return vectors * kib * 1024 * 8e-6 / mbits


def against(found, other, ours, what="sum"):
    """Of each turn, how many times as long as `ours` the other takes."""
    return [turn[what, other] / turn[what, ours] for turn in found]


def row_sums(lab):
    """One vector on four nodes: a ring of our own, what the MPI library does, and where gradients may come together."""
    need_nodes(lab)
    lab.nodes.shape(dict.fromkeys(range(RANKS), MBITS))
    found = lab.turns.traffic("bench_reduce", "--kib", KIB, "--repeat", REPEAT, "--ranks-per-node", 2, "--link", MBITS / 8 / 1.048576)
    lab.nodes.shape({})
    ring, tree = theory.ring_bytes(RANKS), theory.tree_bytes(RANKS)
    at = f"{KIB // 1024} MiB on {RANKS} nodes, links of {MBITS} Mbit/s: "
    claims = [
        Claim(f"{at}MPI_Iallreduce in place / ring", against(found, "MPI_Iallreduce, in place", "ring"), 2, tree / ring),
        Claim("control: MPI_Iallreduce from one buffer to another / ring", against(found, "MPI_Iallreduce, apart", "ring"), 0, 1),
    ]
    for name in "MPI_Allreduce, in place", "MPI_Allreduce, apart", "double-ring":
        claims.append(Claim(f"{name} / ring", against(found, name, "ring")))
    claims.append(Claim("ring: measured / formula", [turn["sum", "ring"] / seconds(MBITS, KIB, ring) for turn in found], 0, 1))
    for name in "one place", "spread over all", "two rings", "tree":
        claims.append(Claim(f"placements: {name} / ring", against(found, name, "ring", "placement")))
    return claims


def row_sparse(lab):
    """A push of one row in a hundred beside one of all, to a server on a slow link."""
    need_nodes(lab)
    mbits = 100
    lab.nodes.shape(dict.fromkeys(range(2), mbits))
    found = lab.turns.traffic("bench_kv", "--kib", 4 * KIB, "--repeat", REPEAT, ranks=2)
    lab.nodes.shape({})
    even = lab.turns.traffic("bench_kv", "--kib", 4 * KIB, "--repeat", REPEAT, ranks=2)
    dense, sparse = "push, applied", "push of 1 % of the rows, applied"
    least = (4 + 4 * 64) / (4 * 64) / 100  # a number and 64 floats of each row, in parts of all
    lab.nodes.shape(dict.fromkeys(range(RANKS), mbits))
    sums = lab.turns.traffic("bench_reduce", "--kib", KIB, "--repeat", REPEAT, "--only", "ring/" + "/".join(f"rows, {percent} %" for percent in (1, 10, 30, 100)))
    lab.nodes.shape({})
    # A ring sends 2 (P - 1) / P vectors; where rows go to all, P - 1 times those of a rank.
    some = [Claim(f"{KIB // 1024} MiB on {RANKS} nodes, links of {mbits} Mbit/s: ring of all rows / sum of {percent} % of the rows",
                  against(sums, "ring", f"rows, {percent} %"), bar, theory.ring_bytes(RANKS) / ((RANKS - 1) * least * percent) if percent < 50 else 1)
            for percent, bar in ((1, 8), (10, 1), (30, 1), (100, 0))]
    return some + [Claim(f"{4 * KIB // 1024} MiB, links of {mbits} Mbit/s: push of all rows / of 1 %", against(found, dense, sparse, "push"), 8, 1 / least),
            Claim("control, links not shaped: push of all rows / of 1 %", against(even, dense, sparse, "push"), 0)]


def row_hierarchy(lab):
    """Two nodes of two ranks, in two orders: a ring between nodes, and one of all ranks."""
    need_nodes(lab)
    claims = []
    kib = 4 * KIB  # so that the way inside of a node, which no link slows down, does not count
    for mbits, order, alternate, bar, vectors in (
        (MBITS, "one node after the other", False, 1.3, 1.5), (MBITS, "by turns", True, 1.3, 3.0), (0, "control, links not shaped", False, 0, 0),
    ):
        lab.nodes.shape(dict.fromkeys(range(2), mbits) if mbits else {})
        found = lab.turns.traffic("bench_reduce", "--kib", kib, "--repeat", REPEAT, "--only", "ring/hierarchical", ranks=4, per_node=2, alternate=alternate)
        at = f"links of {mbits} Mbit/s, ranks {order}" if mbits else order
        claims.append(Claim(f"2 nodes of 2 ranks, {at}: ring / hierarchical", against(found, "ring", "hierarchical"), bar, vectors))
        if mbits:
            claims.append(Claim("hierarchical: measured / formula", [turn["sum", "hierarchical"] / seconds(mbits, kib, 1) for turn in found], 0, 1))
    lab.nodes.shape({})
    return claims


# All of its weights move in every round, 407 KB of them; a round computes little.
DENSE = ["--data", "builtin:fashion,part=train", "--model", "mlp", "--hidden", 128, "--batch", 60, "--threads", 1, "--node-mode", "batched", "--partition", "range",
         "--schedule", "constant", "--mode", "bsp"]
CODECS = {"topk:0.01": 5, "onebit": 0, "int8": 0}  #: the bar of each


def row_codecs(lab):
    """Codes of gradients on slow links: time to the loss that ends two epochs without one, or 1 % above."""
    need_nodes(lab)
    mbits = 50
    lab.nodes.shape(dict.fromkeys(range(RANKS), mbits))
    found = lab.turns({"none": [*DENSE, "--epochs", 2], **{name: [*DENSE, "--epochs", 3, "--codec", name] for name in CODECS}})
    lab.nodes.shape({})
    even = lab.turns({name: [*DENSE, "--epochs", 1, "--codec", name] for name in ("none", "topk:0.01")})
    claims = []
    for name, bar in CODECS.items():
        in_turn = zip(found["none"], found[name])
        claims.append(Claim(f"links of {mbits} Mbit/s: time to loss, without a codec / {name}",
                            [ratios([plain], [coded], to_loss(1.01 * plain.summary["train_loss"]))[0] for plain, coded in in_turn], bar))
        claims.append(Claim(f"bytes sent a round, without a codec / {name}", ratios(found["none"], found[name], a_round_sent)))
    claims.append(Claim("control, links not shaped: time of a round, without a codec / topk:0.01", ratios(even["none"], even["topk:0.01"], a_round)))
    return claims


def a_round_sent(outcome):
    return outcome.summary["bytes_sent"] / statistics.fmean(outcome.rounds)


ROWS = {"sums": row_sums, "sparse": row_sparse, "hierarchy": row_hierarchy, "codecs": row_codecs}
