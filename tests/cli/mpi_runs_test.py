"""What good runs on ranks leave: records, tables, models, predictions."""

import csv
import json
import re
import subprocess

from program import BENCH, GOOD, RANK_MODES, RATINGS, RanksTest, needs_mpirun
from runs_test import COMMON, FIELDS

SPAM = ("--data", "builtin:spam,part=train", "--test", "builtin:spam,part=test", "--transform", "log1p", "--normalize", "l2", "--threads", "1")
DETAIL = {"rank", "host", "examples", "rounds", "compute_seconds", "wait_seconds", "pad_seconds", "communication_seconds", "bytes_sent",
          "messages_sent", "bytes_to", "waited_for"}
OWN = ["dropped_updates", "staleness_updates", "node_staleness", "pad_seconds", "communication_seconds", "ranks_detail"]


class Records(RanksTest):
    def check(self, records, ranks):
        for kind, fields in FIELDS.items():
            for record in records[kind]:
                for field in COMMON + fields + (OWN if kind == "summary" else []):
                    self.assertIn(field, record, kind)
                self.assertEqual((record["ranks"], record["threads"], record["node_mode"]), (ranks, 1, "hogwild"))
        self.assertEqual([run["mode"] for run in records["run"]], RANK_MODES)
        for run in records["run"]:
            self.assertEqual((run["program"], run["data"]["examples"]), ("bench_mpi", 4837))
            self.assertTrue(run["machine"]["mpi"])
            self.assertEqual(run["options"]["staleness"], 2)
        for run in range(len(RANK_MODES)):
            points = [point for point in records["point"] if point["run"] == run]
            self.assertEqual([point["epoch"] for point in points], [0, 1, 2, 3])
            for field in "seconds", "examples", "bytes_sent":
                self.assertEqual([point[field] for point in points], sorted(point[field] for point in points))
            self.assertEqual(points[0]["bytes_sent"], 0)
            self.assertLess(points[-1]["train_loss"], points[0]["train_loss"])
        for summary in records["summary"]:
            self.assertEqual(summary["stopped"], "epochs")
            self.assertRegex(summary["digest"], "^[0-9a-f]{16}$")
            self.assertGreater(summary["test_metric"]["value"], 0.9)
            self.assertGreater(summary["test_auc"], 0.9)
            detail = summary["ranks_detail"]
            self.assertEqual([rank["rank"] for rank in detail], list(range(ranks)))
            for rank in detail:
                self.assertEqual(set(rank), DETAIL)
                self.assertEqual((len(rank["bytes_to"]), len(rank["waited_for"])), (ranks, ranks))
            for field in "compute_seconds", "wait_seconds", "bytes_sent", "messages_sent":
                self.assertAlmostEqual(summary[field], sum(rank[field] for rank in detail))
            self.assertGreaterEqual(sum(rank["examples"] for rank in detail), 3 * 4837)
            if ranks == 1:
                self.assertEqual(summary["bytes_sent"], 0)
            else:
                self.assertGreater(summary["bytes_sent"], 1000)
            if summary["mode"] == "ssp":
                self.assertEqual(summary["staleness"]["unit"], "clocks")
                self.assertLessEqual(summary["staleness"]["max"], 2)
            self.assertEqual(summary["audit"]["violations"], 0)
            if ranks > 1:
                self.assertGreater(summary["audit"]["reads"], 0)

    FLAGS = (*SPAM, "--mode", "all", "--epochs", "3", "--staleness", "2", "--audit", "--json", "-")

    def test_one_process(self):
        self.check(self.by_kind(self.good(*self.FLAGS).stdout), 1)

    def test_threads_as_ranks(self):
        self.check(self.by_kind(self.good(*self.FLAGS, "--transport", "inproc", "--ranks", "3").stdout), 3)

    @needs_mpirun
    def test_processes(self):
        self.check(self.by_kind(self.good_ranks(2, *self.FLAGS).stdout), 2)

    def test_the_grid_of_modes(self):
        flags = ("--data", self.file("good.svm", GOOD * 20), "--transport", "inproc", "--ranks", "2", "--epochs", "1")
        runs = self.records(*flags, "--mode", "bsp,async", "--node-mode", "serial,hogwild", "--threads", "1,2")["run"]
        self.assertEqual([(run["mode"], run["node_mode"], run["threads"]) for run in runs],
                         [(mode, *node) for mode in ("bsp", "async") for node in (("serial", 1), ("hogwild", 1), ("hogwild", 2))])

    def test_all_leaves_out_what_cannot_run(self):
        flags = ("--data", self.file("good.svm", GOOD * 20), "--transport", "inproc", "--ranks", "3", "--servers", "dedicated:1")
        self.assertEqual({run["mode"] for run in self.records(*flags, "--mode", "all", "--epochs", "1")["run"]}, {"ssp", "async"})

    def test_curve_as_a_table(self):
        flags = ("--data", self.file("good.svm", GOOD * 20), "--transport", "inproc", "--ranks", "2", "--mode", "ssp,local", "--epochs", "2")
        lines, table = self.folder / "c.jsonl", self.folder / "c.csv"
        self.good(*flags, "--json", lines, "--curve", table)
        records = [json.loads(line) for line in lines.read_text().splitlines()]
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["kind"] for row in rows], [record["kind"] for record in records])
        self.assertEqual((rows[0]["node_mode"], rows[0]["ranks"], rows[0]["options.staleness"]), ("hogwild", "2", "4"))
        for row, record in zip(rows, records):
            for field in {"point": ["bytes_sent", "train_loss"], "summary": ["bytes_sent", "communication_seconds"]}.get(row["kind"], []):
                self.assertEqual(float(row[field]), record[field])

    @needs_mpirun
    def test_what_a_person_sees(self):
        process = self.good_ranks(2, *SPAM, "--mode", "bsp,ssp", "--epochs", "2", "--verbose")
        for rank in 0, 1:
            self.assertEqual(len(re.findall(rf"^rank {rank} of 2, .*RANK={rank} LOCAL_RANK={rank} WORLD_SIZE=2", process.stdout, re.M)), 1)
        self.assertEqual(process.stdout.count("train builtin:spam"), 1)
        self.assertRegex(process.stdout, r"mode/node mode +ranks x threads .* waiting +sent +sent/s +staleness +ended")
        self.assertRegex(process.stdout, r"\nssp/hogwild +2 x 1 ")
        self.assertEqual(len(re.findall(r"^  [01] on \S+ ", process.stdout, re.M)), 4)
        self.assertNotIn("\r", process.stderr)


class Files(RanksTest):
    def test_the_same_model_on_any_number_of_ranks(self):
        def model(*flags, ranks=0):
            target = self.folder / "model"
            flags = (*SPAM[:-2], "--mode", "bsp", "--epochs", "2", "--batch", "512", "--save", target, "--quiet", *flags)
            if ranks:
                self.good_ranks(ranks, *flags)
            else:
                self.good(*flags)
            return target.read_bytes()

        one = model("--deterministic", "--threads", "1")
        for ranks in 2, 3, 4, 5, 8:
            self.assertEqual(model("--deterministic", "--threads", "1", "--transport", "inproc", "--ranks", ranks), one, ranks)
        self.assertEqual(model("--deterministic", "--threads", "2"), one)
        # The control: sums in another order are other bits.
        self.assertNotEqual(model("--reducer", "ring", "--threads", "1", "--transport", "inproc", "--ranks", 3), one)

    @needs_mpirun
    def test_the_same_model_on_any_number_of_processes(self):
        def model(ranks, threads):
            target = self.folder / "model"
            self.good_ranks(ranks, *SPAM[:-2], "--mode", "bsp", "--epochs", "2", "--batch", "512", "--deterministic", "--threads", threads,
                            "--save", target, "--quiet")
            return target.read_bytes()

        one = model(1, 1)
        for ranks, threads in (1, 2), (2, 1), (3, 2), (4, 1), (5, 1), (8, 1):
            self.assertEqual(model(ranks, threads), one, (ranks, threads))

    def test_what_is_measured_on_parts_of_the_test_set_is_that_of_the_whole(self):
        model = self.folder / "model"
        for ranks in "1", "3":
            parts = self.records(*SPAM, "--transport", "inproc", "--ranks", ranks, "--epochs", "2", "--save", model)["summary"][0]
            whole = self.by_kind(subprocess.run([BENCH, *SPAM, "--epochs", "0", "--load", model, "--json", "-"], check=True, capture_output=True,
                                                text=True).stdout)["summary"][0]
            self.assertEqual(parts["digest"], whole["digest"])
            self.assertEqual(parts["test_auc"], whole["test_auc"])  # counts of pairs: to the bit
            self.assertGreater(parts["test_auc"], 0.9)
            self.assertAlmostEqual(parts["test_metric"]["value"], whole["test_metric"]["value"], 12)
            self.assertAlmostEqual(parts["test_loss"], whole["test_loss"], 9)
        images = ("--model", "softmax", "--data", "builtin:fashion,part=train", "--test", "builtin:fashion,part=test", "--threads", "1", "--epochs", "1")
        self.assertIsNone(self.records(*images, "--transport", "inproc", "--ranks", "2")["summary"][0]["test_auc"])  # not of two classes

    def test_save_load_predict(self):
        model, first, second = (self.folder / name for name in ("model", "first", "second"))
        ranks = ("--transport", "inproc", "--ranks", "3")
        self.good(*SPAM, *ranks, "--epochs", "3", "--save", model, "--predict", first)
        self.good(*SPAM, "--epochs", "0", "--load", model, "--predict", second)
        self.assertEqual(first.read_text(), second.read_text())
        self.assertEqual(len(first.read_text().split()), 1209)
        data = self.file("good.svm", GOOD * 4)
        self.good("--data", data, *ranks, "--epochs", "30", "--threads", "1", "--predict", first)
        self.assertEqual([float(p) > 0.5 for p in first.read_text().split()], [True, False] * 16)  # in input order
        self.good("--model", "mf", "--data", self.file("good.tsv", RATINGS), *ranks, "--threads", "1", "--predict", first)
        self.assertEqual(len(first.read_text().split()), 12)
