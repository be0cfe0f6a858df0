"""Checkpoints and the race of steps of bench_mpi, from outside."""

import signal
import subprocess

from program import BENCH_MPI, ENVIRONMENT, RanksTest, needs_mpirun

SET = ("--data", "synthetic:zipf,examples=2000,features=20000,nonzeros=20", "--node-mode", "serial")
IN_ONE = ("--transport", "inproc", "--ranks")


class Resume(RanksTest):
    def setUp(self):
        super().setUp()
        self.checkpoint = self.folder / "run.checkpoint"

    def digest(self, *flags):
        return self.records(*SET, *flags)["summary"][0]["digest"]

    def test_a_resumed_run_is_the_run_that_never_stopped(self):
        for flags in (("--mode", "bsp"), ("--mode", "bsp", "--rule", "adam"), ("--mode", "local"), ("--mode", "local", "--step", "auto")):
            with self.subTest(flags=flags):
                flags = (*flags, *IN_ONE, "2")
                straight = self.records(*SET, *flags, "--epochs", "4")
                self.good(*SET, *flags, "--epochs", "2", "--checkpoint", self.checkpoint, "--quiet")
                resumed = self.records(*SET, *flags, "--epochs", "4", "--resume", self.checkpoint)
                self.assertEqual(resumed["summary"][0]["digest"], straight["summary"][0]["digest"])
                for one, other in zip(resumed["point"], straight["point"], strict=True):
                    for field in "epoch", "examples", "train_loss", "step":
                        self.assertEqual(one[field], other[field], field)
                seconds = [point["seconds"] for point in resumed["point"]]
                self.assertEqual(seconds, sorted(seconds))
                self.assertNotEqual(self.digest(*flags, "--epochs", "3"), straight["summary"][0]["digest"])

    @needs_mpirun
    def test_on_other_numbers_of_processes_to_the_same_bits(self):
        flags = ("--mode", "bsp", "--deterministic")
        straight = self.digest(*flags, "--epochs", "4")
        self.good_ranks(2, *SET, *flags, "--epochs", "2", "--checkpoint", self.checkpoint, "--quiet")
        for ranks in 1, 3:
            process = self.good_ranks(ranks, *SET, *flags, "--epochs", "4", "--resume", self.checkpoint, "--json", "-")
            self.assertEqual(self.by_kind(process.stdout)["summary"][0]["digest"], straight, ranks)

    def test_ctrl_c_leaves_one_and_says_how_to_go_on(self):
        process = subprocess.Popen([BENCH_MPI, *SET, *IN_ONE, "2", "--epochs", "1000000", "--checkpoint", self.checkpoint, "--quiet"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        while not self.checkpoint.exists():
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn(f"--resume {self.checkpoint}", err)
        points = self.records(*SET, *IN_ONE, "2", "--epochs", "0", "--resume", self.checkpoint)["point"]
        self.assertEqual([point["epoch"] for point in points], list(range(len(points))))
        self.assertIn(f"interrupted after epoch {len(points) - 1}:", err)

    def test_refusals(self):
        for mode in "ssp", "async", "gossip":
            self.bad(*SET, *IN_ONE, "2", "--mode", mode, "--checkpoint", self.checkpoint, "--quiet", says=["--checkpoint", f"--mode {mode}"])
        self.bad(*SET, *IN_ONE, "2", "--mode", "bsp,local", "--checkpoint", self.checkpoint, "--quiet", says="--checkpoint")
        self.bad(*SET, "--every", "2", says=["--every", "--checkpoint"])
        self.bad(*SET, "--resume", self.folder / "nowhere", "--quiet", says="nowhere")
        self.assertFalse(self.checkpoint.exists())
        self.good(*SET, *IN_ONE, "2", "--epochs", "1", "--checkpoint", self.checkpoint, "--quiet")
        table = self.folder / "out.csv"
        self.bad(*SET, *IN_ONE, "2", "--mode", "local", "--resume", self.checkpoint, "--curve", table, "--quiet", says="--mode bsp")
        self.bad(*SET, *IN_ONE, "2", "--resume", self.checkpoint, "--load", self.checkpoint, says="--load")
        self.assertFalse(table.exists())


class Steps(RanksTest):
    def test_the_step_that_wins_is_the_same_on_all_ranks_and_told(self):
        runs = self.records(*SET, *IN_ONE, "3", "--mode", "bsp,local", "--epochs", "2", "--step", "auto")
        steps = [run["options"]["step"] for run in runs["run"]]
        self.assertGreater(steps[0], 0)
        self.assertEqual(steps[1], 3 * steps[0])  # ranks that average go on as many times as far
        for point in runs["point"]:
            if point["epoch"] == 1:
                self.assertEqual(point["step"], steps[point["run"]])
        # The same by hand: nothing else was changed.
        self.assertEqual(self.records(*SET, *IN_ONE, "3", "--mode", "bsp", "--epochs", "2", "--step", repr(steps[0]))["summary"][0]["digest"],
                         runs["summary"][0]["digest"])

    @needs_mpirun
    def test_the_race_on_processes_is_that_on_threads(self):
        flags = (*SET, "--mode", "bsp", "--epochs", "1", "--step", "auto", "--json", "-")
        one = self.by_kind(self.good_ranks(2, *flags).stdout)["run"][0]["options"]["step"]
        self.assertEqual(one, self.by_kind(self.good(*flags, *IN_ONE, "2").stdout)["run"][0]["options"]["step"])

    def test_it_beats_a_bad_step(self):
        flags = (*SET, *IN_ONE, "2", "--mode", "bsp", "--epochs", "4")
        loss = lambda *more: self.records(*flags, *more)["summary"][0]["train_loss"]
        self.assertLess(loss("--step", "auto"), loss("--step", "0.001"))
