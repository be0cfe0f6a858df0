"""bench_cuda from outside, on the emulated device: its modes and flags, what its runs leave, and how they end."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from program import GOOD, RATINGS, ProgramTest
from runs_test import COMMON, FIELDS

BENCH_CUDA = os.environ.get("SOUNDER_BENCH_CUDA", "")
SMALL = ("--data", "synthetic:zipf,examples=2000,features=300", "--threads", "2", "--epochs", "2", "--step", "0.05", "--l2", "1e-3")
EMULATED = ("--device", "emu")


def why_no_gpu():
    """The sentence of bench_cuda where there is no GPU, or None."""
    shown = subprocess.run([BENCH_CUDA, "--device", "cuda", "--data", "builtin:spam", "--epochs", "0", "--quiet"], capture_output=True, text=True,
                           timeout=120)
    return shown.stderr if shown.returncode == 77 else None


class CudaTest(ProgramTest):
    command = [BENCH_CUDA]
    name = "bench_cuda"


class Training(CudaTest):
    """bench/gpu/train.py: what the tables of docs/benchmarks.md are made with."""

    def train(self, *arguments):
        script = Path(__file__).resolve().parents[2] / "bench/gpu/train.py"
        return subprocess.run([sys.executable, script, "--bench", BENCH_CUDA, "--device", "emu", "--turns", "1", "--threads", "2", *arguments], capture_output=True,
                              text=True, timeout=600)

    def test_a_row_is_trained_in_every_mode_and_shown(self):
        done = self.train("--rows", "spam,ml1m", "--sets", "/nowhere")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for mode in "cpu", "gpu", "hybrid":
            self.assertRegex(done.stdout, rf"(?m)^\s+{mode} +[\d.]+ +0\.\d+ +0\.\d+")
        self.assertRegex(done.stdout, r"spam: hybrid / \(cpu \+ gpu\) \d")
        self.assertIn("ml1m: skipped: ml-1m.tsv.xz is not in /nowhere: give --sets", done.stdout)

    def test_what_it_cannot_do_it_says(self):
        done = self.train("--rows", "ml2m")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no row ml2m: give some of", done.stderr)


class Runs(CudaTest):
    def test_every_mode_leaves_the_records_of_the_contract(self):
        records = self.records(*SMALL, *EMULATED, "--mode", "all", "--test", "synthetic:zipf,examples=200,features=300")
        self.assertEqual([run["mode"] for run in records["run"]], ["cpu", "gpu", "hybrid"])
        self.assertEqual([run["node_mode"] for run in records["run"]], ["hogwild", None, "hogwild"])
        self.assertEqual([run["machine"]["gpu"] for run in records["run"]], [None, "emulated device", "emulated device"])
        self.assertEqual(len(records["point"]), 3 * 3)
        for kind, fields in FIELDS.items():
            for record, field in itertools.product(records[kind], COMMON + fields):
                self.assertIn(field, record, kind)
        for point in records["point"]:
            self.assertEqual(point["updates"], 2000 * point["epoch"])
        for summary in records["summary"]:
            self.assertEqual(summary["cpu_updates"] + summary["gpu_updates"], summary["updates"])
            self.assertEqual((summary["updates"], summary["stopped"]), (4000, "epochs"))
        cpu, gpu, hybrid = records["summary"]
        self.assertEqual((cpu["gpu_updates"], gpu["cpu_updates"]), (0, 0))
        self.assertIsNone(cpu["remark"])
        self.assertIn("emulated device: placement device", gpu["remark"])
        self.assertIn("emulated device: placement mirror", hybrid["remark"])
        losses = [summary["train_loss"] for summary in records["summary"]]
        self.assertLess(max(losses), 0.95 * records["point"][0]["train_loss"])  # all have learned

    def test_every_placement_update_and_merge(self):
        for flags in (*(("--placement", name) for name in ("auto", "host", "mirror", "managed", "pinned")),
                      *(("--update", name) for name in ("racy", "red", "red-sys")),
                      *(("--gpu-data", name) for name in ("auto", "resident", "stream")),
                      *(("--merge", name, "--sync-ms", "0") for name in ("auto", "sum", "mean"))):
            with self.subTest(flags=flags):
                records = self.records(*SMALL, *EMULATED, "--mode", "hybrid", "--gpu-streams", "2", "--gpu-workers", "4", *flags)
                options, summary = records["run"][0]["options"], records["summary"][0]
                self.assertEqual(options[flags[0].removeprefix("--").replace("-", "_")], flags[1])
                self.assertEqual((options["gpu_streams"], options["gpu_workers"], options["device"]), (2, 4, "emu"))
                self.assertEqual(summary["cpu_updates"] + summary["gpu_updates"], 4000)
                self.assertLess(summary["train_loss"], 0.95 * records["point"][0]["train_loss"])

    def test_a_split_deals_out_users(self):
        ratings = ("--data", "synthetic:netflix,users=200,items=50,examples=3000", "--model", "mf", "--factors", "16", "--threads", "2", "--epochs", "3")
        for flags, placement in ((("--placement", "split"), "split"), (("--placement", "mirror"), "mirror")):
            records = self.records(*ratings, *EMULATED, "--mode", "hybrid", *flags)
            summary = records["summary"][0]
            self.assertIn(f"placement {placement}", summary["remark"])
            self.assertEqual("an exchange is of" in summary["remark"], placement == "split")
            self.assertEqual(summary["cpu_updates"] + summary["gpu_updates"], 9000)
            if placement == "split":  # a part is dealt to each side; elsewhere the first to come may take all of so few
                self.assertGreater(min(summary["cpu_updates"], summary["gpu_updates"]), 0)
            self.assertLess(summary["train_loss"], records["point"][0]["train_loss"])

    def test_rows_of_16_bits(self):
        ratings = ("--data", "synthetic:netflix,users=200,items=100,examples=3000", "--model", "mf", "--threads", "2", "--epochs", "3", *EMULATED)
        for storage in "f32", "bf16", "f16":
            with self.subTest(storage=storage):
                records = self.records(*ratings, "--mode", "gpu,hybrid", "--storage", storage)
                for run, summary in zip(records["run"], records["summary"]):
                    self.assertEqual((run["options"]["storage"], run["options"]["update"]), (storage, "red"))
                    self.assertEqual(summary["cpu_updates"] + summary["gpu_updates"], 9000)
                    self.assertLess(summary["train_loss"], 0.99 * records["point"][0]["train_loss"])

    def test_every_model_with_a_kernel(self):
        ratings = self.file("ratings.tsv", RATINGS)
        for model in "logistic", "svm", "squared", "softmax", "fm", "mf", "mlp":
            self.good("--data", ratings if model == "mf" else self.file("good.svm", GOOD), "--model", model, *EMULATED, "--mode", "all", "--quiet")

    def test_mlp_by_mini_batches(self):
        for flags, batch in ((), 16), (("--batch", 5), 5):
            for record in self.records(*SMALL, *EMULATED, "--model", "mlp", "--mode", "gpu,hybrid", *flags)["summary"]:
                self.assertIn(f"mini-batches of {batch} in 4 streams", record["remark"])
                self.assertEqual(record["cpu_updates"] + record["gpu_updates"], 4000)

    def test_the_table_says_who_did_what_and_where(self):
        said = self.good(*SMALL, *EMULATED, "--mode", "gpu,hybrid").stdout
        self.assertIn("emulated device: placement", said)
        self.assertRegex(said, r"gpu x2: 100[.]0 % of the updates by the GPU")
        self.assertRegex(said, r"hybrid/hogwild 1x2: [0-9.]+ % of the updates by the GPU")

    def test_save_load_and_predict(self):
        model, predictions = self.folder / "model", self.folder / "predictions"
        summary = self.records(*SMALL, *EMULATED, "--mode", "hybrid", "--save", model, "--predict", predictions)["summary"][0]
        self.assertEqual(len(predictions.read_text().split()), 2000)
        again = self.records(*SMALL, *EMULATED, "--mode", "gpu", "--load", model, "--epochs", "0")["summary"][0]
        self.assertEqual((again["digest"], again["train_loss"]), (summary["digest"], summary["train_loss"]))

    def test_a_resumed_run_goes_on(self):
        saved, model = self.folder / "run.ck", self.folder / "model"
        for mode in "gpu", "hybrid":
            flags = (*SMALL, *EMULATED, "--mode", mode)
            first = self.records(*flags, "--checkpoint", saved, "--save", model)
            on = self.records(*flags, "--resume", saved, "--epochs", "4")
            self.assertEqual([point["epoch"] for point in on["point"]], [0, 1, 2, 3, 4])
            self.assertEqual([point["train_loss"] for point in on["point"][:3]], [point["train_loss"] for point in first["point"]])
            self.assertNotEqual(on["summary"][0]["digest"], first["summary"][0]["digest"])
            counts = [on["summary"][0][field] for field in ("updates", "cpu_updates", "gpu_updates")]
            self.assertEqual((counts[0], counts[1] + counts[2]), (8000, 4000))  # who did those before is not known
            nothing = self.records(*flags, "--resume", saved)["summary"][0]
            self.assertEqual(nothing["digest"], first["summary"][0]["digest"])

    def test_target_loss_ends_a_run(self):
        summary = self.records(*SMALL, *EMULATED, "--mode", "hybrid", "--epochs", "50", "--target-loss", "0.69")["summary"][0]
        self.assertEqual(summary["stopped"], "target")


class Ends(CudaTest):
    def test_divergence_advises(self):
        for mode in "gpu", "hybrid":
            self.bad("--data", self.file("big.svm", GOOD.replace("0.5", "1e3")), "--model", "squared", "--step", "1e6", *EMULATED, "--mode", mode,
                     "--quiet", status=3, says=["diverged in epoch", "try --step"])

    def test_interrupt_reports_and_saves(self):
        model = self.folder / "model"
        process = subprocess.Popen([BENCH_CUDA, *SMALL, *EMULATED, "--epochs", "1000000", "--mode", "hybrid", "--save", model, "--json", "-"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = [process.stdout.readline() for _ in range(4)]  # it trains
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
        self.assertEqual(process.wait(timeout=60), 130)
        self.assertEqual(json.loads(lines[-1])["stopped"], "interrupted")
        self.assertTrue(model.exists())

    def test_no_gpu(self):
        sentence = why_no_gpu()
        if sentence is None:
            self.skipTest("there is a GPU here")
        self.assertRegex(sentence, "^bench_cuda: .*(CUDA|GPU|driver).*\n$")
        self.assertEqual(sentence.count("\n"), 1)
        self.bad(*SMALL, "--mode", "hybrid", "--curve", self.folder / "run.jsonl", status=77, says=sentence.strip())  # --device auto
        self.assertFalse((self.folder / "run.jsonl").exists())
        self.good(*SMALL, "--mode", "cpu", "--device", "none", "--quiet")


class BadInput(CudaTest):
    def test_what_has_no_kernel_is_refused_before_anything_is_written(self):
        curve = self.folder / "run.jsonl"
        graph = ("--model", "cut", "--data", "synthetic:grid-cut")
        for flags, says in (((*SMALL, "--rule", "adagrad"), ["--rule adagrad", "give --rule sgd"]),
                            ((*SMALL, "--model", "mlp", "--update", "racy"), ["--model mlp", "give --update red"]),
                            (graph, ["--model cut", "give another model"]),
                            ((*SMALL, "--storage", "bf16"), ["--storage bf16", "--model mf", "leave --storage out"]),
                            ((*SMALL, "--storage", "f16", "--placement", "pinned"), ["--storage f16", "--placement pinned", "give --placement mirror"]),
                            (("--data", "synthetic:netflix,users=200,items=100,examples=3000", "--model", "mf", "--storage", "f16", "--placement", "split"),
                             ["--storage f16", "--placement split", "give --placement mirror"]),
                            ((*SMALL, "--storage", "f16", "--update", "red-sys"), ["--update red-sys", "--storage f16", "give --update red"]),
                            ((*SMALL, "--placement", "device"), ["--placement device", "coherent link", "--mode gpu"]),
                            ((*SMALL, "--placement", "split"), ["--placement split", "declares none", "give --placement mirror"]),
                            ((*SMALL, "--node-mode", "conflictfree"), ["--node-mode conflictfree", "give --node-mode hogwild"]),
                            ((*SMALL, "--node-mode", "averaged"), ["--node-mode averaged", "give --node-mode hogwild"]),
                            ((*SMALL, "--node-mode", "snapshot"), ["--node-mode snapshot", "give --node-mode hogwild"]),
                            ((*SMALL, "--node-mode", "cached"), ["--node-mode", "private windows", "give --node-mode hogwild"])):
            with self.subTest(flags=flags):
                self.bad(*flags, *EMULATED, "--mode", "cpu,hybrid", "--curve", curve, says=says)
                self.assertFalse(curve.exists())
        self.good(*SMALL, "--mode", "cpu", "--node-mode", "cached", "--quiet")
        self.good(*SMALL, *EMULATED, "--mode", "cpu,gpu", "--node-mode", "cached", "--threads", "2", "--quiet")  # the threads of gpu only evaluate
        self.good(*SMALL, "--mode", "cpu", "--rule", "adagrad", "--quiet")

    def test_bad_values(self):
        for flags, says in ((("--mode", "warp"), ["--mode", "warp", "cpu, gpu, hybrid"]),
                            (("--device", "tpu"), ["--device", "auto, cuda, emu, none"]),
                            (("--placement", "both"), ["--placement", "both", "mirror"]),
                            (("--update", "fast"), ["--update", "racy, red, red-sys"]),
                            (("--merge", "max"), ["--merge", "auto, sum, mean"]),
                            (("--gpu-data", "disk"), ["--gpu-data", "auto, resident, stream"]),
                            (("--gpu-streams", "0"), ["--gpu-streams 0", "1 to 64"]),
                            (("--gpu-workers", "0"), ["--gpu-workers 0", "give 1 to"]),
                            (("--gpu-workers", "many"), ["--gpu-workers", "whole number"]),
                            (("--sync-ms", "-1"), ["--sync-ms -1", "0 to 60000"]),
                            (("--sync-ms", "nan"), ["--sync-ms", "number"]),
                            (("--node-mode", "warp"), ["--node-mode", "hogwild"]),
                            (("--threads", "1,2"), ["--threads", "one number"]),
                            (("--step", "auto"), ["--step auto", "give a number"]),
                            (("--device", "none"), ["--device none", "--mode"]),
                            (("--storage", "fp16"), ["--storage"]),
                            (("--mode", "all", "--save", "model"), ["--save", "one --mode"])):
            with self.subTest(flags=flags):
                self.bad(*SMALL, *EMULATED, *flags, says=says)
        self.bad(*EMULATED, says="--data is missing")

    def test_flags_that_do_nothing_are_refused(self):
        for flag, value in (("--placement", "host"), ("--update", "red"), ("--gpu-streams", 2), ("--gpu-workers", 2), ("--sync-ms", 1),
                            ("--merge", "sum"), ("--gpu-data", "stream")):
            self.bad(*SMALL, "--mode", "cpu", flag, value, says=[f"{flag} does nothing with --mode cpu", "or give --mode", "hybrid"])
        for flag, value in (("--sync-ms", 1), ("--merge", "sum"), ("--node-mode", "atomic")):
            self.bad(*SMALL, *EMULATED, "--mode", "gpu", flag, value, says=[f"{flag} does nothing with --mode gpu", "hybrid"])
        for flag, value in (("--sync-ms", 1), ("--merge", "sum")):
            self.bad(*SMALL, *EMULATED, "--placement", "host", flag, value, says=[f"{flag} does nothing with --placement host", "give --placement mirror"])
        for flag, value in (("--gpus", 2), ("--gpus", 1), ("--server-placement", "cpu")):
            self.bad(*SMALL, *EMULATED, flag, value, says=[f"{flag} is of rounds", "give bench_mpi --mode bsp --node-mode gpu"])
        self.bad(*SMALL, *EMULATED, "--batch", 64, says=["--batch does nothing in mode hogwild"])
        self.bad(*SMALL, "--mode", "cpu", "--model", "mlp", "--batch", 64, says=["--batch does nothing in mode hogwild"])
        self.bad(*SMALL, *EMULATED, "--model", "mlp", "--batch", "all", says=["--batch all", "give a number"])
        self.bad(*SMALL, *EMULATED, "--model", "mlp", "--batch", 100000, says=["--batch 100000 is out of range"])

    def test_help_and_version(self):
        shown = self.good("--help").stdout
        for flag in ("--mode --device --placement --update --gpu-streams --gpu-workers --sync-ms --merge --gpu-data --node-mode --model --data --test --threads "
                     "--epochs --step --l2 --curve --json --predict --save --load --checkpoint --resume --backoff --quiet --version").split():
            self.assertIn(flag, shown)
        self.assertIn("GPU streams and CPU threads at the same time", shown)  # each name with its line
        self.assertRegex(self.good("--version").stdout, r"\ncuda      (the emulated device only|[0-9]+[.][0-9]+.*, and the emulated device)")
