"""A laboratory of consistency: every mode between ranks on the nodes of one machine, undisturbed and disturbed, against theory.

Exit status: 0 it ran, 1 something broke, 2 bad input.
"""

import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "bench/compare"), str(ROOT / "notebooks")]

import grid  # noqa: E402
import lab_figures  # noqa: E402
import laws  # noqa: E402
import matrix  # noqa: E402
import nodes as network  # noqa: E402
import rows  # noqa: E402
import scale  # noqa: E402
import sum_rows  # noqa: E402
import sweep  # noqa: E402
from launch import Failed, Launcher  # noqa: E402
from scenarios import MODES, QUICK, RANKS, Work, all_scenarios  # noqa: E402
from table import Report  # noqa: E402

ROWS = rows.ROWS | sum_rows.ROWS | {"sweep": sweep.row_sweep, "sweep-ranks": sweep.row_sweep_ranks}


def flags():
    names = [scenario.name for scenario in all_scenarios(False)]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="lab")
    parser.add_argument("--modes", help=f"with commas between them (default all: {','.join(MODES)})")
    parser.add_argument("--scenarios", help=f"with commas between them (default all: {','.join(names)})")
    parser.add_argument("--grid", action="store_true", help=f"instead: {','.join(grid.INSIDE)} inside x {','.join(grid.BETWEEN)} between ranks")
    parser.add_argument("--scale", action="store_true", help=f"instead: time to a loss against the number of workers, simulated, up to {scale.WORKERS[-1]}")
    parser.add_argument("--rows", help=f"instead: results of papers with their controls, with commas between them, or all: {','.join(ROWS)}")
    parser.add_argument("--repeat", type=int, default=1, help="of every run, by turns (default 1)")
    parser.add_argument("--quick", action="store_true", help="three modes, short runs: under a minute")
    parser.add_argument("--nodes", choices=["auto", "off"], default="auto", help="off: no namespaces, all ranks on this machine as it is")
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build/release/bin/bench_mpi", help="the bench_mpi to run")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out", help="folder for lab.md, the figures, and lab/, the records")
    chosen = parser.parse_args()
    if chosen.grid and chosen.rows is not None:
        parser.error("--grid and --rows are two things: give one of them")
    if chosen.scale and (chosen.grid or chosen.rows is not None):
        parser.error("--scale is a thing of its own: leave --grid and --rows out")
    if chosen.scale and (chosen.scenarios or chosen.repeat != 1):
        parser.error("--scale has no scenarios, and the same run twice is the same: leave --scenarios and --repeat out")
    for flag, given in (("--modes", chosen.modes), ("--scenarios", chosen.scenarios)):
        if given and (chosen.grid or chosen.rows is not None):
            parser.error(f"{flag} does nothing with --grid or --rows: leave it out")
    if chosen.quick and chosen.rows is not None:
        parser.error("--quick does nothing with --rows: leave it out")
    if chosen.grid and chosen.repeat != 1:
        parser.error("--repeat does nothing with --grid: leave it out")
    chosen.modes = listed(parser, "--modes", chosen.modes, MODES) or (["bsp", "async", "gossip"] if chosen.quick else MODES)
    chosen.scenarios = listed(parser, "--scenarios", chosen.scenarios, names) or names
    if chosen.rows is not None:
        chosen.rows = list(ROWS) if chosen.rows == "all" else listed(parser, "--rows", chosen.rows, ROWS)
    if chosen.repeat < 1:
        parser.error(f"--repeat {chosen.repeat} cannot be used: give 1 or more")
    if not chosen.bench.is_file():
        parser.error(f"--bench {chosen.bench}: there is no such file; build it with ./dev build, or name another")
    return chosen


def listed(parser, flag, text, known):
    names = text.split(",") if text is not None else []
    for name in names:
        if name not in known:
            parser.error(f'{flag}: "{name}" is unknown: give some of {",".join(known)}')
    return names


def live(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def open_nodes(chosen):
    """The nodes, or why there are none."""
    if chosen.nodes == "off":
        return None, "--nodes off"
    if not network.inside():
        return None, network.why_not()
    return network.Nodes(2 * RANKS), ""  # as many servers as ranks that train


def place(launcher, reason):
    if launcher.nodes:
        return f"{RANKS} ranks on {RANKS} nodes: network namespaces, each with its own link."
    return f"{RANKS} ranks on this machine without nodes ({reason}): left out, {{}}."


def save(chosen, report, name, draw):
    """A figure, where there is matplotlib."""
    try:
        figure = draw()
    except ImportError:
        return report.text(f"No {name}: matplotlib is missing (./dev lab installs it).")
    figure.savefig(chosen.out / name, dpi=110, facecolor="white")
    return report.text(f"Figure: {chosen.out / name}")


def every_mode(chosen, launcher, report, reason):
    work = QUICK if chosen.quick else Work()
    scenarios = [scenario for scenario in all_scenarios(chosen.quick) if scenario.name in chosen.scenarios]
    report.heading("Every mode in every scenario")
    report.text(place(launcher, reason).format(", ".join(scenario.name for scenario in scenarios if scenario.needs_nodes) or "nothing"))
    results = matrix.measure(launcher, scenarios, chosen.modes, work, chosen.repeat, live)
    live("")
    expected = matrix.expectations(results, scenarios, work)
    report.table(f"time to a training loss of {work.target:g}", matrix.HEADER, matrix.lines(results, expected, work), left=2)
    save(chosen, report, "lab.png", lambda: lab_figures.matrix(results, expected, scenarios, work.target))
    if chosen.quick:
        return
    costs, agreements = laws.costs(launcher, live), laws.agreements(launcher, live)
    live("")
    report.table("two laws", ["", "measured", "formula"], laws.lines(costs, agreements))
    save(chosen, report, "lab-laws.png", lambda: lab_figures.laws(costs, agreements))


def two_levels(chosen, launcher, report, reason):
    report.heading("Inside of a rank times between ranks")
    report.text(place(launcher, reason).format("nothing"))
    outcomes = grid.measure(launcher, chosen.quick, live)
    live("")
    report.table(f"one rank 4 times as slow; time to a training loss of {grid.TARGET:g}", grid.HEADER, grid.lines(outcomes), left=2)
    save(chosen, report, "lab-grid.png", lambda: lab_figures.grid(grid.cells(outcomes), grid.INSIDE, grid.BETWEEN))


def papers(chosen, launcher, report, reason):
    report.heading("Results of papers, with their controls")
    lines, left_out, figures = rows.carry_out({name: ROWS[name] for name in chosen.rows}, launcher, chosen.repeat, live)
    live("")
    report.text(place(launcher, reason).format("what is listed below" if left_out else "nothing"))
    report.table(f"ratios within a turn, medians of {chosen.repeat}", rows.HEADER, lines)
    report.bullets(left_out)
    for name, (figure, *given) in figures.items():
        save(chosen, report, name, lambda: getattr(lab_figures, figure)(*given))


def many_workers(chosen, launcher, report, _):
    report.heading("Many workers, simulated")
    workers = [1, 4, 16] if chosen.quick else scale.WORKERS
    found = scale.measure(chosen.bench, chosen.out / "lab", chosen.modes, workers, chosen.quick, live)
    launcher.count += len(found)
    live("")
    report.text(f"{scale.EACH} examples a worker and round of {scale.SET}, {scale.NETWORK}; virtual seconds.")
    report.table(f"to a training loss of {scale.TARGET:g}", scale.HEADER, list(scale.lines(found, scale.TARGET)))
    save(chosen, report, "lab-scale.png", lambda: lab_figures.scale(scale.reached(found, scale.TARGET), scale.TARGET))


def main():
    chosen = flags()
    nodes, reason = (None, "") if chosen.scale else open_nodes(chosen)
    if not nodes and not reason and not chosen.scale:
        return network.enter()  # this program again, where nodes can be
    keep = chosen.out / "lab"
    keep.mkdir(parents=True, exist_ok=True)
    for old in keep.glob("run-*.jsonl"):
        old.unlink()
    report, launcher = Report(), Launcher(chosen.bench, nodes, keep)
    begin = time.monotonic()
    work = many_workers if chosen.scale else papers if chosen.rows is not None else two_levels if chosen.grid else every_mode
    work(chosen, launcher, report, reason)
    report.text(f"{launcher.count} calls of bench_mpi in {time.monotonic() - begin:.0f} s.")
    report.write(chosen.out / "lab.md")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, network.Refused) as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
