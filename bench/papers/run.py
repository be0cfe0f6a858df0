"""The results of the papers that Sounder rests on, at the scale of a laptop: what was published, what ours shows.

Convergence is required. Speed depends on the machine: it is judged by medians of runs that were taken by turns, and a
difference is explained. Exit status: 0 all that is required holds, 1 something required fails, 2 bad input.
"""

import argparse
import json
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench/compare"))

import rows  # noqa: E402
from claims import Row  # noqa: E402
from lab import Failed, Lab  # noqa: E402
from table import aligned, markdown  # noqa: E402

HEADER = ["row", "paper", "its result", "ours", ""]


def flags():
    known = rows.load()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="papers")
    parser.add_argument("--rows", help=f"with commas between them (default all: {','.join(map(str, known))})")
    parser.add_argument("--scale", choices=["small", "full"], default="full", help="small: under a minute, judges no speed")
    parser.add_argument("--repeats", type=int, help="of every timing (default 5; small: 1)")
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build/release/bin/bench_shm", help="the bench_shm to run")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out", help="folder for papers.json and papers.md")
    parser.add_argument("--insert", type=pathlib.Path, help="also put the figures of each row between its markers in this file")
    chosen = parser.parse_args()
    try:
        numbers = [int(word) for word in chosen.rows.split(",")] if chosen.rows else list(known)
    except ValueError:
        parser.error("--rows: whole numbers, with commas between them")
    for number in numbers:
        if number not in known:
            parser.error(f"--rows: there is no row {number}; the rows are {','.join(map(str, known))}")
    if chosen.repeats is not None and chosen.repeats < 1:
        parser.error("--repeats must be at least 1")
    if not chosen.bench.is_file():
        parser.error(f"{chosen.bench} is not there; build it with ./dev build, or name it with --bench")
    if chosen.insert and not chosen.insert.is_file():
        parser.error(f"--insert {chosen.insert}: there is no such file")
    return chosen, [Row(known[number]) for number in numbers]


def live(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def carry_out(row, lab):
    cores = getattr(row.module, "CORES", 1)
    if lab.cores < cores:
        row.skipped = f"needs {cores} cores, this process may use {lab.cores}"
        return
    live(f"row {row.number}: {row.module.TITLE}")
    begin = time.monotonic()
    try:
        row.claims = row.module.run(lab)
    except Failed as error:
        row.error = str(error)
    row.seconds = time.monotonic() - begin
    live("")


def lines_of(row):
    start = [str(row.number), row.module.SOURCE]
    if row.skipped or row.error:
        return [[*start, row.module.TITLE, "-", "skipped" if row.skipped else "FAILS"]]
    return [[*(start if k == 0 else ["", ""]), claim.says, claim.ours, claim.verdict] for k, claim in enumerate(row.claims)]


def reasons_of(row):
    whole = row.skipped or row.error
    return [whole] if whole else [f"{claim.says}: {claim.why}" for claim in row.claims if claim.why]


def section_of(row):
    """What stands between the markers of a row."""
    parts = [markdown(HEADER[2:], [line[2:] for line in lines_of(row)], left=3)]
    if reasons := reasons_of(row):
        parts.append("\n".join(f"- {reason}." for reason in reasons))
    return "\n\n".join(parts)


def summary_of(lab, all_rows, seconds):
    verdicts = [claim.verdict for row in all_rows for claim in row.claims]
    counts = [f"{verdicts.count(word)} {word}" for word in ("holds", "differs", "reported", "FAILS") if word in verdicts]
    counts += [f"{sum(bool(row.error) for row in all_rows)} rows broke off"] * any(row.error for row in all_rows)
    skipped = sum(bool(row.skipped) for row in all_rows)
    machine = f"{lab.machine.get('cpu', 'unknown processor')}, {lab.cores} cores, {lab.distance}; Sounder {lab.version}"
    return f"{len(all_rows)} rows in {seconds:.0f} s: {', '.join(counts)}; {skipped} rows skipped. {machine}."


def record_of(lab, chosen, all_rows):
    return {
        "version": lab.version,
        "scale": chosen.scale,
        "machine": {**lab.machine, "core_to_core_ns": lab.core_to_core},
        "rows": [
            {
                "row": row.number,
                "source": row.module.SOURCE,
                "title": row.module.TITLE,
                "seconds": row.seconds,
                "skipped": row.skipped or None,
                "error": row.error or None,
                "claims": [{**vars(claim), "verdict": claim.verdict} for claim in row.claims],
            }
            for row in all_rows
        ],
    }


def insert(path, all_rows, summary):
    """Replaces what stands between <!-- row N --> and <!-- end -->."""
    text = path.read_text(encoding="utf-8")
    sections = {f"row {row.number}": section_of(row) for row in all_rows} | {"summary": summary}
    for name, section in sections.items():
        pattern = re.compile(f"<!-- {name} -->\n.*?<!-- end -->", re.DOTALL)
        text = pattern.sub(lambda _, name=name, section=section: f"<!-- {name} -->\n{section}\n<!-- end -->", text)
    path.write_text(text, encoding="utf-8")


def main():
    chosen, all_rows = flags()
    lab = Lab(chosen.bench, chosen.scale == "small", chosen.repeats)
    begin = time.monotonic()
    try:
        lab.meet()
    except Failed as error:
        print(f"papers: {error}", file=sys.stderr)
        return 1
    for row in all_rows:
        carry_out(row, lab)
    summary = summary_of(lab, all_rows, time.monotonic() - begin)
    lines = [line for row in all_rows for line in lines_of(row)]
    print(aligned(HEADER, lines, left=5))
    reasons = [f"row {row.number}: {reason}" for row in all_rows for reason in reasons_of(row)]
    print("\n" + "\n".join([*reasons, "", summary]))
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "papers.json").write_text(json.dumps(record_of(lab, chosen, all_rows), indent=1) + "\n", encoding="utf-8")
    text = [markdown(HEADER, lines, left=5), *(f"- {reason}" for reason in reasons), summary]
    (chosen.out / "papers.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")
    if chosen.insert:
        insert(chosen.insert, all_rows, summary)
    return 1 if any(row.failed for row in all_rows) else 0


if __name__ == "__main__":
    sys.exit(main())
