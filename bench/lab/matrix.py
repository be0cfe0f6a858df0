"""Every mode in every scenario: one table, one figure."""

import statistics

from scenarios import MODES, RANKS, SLOW
from table import duration

HEADER = ["scenario", "mode", "to the loss", "of even", "theory", "epochs", "sent", "waited", "link, Mbit/s", "ended"]


def measure(launcher, scenarios, modes, work, repeat, say):
    """{(scenario, mode): [outcome of each repetition]}; the order of the modes is turned around each time."""
    nodes = launcher.nodes
    results = {}
    for scenario in scenarios:
        if scenario.needs_nodes and not nodes:
            continue
        scenario.prepare(nodes)
        for repetition in range(repeat):
            for mode in modes if repetition % 2 == 0 else reversed(modes):
                say(f"{scenario.name}: {mode}")
                outcome = launcher.run(*work.flags(mode), *scenario.flags, during=scenario.during(nodes))
                results.setdefault((scenario.name, mode), []).append(outcome)
    if nodes:
        nodes.shape({})
    return results


def middle(outcomes, field, target):
    """The median over repetitions of a field at the target; None if some repetition never came there."""
    values = [outcome.reach(field, target) for outcome in outcomes]
    return None if None in values else statistics.median(values)


def number(value, form):
    return "-" if value is None else format(value, form)


def expectations(results, scenarios, work):
    """{(scenario, mode): (measured, expected)}, both in parts of the same mode's time without a disturbance."""
    found = {}
    for scenario in scenarios:
        for mode in MODES:
            here, even = results.get((scenario.name, mode)), results.get(("even", mode))
            if not here or not even:
                continue
            seconds, base = middle(here, "seconds", work.target), middle(even, "seconds", work.target)
            found[scenario.name, mode] = (seconds / base if seconds and base else None, scenario.expected(mode, work, even[0]))
    return found


def lines(results, expected, work):
    rows = []
    for (scenario, mode), outcomes in results.items():
        last = outcomes[-1]
        ratio, theory = expected.get((scenario, mode), (None, None))
        sent = middle(outcomes, "bytes_sent", work.target)
        waited = last.summary["wait_seconds"] / max(1e-9, last.summary["seconds"] * RANKS)
        rows.append([scenario, mode, duration(middle(outcomes, "seconds", work.target)), number(ratio, ".2f"), number(theory, ".2f"),
                     number(middle(outcomes, "epoch", work.target), ".1f"), "-" if sent is None else f"{sent / 2**20:.1f} MiB",
                     f"{100 * waited:.0f} %", f"{last.peak[SLOW]:.1f}" if last.peak else "-", last.summary["stopped"]])
    return rows
