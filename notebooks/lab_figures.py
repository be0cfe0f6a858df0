"""The figures of ./dev lab: what it measured, with what theory expects over it. Styles are those of plots.py.

An outcome has `run`, as of records.py, and `reach(field, loss)`: the value of a field where the training loss came to `loss`.
"""

import math

import plots
from plots import FAINT, INK

MARK = dict(markeredgecolor="white", markeredgewidth=0.8, linestyle="none")


def page(rows, columns, width, height, **options):
    """(figure, grid of axes) in the style of all figures."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib import pyplot

    with pyplot.rc_context(plots.PAGE):
        return pyplot.subplots(rows, columns, squeeze=False, figsize=(width, height), layout="constrained", **options)


def matrix(results, expected, scenarios, target):
    """A row a scenario: loss against seconds, epochs and bytes, then the time to `target` in parts of the undisturbed one, against theory."""
    shown = [scenario for scenario in scenarios if any(name == scenario.name for name, _ in results)]
    figure, grid = page(len(shown), 4, 16, 3.1 * len(shown) + 0.5, width_ratios=(1, 1, 1, 1))
    for axes, scenario in zip(grid, shown):
        runs = {mode: outcomes[-1].run for (name, mode), outcomes in results.items() if name == scenario.name}
        for panel, (field, factor, label) in zip(axes, (("seconds", 1, "seconds"), ("epoch", 1, "epochs"), ("bytes_sent", 2**-20, "MiB sent"))):
            for mode, run in runs.items():
                colour, marker = plots.STYLES[mode]
                panel.plot([value * factor for value in run.column(field)], run.column("train_loss"), color=colour, marker=marker,
                           markersize=4.5, linewidth=1.6, label=mode, alpha=0.9)
            panel.axhline(target, color=FAINT, linewidth=0.8, linestyle=":")
            panel.set(xlabel=label, xlim=(0, None))
        axes[0].set_ylabel("training loss")
        axes[0].set_title(scenario.title, loc="left", weight="bold", fontsize=11)
        slowdowns(axes[3], {mode: expected[name, mode] for name, mode in expected if name == scenario.name})
    grid[0][0].legend(frameon=False, fontsize=8, ncols=2)
    grid[0][3].set_title(f"time to a loss of {target:g}, undisturbed = 1", loc="left", fontsize=10, color=FAINT)
    return figure


def slowdowns(axes, found):
    """{mode: (measured or None, expected)}: bars, and a line across each where theory has it."""
    for i, (mode, (measured, theory)) in enumerate(found.items()):
        if measured:
            axes.bar(i, measured, 0.62, color=plots.STYLES[mode][0], alpha=0.85)
        axes.plot([i - 0.42, i + 0.42], [theory, theory], color=INK, linewidth=1.8, label="theory" if i == 0 else None)
    axes.set_xticks(range(len(found)), list(found), rotation=35, ha="right", fontsize=8.5)
    axes.grid(axis="x", visible=False)
    axes.legend(frameon=False, fontsize=8.5)


def laws(costs, agreements):
    """What a round costs with k servers or a ring, and how far apart neighbours stay: measured, and by formula.

    `costs`: {"servers": [(k, seconds, formula)], "ring": (seconds, formula)} or None; `agreements`: [(topology, gap, measured, formula)], in
    parts of the first."""
    figure, grid = page(1, 2, 11, 3.8)
    left, right = grid[0]
    if costs:
        servers = costs["servers"]
        left.plot([k for k, _, _ in servers], [1e3 * formula for _, _, formula in servers], color=INK, linewidth=1.4, label="max(M/B, nM/kB), k servers")
        left.plot([k for k, _, _ in servers], [1e3 * seconds for _, seconds, _ in servers], color=plots.STYLES["ssp"][0], marker="s", markersize=7,
                  label="measured", **MARK)
        seconds, formula = costs["ring"]
        left.axhline(1e3 * formula, color=FAINT, linewidth=1.4, linestyle="--", label="2(n-1)M/nB, ring")
        left.plot([servers[-1][0]], [1e3 * seconds], color=plots.STYLES["bsp"][0], marker="o", markersize=7, label="measured, ring", **MARK)
        left.set(xlabel="servers", ylabel="ms a round", ylim=(0, None), xticks=[k for k, _, _ in servers])
        left.legend(frameon=False, fontsize=8.5)
    else:
        left.text(0.5, 0.5, "needs links of their own", ha="center", color=FAINT, transform=left.transAxes)
    left.set_title("What links let through", loc="left", weight="bold", fontsize=11)
    for i, (topology, gap, measured, formula) in enumerate(agreements):
        right.bar(i, measured, 0.62, color=plots.STYLES["gossip"][0], alpha=0.85, label="measured" if i == 0 else None)
        right.plot([i - 0.42, i + 0.42], [formula, formula], color=INK, linewidth=1.8, label="from the eigenvalues" if i == 0 else None)
    right.set_xticks(range(len(agreements)), [f"{topology}\ngap {gap:.3f}" for topology, gap, _, _ in agreements])
    right.set_ylabel("consensus distance, star = 1")
    right.set_title("Eight ranks that mix: how far apart they stay", loc="left", weight="bold", fontsize=11)
    right.grid(axis="x", visible=False)
    right.legend(frameon=False, fontsize=8.5)
    return figure


def grid(cells, inside, between):
    """Two maps: {(inside, between): (loss in parts of the best, seconds or None)}."""
    figure, ((left, right),) = page(1, 2, 11, 3.8)
    for axes, part, title, form in ((left, 0, "training loss at the end, best = 1", "{:.3f}"), (right, 1, "seconds to the loss", "{:.2f}")):
        values = [[cells[a, b][part] if (a, b) in cells else None for b in between] for a in inside]
        axes.imshow([[float("nan") if value is None else value for value in row] for row in values], cmap="YlOrBr", aspect="auto", alpha=0.75)
        for y, row in enumerate(values):
            for x, value in enumerate(row):
                axes.text(x, y, "-" if value is None else form.format(value), ha="center", va="center", color=INK)
        axes.set_xticks(range(len(between)), between)
        axes.set_yticks(range(len(inside)), inside)
        axes.set(xlabel="between ranks")
        axes.set_title(title, loc="left", weight="bold", fontsize=11)
        axes.grid(visible=False)
    left.set_ylabel("inside of each rank")
    return figure


def scale(curves, target):
    """What a number of workers makes of the time to `target`, and of the passes over the set: {mode: [(workers, seconds, passes)]}."""
    figure, ((left, right),) = page(1, 2, 12, 4.6)
    first = [seconds for curve in curves.values() for workers, seconds, _ in curve if workers == 1]
    most = max(workers for curve in curves.values() for workers, _, _ in curve)
    if first:
        ideal = sorted(first)[len(first) // 2]
        left.plot([1, most], [ideal, ideal / most], color=INK, linewidth=1.2, linestyle="--")
        left.annotate("P times as fast", (most, ideal / most), (-26, 2), textcoords="offset points", ha="right", fontsize=8.5)
    counts = sorted({workers for curve in curves.values() for workers, _, _ in curve})
    for mode, curve in curves.items():
        colour, marker = plots.STYLES[mode]
        never = ", ".join(f"{count:g}" for count in counts if count not in [point[0] for point in curve])
        for axes, part in ((left, 1), (right, 2)):
            axes.plot([point[0] for point in curve], [point[part] for point in curve], color=colour, marker=marker, markersize=5.5, linewidth=1.6,
                      label=f"{mode} (never with {never})" if never else mode, alpha=0.9)
    for axes, title in ((left, f"virtual seconds to a training loss of {target:g}"), (right, "passes over the set until then")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(counts)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set(xlabel="workers")
        axes.set_title(title, loc="left", weight="bold", fontsize=11)
    right.legend(frameon=False, fontsize=8.5, loc="upper left")
    return figure


SWEPT = [("#0072B2", "s"), ("#56B4E9", "o"), ("#009E73", "v"), ("#8A8A8A", "D")]


def sweep(curves, edges, target):
    """Time to `target` against the bound of ssp: {name: [(s, seconds, whether it settled)]}, and beyond which s some of them oscillate."""
    figure, ((axes,),) = page(1, 1, 8, 4.4)
    bounds = sorted({s for curve in curves.values() for s, _, _ in curve})

    def place(s):  # 0, 1, 2, 4, 8, ... are as far apart
        return s if s < 1 else 1 + math.log2(s)

    for (colour, marker), (name, curve) in zip(SWEPT, curves.items()):
        points = [(place(s), seconds) for s, seconds, _ in curve if math.isfinite(seconds)]
        axes.plot(*zip(*points), color=colour, linewidth=1.6, alpha=0.9)
        for settled in True, False:  # hollow: not within the run
            shown = [(place(s), seconds) for s, seconds, there in curve if there == settled and math.isfinite(seconds)]
            if shown:
                axes.plot(*zip(*shown), color=colour, marker=marker, markersize=6.5, linestyle="none", markerfacecolor=colour if settled else "white",
                          label=name if settled else None)
        if name in edges:
            axes.axvline(place(edges[name]), color=colour, linewidth=1.2, linestyle="--", alpha=0.8)
            axes.annotate("edge of stability", (place(edges[name]), 0.98), (3, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                          rotation=90, va="top", fontsize=8, color=colour)
    axes.set_xticks([place(s) for s in bounds], bounds)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="y", which="minor", labelsize=8)
    axes.set(xlabel="--staleness")
    axes.set_title(f"virtual seconds until the training loss stays at {target:g} (hollow: it never did)", loc="left", weight="bold", fontsize=11)
    axes.legend(frameon=False, fontsize=8.5, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
