"""The number of kernels stays small: every model x access is a function of its own, and they are most of the code."""

import re
import subprocess

from program import BENCH, ProgramTest


class Kernels(ProgramTest):
    def test_at_most_300(self):
        symbols = subprocess.run(["nm", "-C", BENCH], capture_output=True, text=True, check=True).stdout
        kernels = set(re.findall(r" [TWt] .*::detail::(?:steps|losses|predictions)<[^(]*>\(", symbols))
        self.assertGreaterEqual(len(kernels), 100)  # 21 models and widths, 3 accesses, loss and prediction
        self.assertLessEqual(len(kernels), 300)
