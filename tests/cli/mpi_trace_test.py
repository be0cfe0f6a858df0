"""--trace: it can be read, spans nest, every rank is there, and waits add up. --calibrate: what it writes is taken back."""

import json

from program import GOOD, RanksTest, needs_mpirun

TRAINING = {"compute", "pad", "exchange", "wait", "evaluate"}


class Traces(RanksTest):
    def setUp(self):
        super().setUp()
        self.data = ("--data", self.file("good.svm", GOOD * 40), "--threads", 1, "--epochs", 2, "--batch", 80, "--pad", 5, "--straggler", "rank:1=3x")

    def check(self, ranks, text, mode):
        summary = self.by_kind(text)["summary"][0]
        with open(self.folder / "trace") as file:
            events = json.load(file)["traceEvents"]
        spans = [event for event in events if event["ph"] == "X"]
        self.assertEqual({event["pid"] for event in events if event["ph"] == "M"}, set(range(ranks)))
        self.assertEqual({event["args"]["left_out"] for event in events if event["name"] == "process_name"}, {0})
        for rank in range(ranks):
            own = [span for span in spans if span["pid"] == rank]
            for name in "compute", "pad", "exchange", "send", "receive":
                self.assertTrue([span for span in own if span["name"] == name], (mode, rank, name))
            self.assertEqual({span["tid"] for span in own if span["name"] in TRAINING}, {0})
            waits = sum(span["dur"] for span in own if span["name"] == "wait") / 1e6
            self.assertAlmostEqual(waits, summary["ranks_detail"][rank]["wait_seconds"], delta=1e-6 * len(own) + 1e-9)
            pads = sum(span["dur"] for span in own if span["name"] == "pad") / 1e6
            self.assertGreaterEqual(pads, 0.9 * summary["ranks_detail"][rank]["pad_seconds"])
            self.nest([span for span in own if span["tid"] == 0])
        # The control: waiting is no constant.
        self.assertGreater(summary["wait_seconds"], 0)

    def nest(self, spans):
        open_ends = []
        for span in sorted(spans, key=lambda span: (span["ts"], -span["dur"])):
            while open_ends and open_ends[-1] <= span["ts"] + 0.002:  # written to a thousandth of a microsecond
                open_ends.pop()
            if open_ends:
                self.assertLessEqual(span["ts"] + span["dur"], open_ends[-1] + 0.002, span)
            open_ends.append(span["ts"] + span["dur"])

    def test_threads_and_simulated_ranks(self):
        for transport in "inproc", "sim":
            for mode in "bsp", "ssp", "gossip":
                process = self.good(*self.data, "--transport", transport, "--ranks", 3, "--mode", mode, "--trace", self.folder / "trace", "--json", "-")
                self.check(3, process.stdout, mode)

    @needs_mpirun
    def test_processes(self):
        self.check(2, self.good_ranks(2, *self.data, "--mode", "local", "--trace", self.folder / "trace", "--json", "-").stdout, "local")

    def test_virtual_times_are_the_same_twice(self):
        traces = []
        for seed in 1, 1, 2:
            self.good(*self.data, "--transport", "sim", "--sim", "jitter=0.5", "--seed", seed, "--ranks", 3, "--mode", "async", "--trace", self.folder / "trace")
            traces.append((self.folder / "trace").read_text())
        self.assertEqual(traces[0], traces[1])
        self.assertNotEqual(traces[0], traces[2])

    def test_calibration_is_taken_back(self):
        model = self.folder / "model"
        self.good(*self.data, "--transport", "inproc", "--ranks", 2, "--mode", "local", "--calibrate", model)
        self.assertIn("compute=", model.read_text())
        run = self.records(*self.data, "--transport", "sim", "--ranks", 4, "--mode", "local", "--sim", model)
        self.assertEqual(run["run"][0]["options"]["sim"], model.read_text().strip())

    def test_bad_flags(self):
        for flags, says in [(("--mode", "bsp,ssp", "--trace", self.folder / "t"), ["--trace", "one run"]),
                            (("--transport", "sim", "--ranks", 2, "--calibrate", self.folder / "m"), "--calibrate"),
                            (("--calibrate", self.folder / "m"), ["--calibrate", "2 ranks"]),
                            (("--trace", self.folder / "none" / "t"), ["--trace", "no directory"]),
                            (("--transport", "sim", "--sim", self.folder / "none"), ["--sim", "--calibrate"])]:
            self.bad(*self.data[:2], "--quiet", *flags, says=says)
