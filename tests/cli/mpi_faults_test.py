"""Ranks that die, hang or are told to stop; output that cannot be written."""

import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

from program import ENVIRONMENT, GOOD, RanksTest, mpirun, needs_mpirun

LONG = ("--data", "builtin:spam", "--transform", "log1p", "--normalize", "l2", "--threads", "1", "--epochs", "1000000")


def alive(pid):
    """Whether it still runs: a zombie that nobody has waited for yet does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def ranks_of(launcher):
    """Process ids of the ranks that mpirun has started, by rank."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if not folder.name.isdigit() or int((folder / "stat").read_text().rsplit(") ", 1)[1].split()[1]) != launcher:
                continue
            variables = dict(entry.split("=", 1) for entry in (folder / "environ").read_text().split("\0") if "=" in entry)
            found[int(variables["OMPI_COMM_WORLD_RANK"])] = int(folder.name)
        except (OSError, KeyError, IndexError):
            pass  # it has ended, or is no rank
    return found


@needs_mpirun
class Ranks(RanksTest):
    def start(self, ranks, *flags, loud=False):
        """A run that has begun to train; ended with the test. `loud`: mpirun may speak."""
        command = mpirun(ranks, *LONG, "--verbose", *flags)
        if loud:
            command.remove("--quiet")
        shown = self.folder / "shown"
        with open(shown, "w") as out, open(self.folder / "said", "w") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, text=True, env=ENVIRONMENT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        end = time.monotonic() + 60
        while "loaded in" not in shown.read_text():
            self.assertIsNone(process.poll(), (self.folder / "said").read_text())
            self.assertLess(time.monotonic(), end, "it does not come to train")
            time.sleep(0.05)
        time.sleep(0.5)
        return process

    def test_a_rank_that_hangs_is_named(self):
        for mode, stopped in ("bsp", 1), ("ssp", 0):
            with self.subTest(mode=mode):
                process = self.start(3, "--mode", mode, "--deadline", "3")
                os.kill(ranks_of(process.pid)[stopped], signal.SIGSTOP)
                self.assertEqual(process.wait(timeout=60), 2)
                said = self.said((self.folder / "said").read_text())
                self.assertEqual(len(said), 1, said)
                self.assertRegex(said[0], rf"rank {stopped}\b")

    def test_a_rank_that_dies_ends_the_others(self):
        process = self.start(3, "--mode", "async", "--deadline", "3", loud=True)
        pids = ranks_of(process.pid)
        os.kill(pids[1], signal.SIGKILL)
        self.assertNotEqual(process.wait(timeout=60), 0)
        self.assertIn("process rank 1 ", (self.folder / "said").read_text())  # mpirun sees it before any rank does
        self.assertEqual([rank for rank, pid in pids.items() if alive(pid)], [])

    def test_ctrl_c_reports(self):
        for target, sent in ("ranks", signal.SIGINT), ("mpirun", signal.SIGUSR1):  # which mpirun passes on
            with self.subTest(target=target):
                curve, model = self.folder / f"{target}.jsonl", self.folder / f"{target}.model"
                process = self.start(2, "--mode", "ssp", "--curve", curve, "--save", model)
                for pid in ranks_of(process.pid).values() if target == "ranks" else [process.pid]:
                    os.kill(pid, sent)
                self.assertEqual(process.wait(timeout=60), 130)
                last = json.loads(curve.read_text().splitlines()[-1])
                self.assertEqual((last["kind"], last["stopped"]), ("summary", "interrupted"))
                self.assertGreater(last["examples"], 0)
                self.assertTrue(model.exists())
                self.assertIn("interrupted", (self.folder / "shown").read_text())

    def test_windows_that_the_library_does_not_make(self):
        rma = mpirun(2, "--data", self.file("good.svm", GOOD), "--threads", "1", "--quiet", "--mode", "rma", "--epochs", 1)
        self.assertEqual(self.run_command(rma).returncode, 0)
        without = [*rma[:1], "--mca", "osc", "^sm,rdma,ucx,pt2pt", *rma[1:]]
        self.says_once(self.run_command(without), ["no memory to one-sided communication", "one machine", "--mode async"])

    def test_output_that_cannot_be_written(self):
        good = ("--data", self.file("good.svm", GOOD), "--threads", "1", "--quiet")
        self.says_once(self.run_ranks(2, *good, "--curve", self.folder / "no" / "where.jsonl"), "--curve")
        self.says_once(self.run_ranks(2, *good, "--save", self.folder), "--save")
        if os.path.exists("/dev/full"):
            for flag in "--json", "--predict", "--save":
                self.says_once(self.run_ranks(2, *good, flag, "/dev/full"), ["/dev/full", "No space left"])

    def test_a_run_that_diverges(self):
        flags = ("--data", "builtin:spam", "--transform", "log1p", "--normalize", "l2", "--threads", "1", "--step", "1e6", "--quiet")
        self.says_once(self.run_ranks(2, *flags, "--mode", "bsp"), ["diverged", "--step"], status=3)


class OneProcess(RanksTest):
    def test_ctrl_c_ends_ranks_that_are_threads(self):
        curve = self.folder / "curve.jsonl"
        process = subprocess.Popen([*self.command, *LONG, "--transport", "inproc", "--ranks", "2", "--mode", "local", "--curve", curve],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        while "loaded in" not in process.stdout.readline():
            self.assertIsNone(process.poll())
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(json.loads(curve.read_text().splitlines()[-1])["stopped"], "interrupted")

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full here")
    def test_full_disk(self):
        for flag in "--json", "--predict", "--save":
            with self.subTest(flag=flag):
                self.bad("--data", self.file("good.svm", GOOD), "--quiet", "--transport", "inproc", "--ranks", "2", "--threads", "1", flag,
                         "/dev/full", says=["/dev/full", "No space left"])

    def test_bad_data_writes_over_nothing(self):
        kept = self.file("kept.jsonl", "precious")
        self.bad("--data", self.file("bad.svm", GOOD + "+1 3:x\n"), "--transport", "inproc", "--ranks", "3", "--curve", kept, says="bad.svm:9")
        self.assertEqual(pathlib.Path(kept).read_text(), "precious")
