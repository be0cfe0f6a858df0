"""Telemetry costs under 3 % of the instructions of training: counted by valgrind, so no clock is asked."""

import os
import re
import shutil
import subprocess

from program import BENCH, ProgramTest


class Cost(ProgramTest):
    def instructions(self, telemetry, epochs):
        """All, and those of the steps alone."""
        out = self.folder / "callgrind"
        process = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", BENCH, "--data", "builtin:spam,part=train",
             "--transform", "log1p", "--normalize", "l2", "--mode", "hogwild", "--threads", "1", "--epochs", str(epochs), "--quiet",
             "--telemetry", telemetry], capture_output=True, text=True, timeout=500,
            preexec_fn=lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]))  # one core: nothing spins
        if "unhandled instruction" in process.stderr:
            self.skipTest("valgrind does not know the instructions of this processor (AVX-512): build with -DSOUNDER_ARCH=x86-64-v3")
        self.assertEqual(process.returncode, 0, process.stderr)
        listing = subprocess.run(["callgrind_annotate", "--threshold=100", out], capture_output=True, text=True, check=True).stdout
        counts = [(int(count.replace(",", "")), name) for count, name in re.findall(r"^ *([\d,]+) \( *[\d.]+%\)  (.*)$", listing, re.M)]
        total = sum(count for count, name in counts if "PROGRAM TOTALS" not in name)
        return total, sum(count for count, name in counts if "detail::steps<" in name)

    def test_under_3_percent(self):
        if not shutil.which("valgrind"):
            self.skipTest("valgrind is not installed")
        # The hottest lines are found once, after training: what grows with the epochs is what training pays.
        few_off, few_on = self.instructions("off", 2), self.instructions("on", 2)
        many_off, many_on = self.instructions("off", 18), self.instructions("on", 18)
        extra = (many_on[0] - many_off[0]) - (few_on[0] - few_off[0])
        steps = many_off[1] - few_off[1]
        self.assertGreater(steps, 1e7)
        ratio = extra / steps
        self.assertGreater(ratio, 0.001)  # it was on
        self.assertLess(ratio, 0.03)
