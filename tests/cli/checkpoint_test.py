"""Checkpoints from outside: killed at any moment, on a full disk, interrupted, damaged."""

import json
import os
import random
import resource
import signal
import subprocess
import time
import unittest

from program import BENCH, GOOD, RATINGS, ProgramTest

SET = ("--data", "synthetic:zipf,examples=2000,features=20000,nonzeros=20", "--mode", "serial")


def small_files(limit):
    """For preexec_fn: no file may grow beyond `limit` bytes, as on a full disk."""
    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return apply


class CheckpointTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.checkpoint = self.folder / "run.checkpoint"

    def digest(self, *flags):
        return self.records(*SET, *flags)["summary"][0]["digest"]

    def epochs_in(self, checkpoint):
        """How many epochs a checkpoint holds; it must load, and its curve must have no gap."""
        points = self.records(*SET, "--epochs", "0", "--resume", checkpoint)["point"]
        self.assertEqual([point["epoch"] for point in points], list(range(len(points))))
        return len(points) - 1


class Resume(CheckpointTest):
    def test_a_resumed_run_is_the_run_that_never_stopped(self):
        for model in ("logistic",), ("svm", "--schedule", "backoff"), ("logistic", "--step", "auto"):
            with self.subTest(model=model):
                flags = ("--model", *model)
                straight = self.records(*SET, *flags, "--epochs", "10")
                self.good(*SET, *flags, "--epochs", "5", "--checkpoint", self.checkpoint, "--quiet")
                resumed = self.records(*SET, *flags, "--epochs", "10", "--resume", self.checkpoint)
                self.assertEqual(resumed["summary"][0]["digest"], straight["summary"][0]["digest"])
                for one, other in zip(resumed["point"], straight["point"], strict=True):
                    self.assertEqual({**one, "seconds": 0}, {**other, "seconds": 0})
                seconds = [point["seconds"] for point in resumed["point"]]
                self.assertEqual(seconds, sorted(seconds))
                self.assertNotEqual(self.digest(*flags, "--epochs", "9"), straight["summary"][0]["digest"])

    def test_other_threads_and_modes_go_on(self):
        self.good(*SET, "--epochs", "2", "--checkpoint", self.checkpoint)
        for mode in "serial,hogwild,cached", "atomic", "locked":
            records = self.records(*SET, "--mode", mode, "--threads", "1,2", "--epochs", "4", "--resume", self.checkpoint)
            for summary in records["summary"]:
                self.assertEqual((summary["stopped"], summary["examples"]), ("epochs", 4 * 2000))

    def test_every(self):
        self.good(*SET, "--epochs", "7", "--checkpoint", self.checkpoint, "--every", "3")
        self.assertEqual(self.epochs_in(self.checkpoint), 7)  # at the end too
        self.good(*SET, "--epochs", "9", "--checkpoint", self.checkpoint, "--resume", self.checkpoint, "--every", "0")
        self.assertEqual(self.epochs_in(self.checkpoint), 9)

    def test_ctrl_c_leaves_one_and_says_how_to_go_on(self):
        process = subprocess.Popen([BENCH, *SET, "--epochs", "1000000", "--checkpoint", self.checkpoint, "--every", "0", "--json", "-"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn(f"--resume {self.checkpoint}", err)
        epochs = self.epochs_in(self.checkpoint)
        self.assertGreaterEqual(epochs, 3)
        self.assertIn(f"interrupted after epoch {epochs}:", err)
        last = json.loads((lines + out.splitlines())[-1])
        self.assertEqual(last["stopped"], "interrupted")
        straight = self.digest("--epochs", epochs + 2)
        self.assertEqual(self.digest("--epochs", epochs + 2, "--resume", self.checkpoint), straight)

    def test_a_diverged_run_leaves_its_last_good_state(self):
        flags = ("--step", "1e9", "--checkpoint", self.checkpoint)
        self.assertEqual(self.run_bench(*SET, *flags).returncode, 3)
        points = self.records(*SET, "--step", "1e9", "--epochs", "0", "--resume", self.checkpoint)["point"]
        self.assertEqual([point["epoch"] for point in points], [0])
        process = self.run_bench(*SET, *flags, "--resume", self.checkpoint, "--backoff", "--epochs", "2")
        self.assertIn("going on from epoch 0", process.stderr)


class Killed(CheckpointTest):
    def test_kill_at_any_moment_leaves_a_loadable_checkpoint(self):
        random.seed(5)
        before, moved = -1, 0
        for kill in range(25):
            resume = ("--resume", self.checkpoint) if self.checkpoint.exists() else ()
            process = subprocess.Popen([BENCH, *SET, "--epochs", "1000000", "--checkpoint", self.checkpoint, *resume, "--json", "-"],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            wanted = before + random.randint(2, 8) if kill % 5 else -1  # most in the middle of work, some at once
            reported = -1
            while reported < wanted:
                reported = max(reported, json.loads(process.stdout.readline()).get("epoch", -1))
            time.sleep(random.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            for line in process.communicate()[0].splitlines():
                try:
                    reported = max(reported, json.loads(line).get("epoch", -1))
                except json.JSONDecodeError:
                    pass  # the line that the kill has cut
            self.assertEqual(process.returncode, -signal.SIGKILL)
            # The point of an epoch is reported before its checkpoint is written, and after that of the epoch before.
            if reported >= 2:
                self.assertTrue(self.checkpoint.exists())
            if self.checkpoint.exists():
                epochs = self.epochs_in(self.checkpoint)
                self.assertGreaterEqual(epochs, before)
                self.assertGreaterEqual(epochs, reported - 1)
                moved += epochs > before
                before = epochs
        self.assertGreaterEqual(moved, 20)
        self.good(*SET, "--epochs", "0", "--resume", self.checkpoint, "--checkpoint", self.checkpoint)
        self.assertEqual(os.listdir(self.folder), [self.checkpoint.name])  # what the killed ones left is gone
        self.assertEqual(self.digest("--epochs", before + 1), self.digest("--epochs", before + 1, "--resume", self.checkpoint))

    def test_a_writer_in_place_would_be_found(self):
        """What a kill would leave of a file that is written in place, cut at any byte, is refused."""
        self.good(*SET, "--epochs", "2", "--checkpoint", self.checkpoint)
        whole = self.checkpoint.read_bytes()
        random.seed(6)
        for size in [0, 1, 8, 16, len(whole) - 1, *(random.randrange(len(whole)) for _ in range(10))]:
            with self.subTest(size=size):
                cut = self.file("cut", whole[:size])
                self.bad(*SET, "--resume", cut, says=["cut", "checkpoint", ": give"])
        new = bytes(len(whole) // 3) + whole[len(whole) // 3:]  # a new file's begin before an old one's end
        self.bad(*SET, "--resume", self.file("mixed", whole[:20] + new[20:]), says=["mixed", "cut short or altered"])


class FullDisk(CheckpointTest):
    def test_training_goes_on_and_the_old_checkpoint_stays(self):
        self.good(*SET, "--epochs", "2", "--checkpoint", self.checkpoint)
        before = self.checkpoint.read_bytes()
        process = self.run_bench(*SET, "--epochs", "6", "--resume", self.checkpoint, "--checkpoint", self.checkpoint, "--json", "-",
                                 preexec_fn=small_files(len(before) // 2))
        self.assertEqual(process.returncode, 2, process.stderr)
        self.assertEqual(process.stderr.count("the run goes on"), 1)
        self.assertEqual(process.stderr.count("the last checkpoint is lost"), 1)
        summary = json.loads(process.stdout.splitlines()[-1])
        self.assertEqual((summary["stopped"], summary["digest"]), ("epochs", self.digest("--epochs", "6")))
        self.assertEqual(self.checkpoint.read_bytes(), before)
        self.assertEqual(os.listdir(self.folder), [self.checkpoint.name])  # no half of a file beside it
        self.assertEqual(self.digest("--epochs", "6", "--resume", self.checkpoint), summary["digest"])


class BadCheckpoints(CheckpointTest):
    def setUp(self):
        super().setUp()
        self.good(*SET, "--epochs", "1", "--checkpoint", self.checkpoint)

    def resume(self, *flags, says):
        self.bad(*SET, "--resume", self.checkpoint, *flags, says=says)

    def test_what_does_not_fit(self):
        self.resume("--model", "svm", says="--model logistic")
        self.resume("--seed", "2", says="--seed 1")
        self.resume("--l2", "0.1", says="--l2 0")
        self.resume("--step", "0.1", says="--step")
        self.resume("--decay", "0.5", says="--decay 0.85")
        self.resume("--schedule", "constant", says="--schedule exponential")
        self.resume("--transform", "log1p", says="--transform none")
        self.resume("--normalize", "l2", says="--normalize none")
        self.resume("--data", self.file("good.svm", GOOD), says="--data")
        ratings = ("--model", "mf", "--data", self.file("good.tsv", RATINGS))
        self.bad(*ratings, "--resume", self.checkpoint, says="--model logistic")
        mf = self.folder / "mf"
        self.good(*ratings, "--mode", "serial", "--factors", "20", "--checkpoint", mf)
        self.bad(*ratings, "--factors", "21", "--resume", mf, says="--factors 20")

    def test_what_is_no_checkpoint(self):
        model = self.folder / "model"
        self.good(*SET, "--epochs", "1", "--save", model)
        for path in model, self.file("text", "hello\n" * 50), self.folder / "nowhere", self.folder:
            with self.subTest(path=path):
                self.bad(*SET, "--resume", path, says=str(path))
        self.bad(*SET, "--load", self.checkpoint, says="not a Sounder model")

    def test_flags(self):
        self.bad(*SET, "--load", self.checkpoint, "--resume", self.checkpoint, says=["--load", "--resume"])
        self.bad(*SET, "--every", "2", says=["--every", "--checkpoint"])
        self.bad(*SET, "--every", "-1", "--checkpoint", self.checkpoint, says="--every")
        self.bad(*SET, "--checkpoint", "-", says="--json")
        self.bad(*SET, "--mode", "serial,hogwild", "--checkpoint", self.checkpoint, says="--checkpoint")
        self.bad(*SET, "--checkpoint", self.folder / "no" / "where", says="--checkpoint")
        self.bad(*SET, "--save", self.checkpoint, "--checkpoint", self.checkpoint, says=["--save", "--checkpoint"])
        self.bad(*SET, "--save", self.checkpoint, "--resume", self.checkpoint, says=["--save", "--resume"])

    def test_a_refused_checkpoint_writes_over_nothing(self):
        kept = self.file("kept.jsonl", "precious")
        self.resume("--seed", "2", "--curve", kept, says="--seed")
        with open(kept) as file:
            self.assertEqual(file.read(), "precious")


if __name__ == "__main__":
    unittest.main()
