"""How runs of bench_shm end: targets, divergence, signals, exit status; and what it says of itself."""

import json
import math
import signal
import subprocess

from program import BENCH, GOOD, ProgramTest
from runs_test import SPAM


class Ends(ProgramTest):
    def test_target_loss(self):
        summary = self.records(*SPAM, "--mode", "serial", "--epochs", "20", "--target-loss", "0.1")["summary"][0]
        self.assertEqual(summary["stopped"], "target")
        self.assertLessEqual(summary["train_loss"], 0.1)
        self.assertLessEqual(summary["target_seconds"], summary["seconds"])
        missed = self.records(*SPAM, "--mode", "serial", "--epochs", "1", "--target-loss", "1e-9")["summary"][0]
        self.assertEqual((missed["stopped"], missed["target_seconds"]), ("epochs", None))

    def test_divergence(self):
        flags = (*SPAM, "--mode", "serial", "--step", "1e6")
        self.bad(*flags, "--quiet", status=3, says=["epoch", "step", "try --step"])
        process = self.run_bench(*flags, "--json", "-")
        summary = json.loads(process.stdout.splitlines()[-1])
        self.assertEqual((process.returncode, summary["stopped"]), (3, "diverged"))

    def test_backoff(self):
        process = self.run_bench(*SPAM, "--mode", "serial", "--step", "100000", "--epochs", "2", "--backoff", "--json", "-", "--quiet")
        self.assertEqual(process.returncode, 0, process.stderr)
        records = [json.loads(line) for line in process.stdout.splitlines()]
        said = process.stderr.splitlines()
        self.assertEqual(records[-1]["backoffs"], len(said))
        self.assertGreater(len(said), 0)
        for line in said:
            self.assertRegex(line, "^bench_shm: diverged in epoch .* at step .*: going on from epoch .* at step ")
        self.assertEqual([record["epoch"] for record in records if record["kind"] == "point"], [0, 1, 2])
        self.assertEqual(records[1 + 1]["step"], 100000 / 2 ** len(said))
        self.assertEqual(records[-1]["stopped"], "epochs")

    def test_step_auto(self):
        flags = (*SPAM, "--mode", "serial,hogwild", "--epochs", "2")
        process = self.good(*flags, "--step", "auto", "--curve", self.folder / "auto.jsonl")
        records = [json.loads(line) for line in (self.folder / "auto.jsonl").read_text().splitlines()]
        step = records[0]["options"]["step"]
        self.assertIn(f"step {step:.4g} (the best of 11 in a race of", process.stdout)
        first = [record for record in records if record["kind"] == "point" and record["epoch"] == 1]
        self.assertEqual([point["step"] for point in first], [step, step])
        given = self.records(*flags, "--step", step)
        self.assertEqual(given["summary"][0]["digest"], next(r["digest"] for r in records if r["kind"] == "summary"))

    def test_infinite_losses_are_null(self):
        process = self.run_bench("--data", self.file("big.svm", GOOD.replace("0.5", "1e30")), "--step", "1e30", "--json", "-",
                                 "--mode", "serial", "--quiet")
        self.assertEqual(process.returncode, 3, process.stderr)
        for line in process.stdout.splitlines():
            for value in json.loads(line).values():  # json.loads would accept NaN
                self.assertFalse(isinstance(value, float) and not math.isfinite(value))

    def test_interrupt_reports_and_saves(self):
        model, curve = self.folder / "model", self.folder / "curve.jsonl"
        process = subprocess.Popen(
            [BENCH, "--data", "builtin:spam", "--epochs", "1000000", "--mode", "hogwild", "--save", model, "--json", "-"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = [process.stdout.readline() for _ in range(4)]  # it trains
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
        self.assertEqual(process.wait(timeout=60), 130)
        self.assertEqual(json.loads(lines[-1])["stopped"], "interrupted")
        self.good("--data", "builtin:spam", "--epochs", "0", "--load", model, "--curve", curve)

    def test_more_threads_than_cores_is_said(self):
        process = self.good("--data", self.file("good.svm", GOOD), "--threads", "200", "--mode", "hogwild")
        self.assertIn("200 threads", process.stderr)

    def test_every_team_and_pin(self):
        data = self.file("good.svm", GOOD)
        for team in "openmp", "tbb", "threads":
            for pin in "auto", "core", "numa", "none":
                self.good("--data", data, "--team", team, "--pin", pin, "--threads", "3", "--mode", "all")


class Words(ProgramTest):
    def test_help_and_version(self):
        shown = self.good("--help").stdout
        for flag in ("--mode --model --data --test --transform --normalize --factors --hidden --tile --threads --team --pin --epochs --step "
                     "--schedule --decay --l2 --rule --seed --hot-rows --flush --batch --data-per-worker --replica "
                     "--merge-every --target-loss --curve --json --predict --save --load --quiet --version --telemetry "
                     " --inspect --simulate-workers --tau --record --replay --l1 --checkpoint --every "
                     "--resume --phase --backoff").split():
            self.assertIn(flag, shown)
        self.assertIn("private copies of the hot rows", shown)  # each mode with its line
        self.assertIn("modes", self.good("--version").stdout)
