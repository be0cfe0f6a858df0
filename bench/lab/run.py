"""A laboratory of consistency: every mode between ranks on four nodes of one machine, undisturbed and disturbed, against theory.

Exit status: 0 it ran, 1 something broke, 2 bad input.
"""

import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "bench/compare"), str(ROOT / "notebooks")]

import matrix  # noqa: E402
import nodes as network  # noqa: E402
from launch import Failed, Launcher  # noqa: E402
from scenarios import MODES, QUICK, RANKS, Work, all_scenarios  # noqa: E402
from table import Report  # noqa: E402


def flags():
    names = [scenario.name for scenario in all_scenarios(False)]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="lab")
    parser.add_argument("--modes", help=f"with commas between them (default all: {','.join(MODES)})")
    parser.add_argument("--scenarios", help=f"with commas between them (default all: {','.join(names)})")
    parser.add_argument("--repeat", type=int, default=1, help="of every run (default 1)")
    parser.add_argument("--quick", action="store_true", help="three modes, short runs: under a minute")
    parser.add_argument("--nodes", choices=["auto", "off"], default="auto", help="off: no namespaces, all ranks on this machine as it is")
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build/release/bin/bench_mpi", help="the bench_mpi to run")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out", help="folder for lab.md, lab.png and lab/, the records")
    chosen = parser.parse_args()
    chosen.modes = listed(parser, "--modes", chosen.modes, MODES) or (["bsp", "async", "gossip"] if chosen.quick else MODES)
    chosen.scenarios = listed(parser, "--scenarios", chosen.scenarios, names) or names
    if chosen.repeat < 1:
        parser.error(f"--repeat {chosen.repeat} cannot be used: give 1 or more")
    if not chosen.bench.is_file():
        parser.error(f"--bench {chosen.bench}: there is no such file; build it with ./dev build, or name another")
    return chosen


def listed(parser, flag, text, known):
    names = text.split(",") if text else []
    for name in names:
        if name not in known:
            parser.error(f'{flag}: "{name}" is unknown: give some of {",".join(known)}')
    return names


def live(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def open_nodes(chosen):
    """The nodes, or why there are none. Without namespaces yet, this starts the program again in new ones."""
    if chosen.nodes == "off":
        return None, "--nodes off"
    if not network.inside():
        if reason := network.why_not():
            return None, reason
        network.enter()
    return network.Nodes(RANKS), ""


def main():
    chosen = flags()
    nodes, reason = open_nodes(chosen)
    keep = chosen.out / "lab"
    keep.mkdir(parents=True, exist_ok=True)
    for old in keep.glob("run-*.jsonl"):
        old.unlink()
    report, launcher = Report(), Launcher(chosen.bench, nodes, keep)
    begin = time.monotonic()
    work = QUICK if chosen.quick else Work()
    scenarios = [scenario for scenario in all_scenarios(chosen.quick) if scenario.name in chosen.scenarios]
    report.heading("Every mode in every scenario")
    if nodes:
        report.text(f"{RANKS} ranks on {RANKS} nodes: network namespaces, each with its own link.")
    else:
        left_out = [scenario.name for scenario in scenarios if scenario.needs_nodes]
        report.text(f"{RANKS} ranks on this machine without nodes ({reason}): left out, {', '.join(left_out) or 'nothing'}.")
    results = matrix.measure(launcher, scenarios, chosen.modes, work, chosen.repeat, live)
    live("")
    expected = matrix.expectations(results, scenarios, work)
    report.table(f"time to a training loss of {work.target:g}", matrix.HEADER, matrix.lines(results, expected, work), left=2)
    report.text(f"{sum(map(len, results.values()))} runs in {time.monotonic() - begin:.0f} s.")
    report.write(chosen.out / "lab.md")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, network.Refused) as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
