"""Every notebook runs to its end, for real, at a small scale (`./dev notebooks` runs them at full scale)."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from program import BENCH

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDED = "import matplotlib, nbconvert, ipykernel"


def python_with_jupyter():
    for python in sys.executable, str(ROOT / "build/venv/bin/python"):
        if pathlib.Path(python).exists() and subprocess.run([python, "-c", NEEDED], capture_output=True).returncode == 0:
            return python
    return None


class Notebooks(unittest.TestCase):
    def test_every_notebook_runs(self):
        python = python_with_jupyter()
        if not python:
            print("skipped: matplotlib, nbconvert or ipykernel is missing (./dev notebooks installs them)")
            self.skipTest("no jupyter")
        notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
        self.assertGreater(len(notebooks), 0)
        for notebook in notebooks:
            with self.subTest(notebook=notebook.name), tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [python, "-m", "nbconvert", "--to", "notebook", "--execute", "--output-dir", folder, str(notebook)],
                    capture_output=True, text=True, timeout=500,
                    env=os.environ | {"SOUNDER_SCALE": "small", "SOUNDER_BENCH_SHM": BENCH})
                self.assertEqual(done.returncode, 0, done.stderr[-3000:])
                self.assertIn('"image/png"', pathlib.Path(folder, notebook.name).read_text())
