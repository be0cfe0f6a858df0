"""bench_shm --simulate-workers: virtual workers, their staleness in the records, and what contradicts them."""

from program import GOOD, ProgramTest

SPAM = ("--data", "builtin:spam", "--transform", "log1p", "--normalize", "l2", "--epochs", "2")


class Simulate(ProgramTest):
    def summary(self, *flags):
        return self.records(*SPAM, "--simulate-workers", *flags)["summary"][-1]

    def test_one_worker_is_serial(self):
        serial, one = self.records(*SPAM, "--mode", "serial,hogwild", "--simulate-workers", 1)["summary"]
        self.assertEqual(one["digest"], serial["digest"])
        self.assertEqual(one["staleness"], {"unit": "updates", "mean": 0, "p50": 0, "p99": 0, "max": 0})
        self.assertEqual(serial["staleness"]["max"], 0)
        self.assertNotEqual(self.summary(2)["digest"], serial["digest"])

    def test_staleness_is_that_of_the_law(self):
        fixed = self.summary(51, "--tau", "fixed:50")["staleness"]
        self.assertEqual((fixed["p50"], fixed["p99"], fixed["max"]), (50, 50, 50))
        self.assertLess(fixed["mean"], 50)  # an epoch begins with all workers at its start
        self.assertGreater(fixed["mean"], 49)
        uniform = self.summary(51, "--tau", "uniform:10..90")["staleness"]
        self.assertAlmostEqual(uniform["p50"], 50, delta=2)
        self.assertEqual(uniform["max"], 90)
        file = self.file("histogram", "0 90\n70 10\n")
        histogram = self.summary(51, "--tau", f"histogram:{file}")["staleness"]
        self.assertEqual((histogram["p50"], histogram["p99"], histogram["max"]), (0, 70, 70))

    def test_table(self):
        self.assertIn("sim P=1000", self.good(*SPAM, "--simulate-workers", 1000, "--step", 0.01).stdout)

    def test_records_say_what_was_simulated(self):
        run = self.records(*SPAM, "--simulate-workers", 9, "--tau", "geometric:8")["run"][0]
        self.assertEqual((run["mode"], run["threads"]), ("hogwild", 1))
        self.assertEqual((run["options"]["simulate_workers"], run["options"]["tau"]), (9, "geometric:8"))

    def test_contradictions(self):
        data = ("--data", self.file("good.svm", GOOD))
        for workers in "0", "-1", "x", "9999999":
            self.bad(*data, "--simulate-workers", workers, says="--simulate-workers")
        self.bad(*data, "--tau", "fixed:3", says=["--tau", "--simulate-workers"])
        self.bad(*data, "--simulate-workers", 8, "--tau", "fixed:8", says=["--simulate-workers 8", "9 or more"])
        self.bad(*data, "--simulate-workers", 8, "--tau", "poisson:8", says=["--tau", "poisson"])
        self.bad(*data, "--simulate-workers", 8, "--tau", "", says=["--tau"])
        self.bad(*data, "--simulate-workers", 8, "--tau", f"histogram:{self.folder}/no", says="/no")
        self.bad(*data, "--simulate-workers", 8, "--mode", "serial,cached", says=["--simulate-workers", "cached"])
        self.bad(*data, "--simulate-workers", 8, "--threads", 2, says="--threads")
