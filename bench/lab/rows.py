"""Results of the papers in small: each row runs what a claim is about and its control by turns, and holds the ratio to a bar.

A ratio compares runs of one turn; the figure is its median over the turns. A bar that is missed is reported, never hidden.
"""

import dataclasses
import statistics

import theory
from launch import Failed
from scenarios import RANKS, SLOW, Work

HEADER = ["row", "ratio", "of turns", "bar", "theory", ""]


@dataclasses.dataclass
class Claim:
    says: str
    ratios: list  #: one a turn; None: a run did not come to the loss
    bar: float = 0  #: 0: a control, of which nothing is asked
    theory: float = 0

    def cells(self):
        known = [ratio for ratio in self.ratios if ratio is not None]
        if len(known) < len(self.ratios) or not known:
            return [self.says, "-", f"{len(known)} of {len(self.ratios)}", f"{self.bar:g}" if self.bar else "-", "-", "MISSED" if self.bar else ""]
        middle = statistics.median(known)
        verdict = "" if not self.bar else "holds" if middle >= self.bar else "MISSED"
        return [self.says, f"{middle:.2f}", f"{min(known):.2f} to {max(known):.2f}", f"{self.bar:g}" if self.bar else "-",
                f"{self.theory:.2f}" if self.theory else "-", verdict]


class Turns:
    """Runs of several kinds by turns, every second turn backwards."""

    def __init__(self, launcher, repeat, say):
        self._launcher, self._repeat, self._say = launcher, repeat, say

    def __call__(self, kinds):
        """{name: flags or (flags, ranks)} -> {name: [outcome of each turn]}."""
        results = {name: [] for name in kinds}
        for turn in range(self._repeat):
            for name in list(kinds) if turn % 2 == 0 else reversed(kinds):
                self._say(f"{name}, turn {turn + 1}")
                flags, ranks = kinds[name] if isinstance(kinds[name], tuple) else (kinds[name], RANKS)
                results[name].append(self._launcher.run(*flags, ranks=ranks))
        return results

    def simulated(self, kinds, ranks):
        """The same of ranks that are simulated: the seed of a turn is its number, as the same run twice is the same."""
        results = {name: [] for name in kinds}
        for turn in range(self._repeat):
            for name, flags in kinds.items():
                self._say(f"{name}, seed {turn + 1}")
                results[name].append(self._launcher.here(*flags, "--seed", turn + 1, ranks=ranks, transport="sim"))
        return results

    def traffic(self, program, *flags, **where):
        """[what Launcher.traffic found, of each turn]; inside of one, contenders go by turns themselves."""
        found = []
        for turn in range(self._repeat):
            self._say(f"{program}, turn {turn + 1}")
            found.append(self._launcher.traffic(program, *flags, **where))
        return found


def ratios(above, below, value):
    return [a / b if a and b else None for a, b in zip(map(value, above), map(value, below))]


def to_loss(target):
    return lambda outcome: None if outcome.diverged else outcome.reach("seconds", target)


def a_round(outcome):
    """Seconds of a round, of the ranks that train."""
    return outcome.summary["seconds"] / statistics.fmean(outcome.rounds)


def row_stragglers(lab):
    """One of four ranks four times as slow: who does not wait, and who waits for three."""
    work, time = Work(), to_loss(Work.target)
    flags = {mode: work.flags(mode) for mode in ("bsp", "async", "backup")}
    late = lab.turns({mode: [*own, "--straggler", f"rank:{SLOW}=4x"] for mode, own in flags.items()})
    even = lab.turns(flags)
    pace = {mode: theory.slowdown(mode, theory.persistent(4)) for mode in flags}
    pad = work.pad_ms / 1000

    def ceiling(mode):
        """With the rounds as long as they were undisturbed."""
        seconds = {name: time(even[name][0]) for name in ("bsp", mode)}
        rounds = {name: a_round(even[name][0]) for name in ("bsp", mode)}
        stretched = {name: seconds[name] * (1 + (pace[name] - 1) * pad / rounds[name]) for name in seconds}
        return stretched["bsp"] / stretched[mode]

    return [
        Claim("one of 4 ranks 4x slow: time to loss, bsp / async", ratios(late["bsp"], late["async"], time), 2.5, ceiling("async")),
        Claim("the same, bsp / backup (3 of 4)", ratios(late["bsp"], late["backup"], time), 2.5, ceiling("backup")),
        Claim("control, nobody slow: bsp / async", ratios(even["bsp"], even["async"], time)),
        Claim("control, nobody slow: bsp / backup", ratios(even["bsp"], even["backup"], time)),
    ]


def row_random(lab):
    """Any round of any rank ten times as long with p = 0.1."""
    work, time = Work(), to_loss(Work.target)
    random = ["--straggler", "random:p=0.1,10x"]
    kinds = {"bsp": work.flags("bsp"), "ssp": [*work.flags("ssp"), "--staleness", 8]}
    late, even = lab.turns({name: [*flags, *random] for name, flags in kinds.items()}), lab.turns(kinds)
    transient = theory.transient(0.1, 10)
    expected = theory.slowdown("bsp", transient) / theory.slowdown("ssp", transient, staleness=8)
    return [
        Claim("random stragglers (p = 0.1, 10x): time to loss, bsp / ssp (s = 8)", ratios(late["bsp"], late["ssp"], time), 1.7, expected),
        Claim("control, nobody slow: bsp / ssp (s = 8)", ratios(even["bsp"], even["ssp"], time)),
    ]


def row_adpsgd(lab):
    """One of four ranks ten times as slow: averages of pairs, and rounds of neighbours."""
    work = Work(epochs=2, target=0.45)
    time = to_loss(work.target)
    flags = {mode: work.flags(mode) for mode in ("gossip", "adpsgd")}
    late = lab.turns({mode: [*own, "--straggler", f"rank:{SLOW}=10x"] for mode, own in flags.items()})
    even = lab.turns(flags)
    pace = {mode: theory.slowdown(mode, theory.persistent(10)) for mode in flags}
    return [
        Claim("one of 4 ranks 10x slow: time to loss, gossip / adpsgd", ratios(late["gossip"], late["adpsgd"], time), 3, pace["gossip"] / pace["adpsgd"]),
        Claim("control, nobody slow: gossip / adpsgd", ratios(even["gossip"], even["adpsgd"], time)),
    ]


# A small dense network: all its weights move in every round, 51 KB of them, in messages that Open MPI sends at once.
NETWORK = ["--data", "builtin:fashion,part=train", "--model", "mlp", "--hidden", 16, "--batch", 240, "--epochs", 2, "--threads", 1,
           "--pad", 5, "--node-mode", "batched", "--partition", "range"]
WEIGHT_BYTES = 4 * (784 * 16 + 16 + 16 * 10 + 10)
BY_SERVERS = ["--mode", "ssp", "--staleness", 0, "--visibility", "exact"]  # everyone waits for everyone, at servers of their own


def row_links(lab):
    """Seconds a round of neighbours, of a ring of sums and of one server, on links of three speeds."""
    if not lab.nodes:
        raise Failed("needs nodes with links of their own")
    kinds = {
        "ring": [*NETWORK, "--mode", "bsp"],
        "server": ([*NETWORK, *BY_SERVERS, "--servers", "dedicated:1"], RANKS + 1),
        "gossip": [*NETWORK, "--mode", "gossip"],
        "one-peer": [*NETWORK, "--mode", "gossip", "--topology", "one-peer"],
    }
    claims = []
    for mbits in 1000, 100, 10:
        lab.nodes.shape(dict.fromkeys(range(lab.nodes.count), mbits))
        found = lab.turns(kinds)
        share = {"ring": theory.ring_bytes(RANKS), "server": theory.server_bytes(RANKS, 1), "gossip": theory.gossip_bytes(2), "one-peer": 1}
        expected = {name: 0.005 + part * WEIGHT_BYTES * 8e-6 / mbits for name, part in share.items()}
        for other, ours in (("ring", "gossip"), ("ring", "one-peer"), ("server", "gossip")):
            bar = 1.3 if (mbits, other, ours) == (10, "ring", "one-peer") else 0
            claims.append(Claim(f"{mbits} Mbit/s: time of a round, bsp by {'a ring' if other == 'ring' else 'one server'} / gossip"
                                f"{' on a ring' if ours == 'gossip' else ', one peer'}",
                                ratios(found[other], found[ours], a_round), bar, expected[other] / expected[ours]))
    lab.nodes.shape({})
    return claims


def row_servers(lab):
    """One, two and four servers with links of 5 Mbit/s, for four ranks that train."""
    if not lab.nodes:
        raise Failed("needs nodes with links of their own")
    mbits = 5
    lab.nodes.shape(dict.fromkeys(range(lab.nodes.count), mbits))
    found = lab.turns({k: ([*NETWORK, *BY_SERVERS, "--servers", f"dedicated:{k}"], RANKS + k) for k in (1, 2, 4)})
    lab.nodes.shape({})
    claims = []
    for k, bar in ((2, 1.8), (4, 3.4)):
        claims.append(Claim(f"servers 1 -> {k}, links of {mbits} Mbit/s: time of a round", ratios(found[1], found[k], a_round), bar,
                            theory.server_bytes(RANKS, 1) / theory.server_bytes(RANKS, k)))
    for k in (1, 2, 4):
        formula = theory.server_bytes(RANKS, k) * WEIGHT_BYTES * 8e-6 / mbits
        claims.append(Claim(f"{k} server{'s' if k > 1 else ''}: measured / formula", [a_round(outcome) / formula for outcome in found[k]], 0, 1))
    return claims


# Two layers whose weights are 0.4 MB: on a slow link their sums last far longer than a busy machine takes to wake who waits.
LAYERS = ["--data", "builtin:fashion,part=train", "--model", "mlp", "--hidden", 128, "--mode", "bsp", "--batch", 75, "--epochs", 1, "--threads", 1,
          "--telemetry", "off", "--partition", "range"]
LAYER_BYTES = 4 * (784 * 128 + 128 + 129 * 16)


def row_overlap(lab):
    """What part of the communication is hidden, of rounds that compute as long as they communicate: (compute + communicate - both) / either."""
    if not lab.nodes:
        raise Failed("needs nodes with links of their own")
    mbits, claims = 20, []
    lab.nodes.shape(dict.fromkeys(range(lab.nodes.count), mbits))
    for ranks in 2, 4:
        pad = theory.ring_bytes(ranks) * LAYER_BYTES * 8e-6 / mbits
        padded = [*LAYERS, "--pad", f"{1000 * pad:.1f}"]
        found = lab.turns({"alone": ([*LAYERS, "--overlap", "off"], ranks), "off": ([*padded, "--overlap", "off"], ranks), "on": ([*padded, "--overlap", "on"], ranks)})
        # A pad holds what is computed; a round without one is what it computes, and all the communication.
        wire = [a_round(run) - statistics.fmean(rank["compute_seconds"] / rank["rounds"] for rank in run.summary["ranks_detail"]) for run in found["alone"]]
        for name, bar in (("on", 0.7), ("off", 0)):
            hidden = [(pad + alone - a_round(both)) / min(pad, alone) for alone, both in zip(wire, found[name])]
            claims.append(Claim(f"{ranks} ranks, {mbits} Mbit/s: part of the communication that is hidden, {'--overlap on' if bar else 'control, --overlap off'}",
                                hidden, bar, 1 - 1 / 12 if bar else 0))  # nothing is left to compute behind the last of 12 pieces
    lab.nodes.shape({})
    return claims


ROWS = {"stragglers": row_stragglers, "random": row_random, "adpsgd": row_adpsgd, "links": row_links, "overlap": row_overlap, "servers": row_servers}


@dataclasses.dataclass
class Lab:
    nodes: object
    turns: Turns
    figures: dict = dataclasses.field(default_factory=dict)  #: file -> (function of lab_figures, what it is given)


def carry_out(chosen, launcher, repeat, say):
    """[cells] of the rows, the sentences of those that were left out, and Lab.figures."""
    lab, lines, left_out = Lab(launcher.nodes, Turns(launcher, repeat, say)), [], []
    for name, row in chosen.items():
        try:
            claims = row(lab)
        except Failed as error:
            left_out.append(f"{name} was left out: {error}")
            continue
        lines += [claim.cells() for claim in claims]
    return lines, left_out, lab.figures
