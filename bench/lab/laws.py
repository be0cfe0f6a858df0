"""Two laws, measured: what a round costs on slow links, and how far apart ranks stay that only hear from neighbours."""

import re

import theory
from rows import BY_SERVERS, NETWORK, WEIGHT_BYTES, a_round
from scenarios import RANKS, SPAM

MBITS = 5
TOPOLOGIES = ["star", "ring", "hypercube", "complete"]


def costs(launcher, say):
    """For figures.laws; None without links."""
    nodes = launcher.nodes
    if not nodes:
        return None
    nodes.shape(dict.fromkeys(range(nodes.count), MBITS))

    def formula(share):
        return share * WEIGHT_BYTES * 8e-6 / MBITS

    servers = []
    for k in (1, 2, 4):
        say(f"{k} servers")
        found = launcher.run(*NETWORK, *BY_SERVERS, "--servers", f"dedicated:{k}", ranks=RANKS + k)
        servers.append((k, a_round(found), formula(theory.server_bytes(RANKS, k))))
    say("a ring")
    ring = launcher.run(*NETWORK, "--mode", "bsp")
    nodes.shape({})
    return {"servers": servers, "ring": (a_round(ring), formula(theory.ring_bytes(RANKS)))}


def agreements(launcher, say):
    """[(topology, spectral gap, consensus distance, by theory)], both distances in parts of the first."""
    ranks, found = 8, []
    for topology in TOPOLOGIES:
        say(f"gossip on {topology}")
        outcome = launcher.here("--mode", "gossip", "--topology", topology, *SPAM, "--threads", 1, "--schedule", "constant", "--step", 0.01,
                                "--batch", 128, "--epochs", 2, ranks=ranks)
        distance = re.search(r"consensus distance ([\d.e+-]+)", outcome.summary["remark"])
        found.append((topology, theory.gap(topology, ranks), float(distance[1]), theory.disagreement(topology, ranks)))
    _, _, measured, expected = found[0]
    return [(name, gap, a / measured, b / expected) for name, gap, a, b in found]


def lines(found_costs, found_agreements):
    rows = [[f"gossip of 8 ranks on {name}: spectral gap {gap:.3f}; consensus distance, star = 1", f"{a:.2f}", f"{b:.2f}"]
            for name, gap, a, b in found_agreements]
    if found_costs:
        rows += [[f"{k} server{'s' if k > 1 else ''}, links of {MBITS} Mbit/s: ms a round", f"{1e3 * seconds:.0f}", f"{1e3 * formula:.0f}"]
                 for k, seconds, formula in found_costs["servers"]]
        rows.append([f"a ring, links of {MBITS} Mbit/s: ms a round", *(f"{1e3 * value:.0f}" for value in found_costs["ring"])])
    return rows
