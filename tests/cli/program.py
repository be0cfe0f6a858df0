"""Runs bench_shm from outside, as a user does."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

BENCH = os.environ["SOUNDER_BENCH_SHM"]

# Eight examples that a linear model can tell apart, and ratings of three users.
GOOD = "".join(f"+1 1:1 {3 + i}:0.5\n-1 2:1 {3 + i}:0.5\n" for i in range(4))
RATINGS = "".join(f"{u}\t{i}\t{1 + (u + i) % 5}\n" for u in (1, 2, 3) for i in (10, 20, 30, 40))


class ProgramTest(unittest.TestCase):
    """Gives each test a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def run_bench(self, *flags, **options):
        return subprocess.run([BENCH, *map(str, flags)], capture_output=True, text=True, timeout=300, **options)

    def good(self, *flags):
        """Runs, must end well; returns the process."""
        process = self.run_bench(*flags)
        self.assertEqual(process.returncode, 0, process.stderr)
        return process

    def records(self, *flags):
        """The records of a good run, by kind."""
        process = self.good("--json", "-", *flags)
        kinds = {"run": [], "point": [], "summary": []}
        for line in process.stdout.splitlines():
            record = json.loads(line)
            kinds[record["kind"]].append(record)
        return kinds

    def bad(self, *flags, says, status=2):
        """Runs, must end with one sentence on stderr that names all of `says`, and nothing on stdout."""
        process = self.run_bench(*flags)
        self.assertEqual(process.returncode, status, process.stdout + process.stderr)
        self.assertEqual(process.stderr.count("\n"), 1, f"not one line: {process.stderr!r}")
        self.assertTrue(process.stderr.startswith("bench_shm: "), process.stderr)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, process.stderr)
