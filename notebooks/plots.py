"""Draws the records of the bench programs: the only place that knows how a figure looks.

    plots.py curves FILE.jsonl... --out X.png    loss against seconds and against epochs, a row per data set
    plots.py table FILE.jsonl...                 one line per run

In a notebook: `from plots import read, curves, table`. Exit status 2: a missing or bad file.
"""

import argparse
import math
import sys

from records import BadRecord, Run, read, read_all  # noqa: F401 (for notebooks)

# One colour and one marker per mode, the same in every figure. Distinct to colour-blind eyes (Okabe and Ito; Tol).
STYLES = {
    "serial": ("#555555", "o"),
    "hogwild": ("#D55E00", "s"),
    "atomic": ("#E69F00", "^"),
    "locked": ("#CC79A7", "D"),
    "cached": ("#0072B2", "o"),
    "batched": ("#009E73", "v"),
    "roundrobin": ("#882255", "X"),
    "averaged": ("#56B4E9", "P"),
    "replicated": ("#332288", ">"),
    "snapshot": ("#999933", "<"),
    "conflictfree": ("#117733", "*"),
    # between ranks
    "bsp": ("#555555", "o"),
    "ssp": ("#0072B2", "s"),
    "async": ("#D55E00", "^"),
    "local": ("#009E73", "v"),
    "gossip": ("#CC79A7", "D"),
    "adpsgd": ("#E69F00", "P"),
    "pushsum": ("#56B4E9", "X"),
    "backup": ("#882255", "v"),
}
SPARE_STYLES = [("#44AA99", "h"), ("#AA4499", "p"), ("#DDCC77", "d")]
INK, FAINT = "#222222", "#8A8A8A"
PAGE = {  # of every figure
    "font.family": "DejaVu Sans", "font.size": 10, "axes.edgecolor": FAINT, "axes.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#E9E9E9",
    "grid.linewidth": 0.8, "axes.axisbelow": True, "xtick.color": FAINT, "ytick.color": FAINT,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "text.color": INK,
}


# --- the table -------------------------------------------------------------------------------------------------------


def numbers(values, digits):
    """Numbers as people write a column: as many decimals everywhere as the least one needs for `digits` digits."""
    sizes = [abs(value) for value in values if value]
    decimals = min(max(digits - 1 - math.floor(math.log10(min(sizes))), 0), 6) if sizes else 0
    return ["-" if value is None else f"{value:,.{decimals}f}" for value in values]


def unit(runs):
    """(name, how many to a second) of a unit of time in which these runs are readable numbers."""
    longest = max((max(finite(run.column("seconds")), default=0) for run in runs), default=0)
    return ("seconds", 1) if longest >= 1 else ("ms", 1000)


def times(runs, factor):
    """The seconds of training, times `factor`, as text."""
    seconds = [run.summary.get("seconds") for run in runs]
    return numbers([None if value is None else value * factor for value in seconds], 2 if factor > 1 else 3)


def losses(runs, field):
    return numbers([run.summary.get(field) for run in runs], 4)


def metric(run):
    found = run.summary.get("test_metric") or {}
    return "-" if found.get("value") is None else f"{found['name']} {found['value']:.4f}"


def table(runs):
    """One aligned line per run, as text."""
    columns = [
        ["data", *(run.data_name for run in runs)],
        ["model", *(run.head.get("model", "?") for run in runs)],
        ["mode", *(run.mode if run.node_mode is None else f"{run.mode}/{run.node_mode}" for run in runs)],
        ["threads", *(str(run.threads) if run.node_mode is None else f"{run.ranks} x {run.threads}" for run in runs)],
    ]
    name, factor = unit(runs)
    columns += [
        [name, *times(runs, factor)],
        ["examples/s", *numbers([run.summary.get("examples_per_second") for run in runs], 3)],
        ["train loss", *losses(runs, "train_loss")],
        ["test loss", *losses(runs, "test_loss")],
        ["metric", *map(metric, runs)],
        ["stopped", *(run.summary.get("stopped") or "-" for run in runs)],
    ]
    widths = [max(map(len, column)) for column in columns]
    adjust = [str.rjust if 3 <= i <= 7 else str.ljust for i in range(len(columns))]
    return "\n".join("  ".join(put(cell, width) for put, cell, width in zip(adjust, row, widths)).rstrip()
                     for row in zip(*columns))


# --- the figure ------------------------------------------------------------------------------------------------------


def styles(runs):
    """(colour, marker) of each run: the hue tells the mode, paler tells fewer ranks and threads, or another node mode."""
    from matplotlib.colors import to_rgb

    def kind(run):
        return run.ranks, run.threads, run.node_mode or ""

    known, spare = dict(STYLES), iter(SPARE_STYLES * len(runs))
    for run in runs:
        if run.mode not in known:
            known[run.mode] = next(spare)
    result = []
    for run in runs:
        kinds = sorted({kind(other) for other in runs if other.mode == run.mode})
        strength = 1.0 if len(kinds) == 1 else 0.45 + 0.55 * kinds.index(kind(run)) / (len(kinds) - 1)
        colour, marker = known[run.mode]
        result.append((tuple(1 - strength * (1 - channel) for channel in to_rgb(colour)), marker))
    return result


def finite(values):
    return [value for value in values if value == value]


def draw_curves(axes, runs, x, factor):
    """Train loss solid, test loss dashed, a marker where a run ended, a cross where it diverged."""
    for run, (colour, marker) in zip(runs, styles(runs)):
        xs = [value * factor for value in run.column(x)]
        train, test = run.column("train_loss"), run.column("test_loss")
        if finite(test):
            axes.plot(xs, test, color=colour, linewidth=1.0, dashes=(3.5, 2), alpha=0.75)
        axes.plot(xs, train, color=colour, linewidth=1.9, solid_capstyle="round")
        last = [(a, b) for a, b in zip(xs, train) if a == a and b == b][-1:]
        diverged = run.summary.get("stopped") == "diverged"
        edge = dict(marker="x", markeredgewidth=1.6) if diverged else dict(marker=marker, markeredgecolor="white",
                                                                            markeredgewidth=0.8)
        axes.plot(*zip(*last), color=colour, markersize=5.5, clip_on=False, **edge)


def scale(axes, runs, x):
    """Logarithmic where values span much, else linear from 0 seconds or epochs; plain numbers on the ticks."""
    values = [value for run in runs for name in ("train_loss", "test_loss") for value in finite(run.column(name))]
    if min(values) > 0 and max(values) > 3 * min(values):
        logarithmic(axes.yaxis, max(values) / min(values))

    factor = unit(runs)[1] if x == "seconds" else 1
    xs = [[value * factor for value in finite(run.column(x))] for run in runs]
    ends = [max(column) for column in xs if column and max(column) > 0]
    if x == "seconds" and ends and max(ends) > 6 * min(ends):
        logarithmic(axes.xaxis, max(ends) / min(value for column in xs for value in column if value > 0))
    else:
        from matplotlib.ticker import MaxNLocator

        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=x == "epoch"))


def logarithmic(axis, span):
    """Ticks at 1, 2, 5 if `span`, greatest by least, leaves room for them, else at powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axis.axes, f"set_{axis.axis_name}scale")("log", nonpositive="mask")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if span < 300 else (1.0,), numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=99))
    axis.set_minor_formatter(NullFormatter())


def draw_key(axes, runs):
    """The legend as a table: line, mode x threads, time of training, final losses. The shortest time stands out."""
    axes.axis("off")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    name, factor = unit(runs)
    columns = [(0.66, name), (0.84, "train"), (1.0, "test")]
    pitch = min(0.092, 0.9 / (len(runs) + 1))
    small = dict(fontsize=8.5, va="center")
    heading = "mode \N{MULTIPLICATION SIGN} threads" if runs[0].node_mode is None else "mode/inside"
    axes.text(0.13, 1 - pitch / 2, heading, color=FAINT, **small)
    for right, heading in columns:
        axes.text(right, 1 - pitch / 2, heading, color=FAINT, ha="right", **small)
    seconds = [run.summary.get("seconds") for run in runs if run.summary.get("stopped") != "diverged"]
    fastest = min(filter(None, seconds), default=None)
    cells = list(zip(times(runs, factor), losses(runs, "train_loss"), losses(runs, "test_loss")))
    for i, (run, (colour, marker)) in enumerate(zip(runs, styles(runs))):
        y = 1 - (i + 1.5) * pitch
        axes.plot([0, 0.09], [y, y], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot([0.045], [y], color=colour, marker=marker, markersize=6, markeredgecolor="white")
        axes.text(0.13, y, run.label, color=INK, **small)
        if run.summary.get("stopped") == "diverged":
            axes.text(columns[-1][0], y, "diverged", color=INK, ha="right", style="italic", **small)
            continue
        for (right, heading), value in zip(columns, cells[i]):
            bold = heading == name and run.summary.get("seconds") == fastest
            axes.text(right, y, value, color=INK, ha="right", weight="bold" if bold else "normal", **small)


def caption(run):
    """What was trained on, in words."""
    data = run.data
    size = [f"{data[key]:,} {key}" for key in ("examples", "features") if isinstance(data.get(key), int)]
    where = "" if run.node_mode is None else f", {run.ranks} rank{'s' if run.ranks > 1 else ''}"
    return f"{run.data_name}, {run.head.get('model', '?')}{where}", ", ".join(size)


def machine(run):
    """Where it ran, in words: latency between cores explains most differences between modes."""
    facts = run.head.get("machine") or {}
    words = [facts["cpu"]] if facts.get("cpu") else []
    if facts.get("cores"):
        words.append(f"{facts['cores']} cores" if facts["cores"] > 1 else "1 core")
    if facts.get("core_to_core_ns"):
        words.append(f"{facts['core_to_core_ns']:.0f} ns from core to core")
    return ", ".join(words)


def curves(runs, title=""):
    """A figure: one row per (data set, model, ranks or not), loss against seconds and against epochs, and the key."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib import pyplot

    groups = {}
    for run in runs:
        if finite(run.column("train_loss")):
            groups.setdefault((run.data.get("name"), run.head.get("model"), run.node_mode is None), []).append(run)
    if not groups:
        raise BadRecord("no run has a point to draw (is its loss null everywhere?)")

    with pyplot.rc_context(PAGE):
        figure, grid = pyplot.subplots(len(groups), 3, squeeze=False, figsize=(14, 4.6 * len(groups)),
                                       width_ratios=(1, 1, 0.78), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.16, wspace=0.03)
        for (by_seconds, by_epochs, key), group in zip(grid, groups.values()):
            what, size = caption(group[0])
            name, factor = unit(group)
            panels = ((by_seconds, "seconds", f"training time ({name})", factor), (by_epochs, "epoch", "epochs", 1))
            for axes, x, label, scaled in panels:
                draw_curves(axes, group, x, scaled)
                scale(axes, group, x)
                axes.set_xlabel(label)
            by_seconds.set_ylabel("loss")
            by_seconds.set_title(what, loc="left", weight="bold", fontsize=12, pad=12)
            by_epochs.set_title(size, loc="left", color=FAINT, fontsize=10, pad=12)
            if any(finite(run.column("test_loss")) for run in group):
                key.set_title("solid: train, dashed: test", loc="left", color=FAINT, fontsize=10, pad=12)
            draw_key(key, group)
        heading = "\n".join(filter(None, [title, machine(runs[0])]))
        figure.suptitle(heading, x=0.012, ha="left", fontsize=9.5, color=FAINT)
    return figure


def main(arguments):
    parser = argparse.ArgumentParser(prog="plots.py", description="Draws the records of the bench programs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="curves|table")
    for name, help_text in (("curves", "loss against seconds and epochs, as a PNG"), ("table", "one line per run")):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("files", nargs="+", metavar="FILE.jsonl")
        if name == "curves":
            command.add_argument("--out", required=True, metavar="X.png", help="the figure to write")
            command.add_argument("--title", default="")
    chosen = parser.parse_args(arguments)
    try:
        runs = read_all(chosen.files)
        if chosen.command == "table":
            print(table(runs))
        else:
            curves(runs, chosen.title).savefig(chosen.out, dpi=130, facecolor="white")
    except BadRecord as error:
        print(f"plots.py: {error}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"plots.py: --out {chosen.out}: cannot be written ({error})", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
