"""Runs one unittest file: main.py FILE. Exit status 0 passed, 77 some skipped and none failed, else 1."""

import pathlib
import sys
import unittest

path = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(path.parent))
suite = unittest.defaultTestLoader.loadTestsFromName(path.stem)
result = unittest.TextTestRunner(verbosity=2).run(suite)
if not result.wasSuccessful() or result.testsRun == 0:
    sys.exit(1)
sys.exit(77 if result.skipped else 0)
