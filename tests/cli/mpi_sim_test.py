"""Ranks that are simulated: real training in virtual seconds, the same twice, and as slow as theory says."""

import re

from program import GOOD, RANK_MODES, RanksTest

RUN = ("--transport", "sim", "--model", "logistic", "--epochs", "2")


class Simulated(RanksTest):
    def setUp(self):
        super().setUp()
        self.data = ("--data", self.file("good.svm", GOOD * 40))

    def lines(self, *flags):
        """Records, without the one clock of the machine that they tell of."""
        return re.sub(r'"load_seconds":[0-9.e-]+', "", self.good(*RUN, *self.data, "--json", "-", *flags).stdout)

    def seconds(self, *flags):
        return {summary["mode"]: summary["seconds"] for summary in self.records(*RUN, *self.data, *flags)["summary"]}

    def test_the_same_twice_in_every_mode(self):
        flags = ("--ranks", 5, "--mode", "all", "--sim", "compute=20us,vary=0.5,jitter=0.5", "--batch", 40, "--audit")
        first = self.lines(*flags)
        self.assertEqual(first, self.lines(*flags))
        self.assertNotEqual(first, self.lines(*flags, "--seed", 2))  # the control
        records = self.by_kind(self.good(*RUN, *self.data, "--json", "-", *flags).stdout)
        self.assertEqual([summary["mode"] for summary in records["summary"]], [mode for mode in RANK_MODES if mode != "rma"])  # no windows in virtual time
        for run in records["run"]:
            self.assertEqual((run["options"]["time"], run["options"]["transport"]), ("virtual", "sim"))
            self.assertIn("compute=2e-05s", run["options"]["sim"])
        for summary in records["summary"]:
            self.assertEqual((summary["audit"]["violations"], summary["stopped"], summary["communication_seconds"]), (0, "epochs", None))
            points = [point["train_loss"] for point in records["point"] if point["run"] == summary["run"]]
            self.assertLess(points[-1], points[0])

    def test_it_trains_as_ranks_do(self):
        """The bits of deterministic bsp are those of threads as ranks."""
        flags = (*self.data, "--mode", "bsp", "--deterministic", "--epochs", "2", "--ranks", 3, "--threads", 1)
        digests = [self.records(*flags, "--transport", transport)["summary"][0]["digest"] for transport in ("sim", "inproc")]
        self.assertEqual(*digests)

    def test_one_slow_rank_costs_what_theory_says(self):
        """bsp goes at the pace of the slowest; async makes the rounds of all: 3 + 1/4 a pad, where bsp makes 4 in four pads."""
        flags = ("--ranks", 4, "--mode", "bsp,async", "--partition", "range", "--batch", 8, "--pad", 10, "--sim", "compute=0,latency=1us")
        even = self.seconds(*flags)
        slow = self.seconds(*flags, "--straggler", "rank:1=4x")
        self.assertAlmostEqual(even["bsp"], 2 * 40 * 0.010, delta=0.01)  # 40 rounds of 8 an epoch
        self.assertAlmostEqual(slow["bsp"] / even["bsp"], 4, delta=0.05)
        self.assertAlmostEqual(slow["bsp"] / slow["async"], 3.25, delta=0.2)

    def test_the_best_bound_of_staleness_is_in_the_middle(self):
        """Ho et al. 2013: with no bound to spare ranks wait for stragglers; with reads as old as a large one allows steps so long oscillate."""
        def seconds(s, *flags, visibility="exact"):
            """To the loss; None: not there."""
            records = self.records("--transport", "sim", "--ranks", 8, "--model", "logistic", "--data", "builtin:spam,part=train", "--transform", "log1p",
                                   "--normalize", "l2", "--partition", "range", "--batch", 160, "--step", 0.02, "--schedule", "constant", "--epochs", 2,
                                   "--pad", 1, "--mode", "ssp", "--staleness", s, "--visibility", visibility, *flags)
            return next((point["seconds"] for point in records["point"] if point["train_loss"] < 0.4), None)

        random = ("--straggler", "random:p=0.1,10x")
        none, middle = seconds(0, *random), seconds(4, *random)
        self.assertLess(2 * middle, none)
        self.assertIsNone(seconds(16, *random))  # twice what theory.stable_delay allows
        self.assertLessEqual(seconds(16, *random, visibility="at-least"), middle)  # a bound that is not used up does no harm,
        self.assertLess(seconds(0), 1.3 * seconds(4))  # and one that nobody needs does no good: the controls

    def test_hundreds_of_ranks(self):
        run = self.records(*RUN, *self.data, "--ranks", 200, "--mode", "local", "--batch", "all", "--epochs", 1)
        self.assertEqual(run["summary"][0]["examples"], 320)
        self.assertEqual(len(run["summary"][0]["ranks_detail"]), 200)

    def test_hundreds_of_ranks_are_the_same_twice(self):
        flags = ("--ranks", 200, "--mode", "bsp,adpsgd,backup", "--batch", "all", "--sim", "compute=20us,vary=0.5,jitter=0.5")
        self.assertEqual(self.lines(*flags), self.lines(*flags))

    def test_one_rank_of_adpsgd_ends_after_its_rounds(self):
        """One more may begin before the word to stop has come."""
        rank = self.records(*RUN, *self.data, "--ranks", 1, "--mode", "adpsgd", "--batch", 8)["summary"][0]["ranks_detail"][0]
        self.assertIn(rank["rounds"], (80, 81))

    def test_what_a_person_sees(self):
        self.assertIn("simulated ranks, virtual seconds", self.good(*RUN, *self.data, "--ranks", 2).stdout)

    def test_bad_flags(self):
        for flags, says in [(("--transport", "sim", "--sim", "compute=2"), ["--sim", "compute=2us"]),
                            (("--transport", "sim", "--ranks", 2000), ["--ranks 2000", "1 to 1024"]),
                            (("--transport", "sim", "--threads", 2), "--threads"),
                            (("--transport", "sim", "--reducer", "mpi"), "--reducer mpi"),
                            (("--transport", "sim", "--mode", "rma"), ["--mode rma", "--transport sim", "--mode async"]),
                            (("--transport", "sim", "--ranks", 65, "--deterministic"), ["--deterministic", "64"]),
                            (("--sim", "compute=2us"), "--transport sim")]:
            self.bad(*self.data, "--quiet", *flags, says=says)
