"""Reads the records of the bench programs and draws them: the only place that knows how a figure looks.

    plots.py curves FILE.jsonl... --out X.png    loss against seconds and against epochs, a row per data set
    plots.py table FILE.jsonl...                 one line per run

In a notebook: `from plots import read, curves, table`. Exit status 2: a missing or bad file.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import sys

# One colour and one marker per mode, the same in every figure. Distinct to colour-blind eyes (Okabe and Ito; Tol).
STYLES = {
    "serial": ("#555555", "o"),
    "hogwild": ("#D55E00", "s"),
    "atomic": ("#E69F00", "^"),
    "locked": ("#CC79A7", "D"),
    "cached": ("#0072B2", "o"),
}
SPARE_STYLES = [("#009E73", "v"), ("#56B4E9", "P"), ("#882255", "X"), ("#999933", "<"), ("#332288", ">")]
INK, FAINT = "#222222", "#8A8A8A"


class BadRecord(Exception):
    """One sentence: which file, which line, what is wrong."""


@dataclasses.dataclass
class Run:
    """A record of kind run with the points and the summary that belong to it."""

    head: dict
    points: list = dataclasses.field(default_factory=list)
    summary: dict = dataclasses.field(default_factory=dict)

    @property
    def mode(self):
        return self.head.get("mode") or "?"

    @property
    def threads(self):
        return self.head.get("threads") or 1

    @property
    def data(self):
        return self.head.get("data") or {}

    @property
    def label(self):
        ranks = self.head.get("ranks") or 1
        return f"{self.mode} \N{MULTIPLICATION SIGN} {self.threads}" + (f", {ranks} ranks" if ranks > 1 else "")

    def column(self, name):
        """The values of one field over the points; what was not measured or not finite is NaN."""
        values = (point.get(name) for point in self.points)
        return [float("nan") if value is None else float(value) for value in values]


def read(path):
    """The runs of one file of JSON lines, in its order."""
    runs = {}
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise BadRecord(f"{path}: cannot be read ({reason})") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            kind, run = record["kind"], record["run"]
            if kind == "run":
                runs[run] = Run(record)
            elif kind == "point":
                runs[run].points.append(record)
            elif kind == "summary":
                runs[run].summary = record
        except (ValueError, TypeError, KeyError):
            raise BadRecord(f"{path}:{number}: not a record of a bench program (--curve FILE.jsonl writes them)") from None
    if not runs:
        raise BadRecord(f"{path}: holds no run")
    return list(runs.values())


def read_all(paths):
    return [run for path in paths for run in read(path)]


# --- the table -------------------------------------------------------------------------------------------------------


def numbers(values, digits):
    """Numbers as people write a column: as many decimals everywhere as the least one needs for `digits` digits."""
    sizes = [abs(value) for value in values if value]
    decimals = min(max(digits - 1 - math.floor(math.log10(min(sizes))), 0), 6) if sizes else 0
    return ["-" if value is None else f"{value:,.{decimals}f}" for value in values]


def summaries(runs, *fields):
    """The columns of these summary fields, as text."""
    digits = {"seconds": 3, "examples_per_second": 3}
    return [numbers([run.summary.get(field) for run in runs], digits.get(field, 4)) for field in fields]


def table(runs):
    """One aligned line per run, as text."""
    metrics = [run.summary.get("test_metric") or {} for run in runs]
    columns = [
        ["data", *(run.data.get("name", "?") for run in runs)],
        ["model", *(run.head.get("model", "?") for run in runs)],
        ["mode", *(run.mode for run in runs)],
        ["threads", *(str(run.threads) for run in runs)],
    ]
    fields = ("seconds", "examples_per_second", "train_loss", "test_loss")
    columns += [[field.replace("_per_second", "/s").replace("_", " "), *cells] for field, cells in zip(fields, summaries(runs, *fields))]
    columns += [
        ["metric", *("-" if metric.get("value") is None else f"{metric['name']} {metric['value']:.4f}" for metric in metrics)],
        ["stopped", *(run.summary.get("stopped") or "-" for run in runs)],
    ]
    widths = [max(map(len, column)) for column in columns]
    adjust = [str.rjust if 3 <= i <= 7 else str.ljust for i in range(len(columns))]
    return "\n".join("  ".join(put(cell, width) for put, cell, width in zip(adjust, row, widths)).rstrip()
                     for row in zip(*columns))


# --- the figure ------------------------------------------------------------------------------------------------------


def styles(runs):
    """(colour, marker) of each run: the hue tells the mode, paler tells fewer threads."""
    from matplotlib.colors import to_rgb

    known, spare = dict(STYLES), iter(SPARE_STYLES * len(runs))
    for run in runs:
        if run.mode not in known:
            known[run.mode] = next(spare)
    result = []
    for run in runs:
        counts = sorted({other.threads for other in runs if other.mode == run.mode})
        strength = 1.0 if len(counts) == 1 else 0.45 + 0.55 * counts.index(run.threads) / (len(counts) - 1)
        colour, marker = known[run.mode]
        result.append((tuple(1 - strength * (1 - channel) for channel in to_rgb(colour)), marker))
    return result


def finite(values):
    return [value for value in values if value == value]


def draw_curves(axes, runs, x):
    """Train loss solid, test loss dashed, a marker where a run ended, a cross where it diverged."""
    for run, (colour, marker) in zip(runs, styles(runs)):
        xs, train, test = run.column(x), run.column("train_loss"), run.column("test_loss")
        if finite(test):
            axes.plot(xs, test, color=colour, linewidth=1.0, dashes=(3.5, 2), alpha=0.75)
        axes.plot(xs, train, color=colour, linewidth=1.9, solid_capstyle="round")
        last = [(a, b) for a, b in zip(xs, train) if a == a and b == b][-1:]
        diverged = run.summary.get("stopped") == "diverged"
        axes.plot(*zip(*last), color=colour, marker="x" if diverged else marker, markersize=5.5,
                  markeredgecolor=colour if diverged else "white", markeredgewidth=1.6 if diverged else 0.8, clip_on=False)


def scale(axes, runs, x):
    """Logarithmic where values span much, else linear from 0 seconds or epochs; plain numbers on the ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    def plain(value, _):
        return f"{value:,.10g}"

    losses = [value for run in runs for name in ("train_loss", "test_loss") for value in finite(run.column(name))]
    if losses and min(losses) > 0 and max(losses) > 3 * min(losses):
        axes.set_yscale("log")
        decades = max(losses) / min(losses) > 200
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(plain))
        axes.yaxis.set_minor_formatter(NullFormatter())

    ends = [max(finite(run.column(x)), default=0) for run in runs]
    ends = [end for end in ends if end > 0]
    if x == "seconds" and ends and max(ends) > 6 * min(ends):
        axes.set_xscale("log", nonpositive="mask")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(plain))
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=x == "epoch"))


def draw_key(axes, runs):
    """The legend as a table: line, mode x threads, training seconds, final losses. The fastest time stands out."""
    axes.axis("off")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    columns = [(0.58, "seconds"), (0.80, "train"), (1.0, "test")]
    pitch = min(0.092, 0.9 / (len(runs) + 1))
    small = dict(fontsize=8.5, va="center")
    axes.text(0.13, 1 - pitch / 2, "mode \N{MULTIPLICATION SIGN} threads", color=FAINT, **small)
    for right, name in columns:
        axes.text(right, 1 - pitch / 2, name, color=FAINT, ha="right", **small)
    seconds = [run.summary.get("seconds") for run in runs if run.summary.get("stopped") != "diverged"]
    fastest = min(filter(None, seconds), default=None)
    cells = list(zip(*summaries(runs, "seconds", "train_loss", "test_loss")))
    for i, (run, (colour, marker)) in enumerate(zip(runs, styles(runs))):
        y = 1 - (i + 1.5) * pitch
        axes.plot([0, 0.09], [y, y], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot([0.045], [y], color=colour, marker=marker, markersize=6, markeredgecolor="white")
        axes.text(0.13, y, run.label, color=INK, **small)
        if run.summary.get("stopped") == "diverged":
            axes.text(columns[-1][0], y, "diverged", color=INK, ha="right", style="italic", **small)
            continue
        for (right, name), value in zip(columns, cells[i]):
            bold = name == "seconds" and run.summary.get("seconds") == fastest
            axes.text(right, y, value, color=INK, ha="right", weight="bold" if bold else "normal", **small)


def caption(run):
    """What was trained on, in words."""
    data = run.data
    size = [f"{data[key]:,} {key}" for key in ("examples", "features") if isinstance(data.get(key), int)]
    return f"{data.get('name', '?')}, {run.head.get('model', '?')}", ", ".join(size)


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
    """A figure: one row per (data set, model), loss against seconds and against epochs, and the key."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib import pyplot

    groups = {}
    for run in runs:
        if finite(run.column("train_loss")):
            groups.setdefault((run.data.get("name"), run.head.get("model")), []).append(run)
    if not groups:
        raise BadRecord("no run has a point to draw (is its loss null everywhere?)")

    style = {
        "font.family": "DejaVu Sans", "font.size": 10, "axes.edgecolor": FAINT, "axes.labelcolor": INK,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#E9E9E9",
        "grid.linewidth": 0.8, "axes.axisbelow": True, "xtick.color": FAINT, "ytick.color": FAINT,
        "xtick.labelcolor": INK, "ytick.labelcolor": INK, "text.color": INK,
    }
    with pyplot.rc_context(style):
        figure, grid = pyplot.subplots(len(groups), 3, squeeze=False, figsize=(14, 4.6 * len(groups)),
                                       width_ratios=(1, 1, 0.78), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.16, wspace=0.03)
        for (by_seconds, by_epochs, key), group in zip(grid, groups.values()):
            name, size = caption(group[0])
            for axes, x, label in ((by_seconds, "seconds", "seconds of training"), (by_epochs, "epoch", "epochs")):
                draw_curves(axes, group, x)
                scale(axes, group, x)
                axes.set_xlabel(label)
            by_seconds.set_ylabel("loss")
            by_seconds.set_title(name, loc="left", weight="bold", fontsize=12, pad=12)
            by_epochs.set_title(size, loc="left", color=FAINT, fontsize=10, pad=12)
            if any(finite(run.column("test_loss")) for run in group):
                key.set_title("solid: train, dashed: test", loc="left", color=FAINT, fontsize=10, pad=12)
            draw_key(key, group)
        figure.suptitle("\n".join(filter(None, [title, machine(runs[0])])), x=0.012, ha="left", fontsize=9.5, color=FAINT)
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
