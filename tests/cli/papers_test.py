"""./dev papers from outside: rows that any machine must be able to reproduce, and that a row can fail."""

import json
import pathlib
import subprocess
import sys

from program import BENCH, ProgramTest

RUN = pathlib.Path(__file__).resolve().parents[2] / "bench/papers/run.py"

# Does an epoch less on two threads: what a mode that loses work would leave.
LAZY = """#!/bin/sh
two=
for word; do
  shift
  [ "$last" = --threads ] && [ "$word" = 2 ] && two=1
  last=$word
  set -- "$@" "$word"
done
last=
for word; do
  shift
  [ "$last" = --epochs ] && [ -n "$two" ] && [ "$word" -gt 1 ] && word=$((word - 1))
  last=$word
  set -- "$@" "$word"
done
exec "{bench}" "$@"
"""


class Papers(ProgramTest):
    def papers(self, *flags, bench=BENCH):
        words = [sys.executable, RUN, "--scale", "small", "--bench", bench, "--out", self.folder, *map(str, flags)]
        return subprocess.run(words, capture_output=True, text=True, timeout=540)

    def rows(self):
        return {row["row"]: row for row in json.loads((self.folder / "papers.json").read_text())["rows"]}

    def test_what_any_machine_reproduces(self):
        process = self.papers("--rows", "4,6,7,10,14,15")
        self.assertEqual(process.returncode, 0, process.stdout + process.stderr)
        for number, row in self.rows().items():
            verdicts = [claim["verdict"] for claim in row["claims"]]
            self.assertIn("holds", verdicts, number)
            self.assertNotIn("FAILS", verdicts, number)
        table = (self.folder / "papers.md").read_text()
        self.assertIn("| row | paper |", table)
        self.assertIn("6 rows in", table)

    def test_a_row_fails_where_the_program_does_something_else(self):
        lazy = self.folder / "bench_shm"
        lazy.write_text(LAZY.replace("{bench}", BENCH))
        lazy.chmod(0o755)
        process = self.papers("--rows", "10", bench=lazy)
        self.assertEqual(process.returncode, 1, process.stdout + process.stderr)
        self.assertIn("FAILS", [claim["verdict"] for claim in self.rows()[10]["claims"]])

    def test_figures_are_put_between_the_markers(self):
        page = self.folder / "page.md"
        page.write_text("kept\n<!-- row 14 -->\nstale figures\n<!-- end -->\nkept too\n")
        self.assertEqual(self.papers("--rows", "14", "--insert", page).returncode, 0)
        text = page.read_text()
        self.assertTrue(text.startswith("kept\n<!-- row 14 -->\n| its result") and text.endswith("<!-- end -->\nkept too\n"), text)
        self.assertNotIn("stale", text)

    def test_bad_input(self):
        for flags, says in (("--rows", "99"), "there is no row 99"), (("--rows", "x"), "whole numbers"), (("--repeats", "0"), "at least 1"):
            process = self.papers(*flags)
            self.assertEqual(process.returncode, 2, process.stderr)
            self.assertIn(says, process.stderr)
