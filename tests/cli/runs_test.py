"""What good runs leave: records, tables, models, predictions."""

import csv
import json
import re
import subprocess

from program import GOOD, RATINGS, ProgramTest

SPAM = ("--data", "builtin:spam,part=train", "--test", "builtin:spam,part=test", "--transform", "log1p", "--normalize", "l2")
COMMON = ["kind", "run", "mode", "node_mode", "threads", "ranks"]
FIELDS = {
    "run": ["program", "version", "model", "data", "seed", "options", "machine"],
    "point": ["epoch", "seconds", "examples", "updates", "bytes_sent", "train_loss", "test_loss", "test_metric", "step"],
    "summary": [
        "seconds", "load_seconds", "examples_per_second", "nonzeros_per_second", "train_loss", "test_loss", "test_metric",
        "digest", "target_seconds", "staleness", "conflict_rate", "lost_rate", "compute_seconds", "wait_seconds",
        "bytes_sent", "messages_sent", "cpu_updates", "gpu_updates", "audit", "stopped", "remark",
    ],
}


class Records(ProgramTest):
    def test_every_field_of_the_contract(self):
        records = self.records(*SPAM, "--mode", "all", "--threads", "1,2", "--epochs", "3")
        for kind, fields in FIELDS.items():
            for record in records[kind]:
                for field in COMMON + fields:
                    self.assertIn(field, record, kind)
        runs = [(run["mode"], run["threads"]) for run in records["run"]]
        self.assertEqual(runs.count(("serial", 1)), 1)
        expected = 1 + 2 * len({mode for mode, _ in runs} - {"serial"})  # serial once, the others on one and two threads
        self.assertEqual(len(runs), expected)
        self.assertGreaterEqual(expected, 15)
        self.assertEqual([run["run"] for run in records["run"]], list(range(expected)))
        self.assertEqual(len(records["point"]), expected * 4)
        for run in records["run"]:
            self.assertEqual(run["data"]["examples"], 4837)
            self.assertEqual(set(run["machine"]), {"cpu", "cores", "core_to_core_ns", "compiler", "mpi", "gpu"})
        for summary in records["summary"]:
            self.assertRegex(summary["digest"], "^[0-9a-f]{16}$")
            self.assertEqual(summary["stopped"], "epochs")
            self.assertEqual(summary["test_metric"]["name"], "accuracy")
            self.assertGreater(summary["test_metric"]["value"], 0.95)

    def test_flags_of_the_modes(self):
        full = self.records(*SPAM, "--mode", "averaged", "--threads", "3", "--epochs", "2", "--data-per-worker", "full")
        self.assertEqual(full["summary"][0]["examples"], 3 * 2 * 4837)  # every worker visits all
        digests = [self.records(*SPAM, "--mode", "conflictfree", "--epochs", "2", "--threads", threads)["summary"][0]
                   for threads in (1, 2)]
        self.assertEqual(digests[0]["digest"], digests[1]["digest"])
        self.assertRegex(digests[0]["remark"], "shards.*parallel share 0[.]")
        self.assertIsNone(full["summary"][0]["remark"])
        run = self.records(*SPAM, "--mode", "batched", "--epochs", "1", "--batch", "all")["run"][0]
        self.assertEqual(run["options"]["batch"], "all")

    def test_curve_holds_the_same_records(self):
        def timeless(items):
            return [{key: value for key, value in item.items() if "second" not in key} for item in items]

        jsonl, table = self.folder / "c.jsonl", self.folder / "c.csv"
        flags = ("--data", self.file("good.svm", GOOD), "--mode", "serial", "--epochs", "2")
        self.good(*flags, "--curve", jsonl)
        self.good(*flags, "--curve", table)
        records = [json.loads(line) for line in jsonl.read_text().splitlines()]
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([record["kind"] for record in records], ["run", "point", "point", "point", "summary"])
        self.assertEqual([row["kind"] for row in rows], [record["kind"] for record in records])
        for record, row in zip(records, rows):
            for field, value in record.items():
                if field in ("machine", "options", "data") or field.endswith(("seconds", "_per_second")):
                    continue
                if field == "staleness":
                    continue  # see below
                if isinstance(value, list):
                    self.assertEqual(timeless(json.loads(row[field])), timeless(value), field)  # JSON text in its cell
                elif isinstance(value, (int, float)):
                    self.assertEqual(float(row[field]), value, field)
                elif isinstance(value, str):
                    self.assertEqual(row[field], value, field)
                else:
                    self.assertIn(value, (None,), field)
        self.assertEqual(rows[0]["data.examples"], "8")
        self.assertEqual(rows[0]["options.epochs"], "2")
        self.assertEqual(json.loads(rows[-1]["staleness.histogram"]), records[-1]["staleness"]["histogram"])
        self.assertEqual((len(records[-1]["workers"]), rows[0]["workers"]), (1, ""))
        self.assertEqual((rows[-1]["staleness.unit"], rows[-1]["staleness.max"], rows[-1]["lost_rate"]), ("updates", "0", "0.0"))

    def test_json_on_stdout_is_alone_there(self):
        process = self.good("--data", self.file("good.svm", GOOD), "--json", "-", "--mode", "serial")
        for line in process.stdout.splitlines():
            json.loads(line)
        self.assertIn("train loss", process.stderr)

    def test_quiet_and_pipes(self):
        data = self.file("good.svm", GOOD)
        process = self.good("--data", data, "--quiet")
        self.assertEqual(process.stdout + process.stderr, "")
        self.assertNotIn("\r", self.good("--data", data).stderr)  # no live line on a pipe

    def test_serial_repeats_its_digest_and_the_seed_changes_it(self):
        def digest(*flags):
            return self.records(*SPAM, "--epochs", "2", *flags)["summary"][0]["digest"]

        self.assertEqual(digest("--mode", "serial"), digest("--mode", "serial"))
        self.assertEqual(digest("--mode", "serial"), digest("--mode", "hogwild", "--threads", "1"))
        self.assertNotEqual(digest("--mode", "serial"), digest("--mode", "serial", "--seed", "2"))


class Telemetry(ProgramTest):
    def test_every_run_measures_itself(self):
        modes = "serial,hogwild,atomic,locked,cached,averaged,replicated"
        for summary in self.records(*SPAM, "--mode", modes, "--threads", "1,2", "--epochs", "5")["summary"]:
            # Worker 0 says when all look; where cores are taken it may come too late in every epoch, and nothing is seen.
            seen = [summary[field] is not None for field in ("staleness", "conflict_rate", "lost_rate")]
            self.assertTrue(all(seen) or summary["threads"] == 2)
            if summary["staleness"]:
                self.assertEqual(set(summary["staleness"]), {"unit", "mean", "p50", "p99", "max", "samples", "histogram"})
                self.assertEqual(sum(count for _, _, count in summary["staleness"]["histogram"]), summary["staleness"]["samples"])
            for rate in "conflict_rate", "lost_rate":
                self.assertTrue(0 <= (summary[rate] or 0) < 1, rate)
            if summary["threads"] == 1:
                self.assertEqual((summary["staleness"]["max"], summary["conflict_rate"], summary["lost_rate"]), (0, 0, 0))
            if summary["mode"] in ("atomic", "locked"):
                self.assertFalse(summary["lost_rate"])
            self.assertEqual(len(summary["workers"]), summary["threads"])
            self.assertEqual(sum(worker["examples"] for worker in summary["workers"]), summary["examples"])
            for field in "compute_seconds", "wait_seconds":
                self.assertAlmostEqual(sum(worker[field] for worker in summary["workers"]), summary[field])
            self.assertGreaterEqual(len(summary["hottest"]), 5)
            self.assertEqual(summary["hottest"], sorted(summary["hottest"][:5], key=lambda line: -line["share"]) + summary["hottest"][5:])

    def test_modes_that_gather_gradients_audit_no_writes(self):
        for summary in self.records(*SPAM, "--mode", "batched,snapshot,conflictfree", "--threads", "2", "--epochs", "2")["summary"]:
            self.assertIsNone(summary["lost_rate"])
            self.assertEqual(sum(worker["examples"] for worker in summary["workers"]), summary["examples"])

    def test_off_measures_nothing(self):
        summary = self.records(*SPAM, "--mode", "hogwild", "--threads", "2", "--epochs", "1", "--telemetry", "off")["summary"][0]
        for field in "staleness", "conflict_rate", "lost_rate", "compute_seconds", "wait_seconds", "workers", "hottest":
            self.assertIsNone(summary[field], field)

    def test_a_line_a_run_and_the_hottest_lines_when_asked(self):
        shown = self.good(*SPAM, "--mode", "hogwild,cached", "--threads", "1,2", "--epochs", "2").stdout
        found = "staleness p50 [0-9]+ p99 [0-9]+ max [0-9]+ updates, .* met a change, .* lost, "
        for run, says in ("hogwild x1", found), ("hogwild x2", ".*"), ("cached x1", found), ("cached x2", ".*"):  # see above: two may see nothing
            self.assertRegex(shown, f"\n{run}: {says}busy [0-9]+ %")
        self.assertNotIn("written by", shown)
        full = self.good(*SPAM, "--mode", "hogwild", "--epochs", "2", "--telemetry", "full").stdout
        self.assertRegex(full, r"line of table 0 \(features [0-9, ]+\.\.\.\): written by [0-9.]+ % of examples")

    def test_speed_up_is_the_product_of_its_parts(self):
        process = self.good(*SPAM, "--mode", "serial,hogwild", "--threads", "1,2", "--epochs", "4", "--json", self.folder / "r.json")
        lines = re.findall(r"^(.*): speed-up ([0-9.]+) = 2 x ([0-9.]+) hardware x ([0-9.]+) statistical.* against (.*)\)$", process.stdout, re.M)
        self.assertEqual([(line[0], line[4]) for line in lines], [("hogwild x2", "hogwild x1")])
        records = map(json.loads, (self.folder / "r.json").read_text().splitlines())
        serial, one, two = (record for record in records if record["kind"] == "summary")
        self.assertEqual((serial["hardware_efficiency"], serial["statistical_efficiency"]), (None, None))
        self.assertEqual(one["statistical_efficiency"], 1)  # the same bits as serial, its reference
        rate = two["examples_per_second"] / (2 * one["examples_per_second"])
        self.assertAlmostEqual(two["hardware_efficiency"], rate)
        hardware, statistical = two["hardware_efficiency"], two["statistical_efficiency"]
        self.assertEqual(lines[0][1:4], tuple(f"{value:.2f}" for value in (2 * hardware * statistical, hardware, statistical)))


class Files(ProgramTest):
    def test_save_load_predict(self):
        model, first, second = (self.folder / name for name in ("model", "first", "second"))
        self.good(*SPAM, "--mode", "serial", "--epochs", "3", "--save", model, "--predict", first)
        # A model applied to new data, in input order, without training.
        records = self.records("--data", "builtin:spam,part=test", *SPAM[4:], "--epochs", "0", "--mode", "serial", "--load", model,
                               "--predict", second)
        self.assertEqual(len(records["point"]), 1)
        self.assertEqual(first.read_text(), second.read_text())
        probabilities = [float(line) for line in first.read_text().splitlines()]
        self.assertEqual(len(probabilities), 1209)
        self.assertTrue(all(0 <= p <= 1 for p in probabilities))

    def test_predictions_follow_the_input(self):
        out = self.folder / "out"
        data = self.file("good.svm", GOOD)
        self.good("--data", data, "--epochs", "30", "--predict", out)
        self.assertEqual([float(p) > 0.5 for p in out.read_text().split()], [True, False] * 4)
        self.good("--data", data, "--model", "svm", "--epochs", "30", "--predict", out)
        self.assertEqual([float(p) for p in out.read_text().split()], [1, -1] * 4)
        self.good("--model", "mf", "--data", self.file("good.tsv", RATINGS), "--predict", out)
        self.assertEqual(len(out.read_text().split()), 12)

    def test_training_goes_on_from_a_model(self):
        model = self.folder / "model"
        before = self.records(*SPAM, "--mode", "serial", "--epochs", "2", "--save", model)["summary"][0]
        after = self.records(*SPAM, "--mode", "serial", "--epochs", "0", "--load", model)["summary"][0]
        self.assertEqual(before["digest"], after["digest"])
        self.assertEqual(before["train_loss"], after["train_loss"])

    def test_saving_to_a_device_leaves_the_device(self):
        self.good("--data", self.file("good.svm", GOOD), "--mode", "serial", "--save", "/dev/null", "--predict", "/dev/null")
        self.assertTrue(subprocess.run(["test", "-c", "/dev/null"]).returncode == 0)


class Models(ProgramTest):
    CUT = "".join(f"{i % 2} {i}:1\n0 {i}:0.25 {i + 1}:0.25\n" for i in range(20))
    METRICS = {"squared": "rmse", "softmax": "accuracy", "mlp": "accuracy", "fm": "accuracy", "cut": "accuracy"}

    def test_each_model_learns_saves_and_predicts(self):
        classes = self.file("classes.svm", GOOD.replace("+1", "7").replace("-1", "40") * 20)
        signs = self.file("signs.svm", GOOD * 20)
        cut = self.file("cut.txt", self.CUT)
        for model, metric in self.METRICS.items():
            data = {"softmax": classes, "mlp": classes, "cut": cut}.get(model, signs)
            test = [] if model == "cut" else ["--test", data]
            model_file, answers = self.folder / model, self.folder / "answers"
            with self.subTest(model=model):
                common = ["--model", model, "--mode", "serial", "--data", data, *test]
                records = self.records(*common, "--epochs", 20, "--save", model_file)
                first, last = records["point"][0], records["point"][-1]
                self.assertLess(last["train_loss"], first["train_loss"])
                if test:
                    self.assertEqual(last["test_metric"]["name"], metric)
                again = self.records(*common, "--epochs", 0, "--load", model_file, "--predict", answers)
                self.assertEqual(again["point"][0]["train_loss"], last["train_loss"])
                lines = answers.read_text().split()
                if data == classes:
                    self.assertEqual(lines, ["7", "40"] * 80)
                if model == "cut":
                    self.assertEqual(lines[::2], ["0", "1"] * 10)

    def test_options_of_the_model_are_recorded(self):
        data = self.file("classes.svm", GOOD)
        options = self.records("--model", "mlp", "--data", data, "--hidden", 5, "--tile", "--mode", "serial")["run"][0]["options"]
        self.assertEqual((options["hidden"], options["tile"], options["factors"]), (5, True, None))
        options = self.records("--data", data, "--mode", "serial")["run"][0]["options"]
        self.assertEqual((options["hidden"], options["tile"], options["factors"]), (None, None, None))

    def test_a_model_goes_on_with_its_own_classes_only(self):
        one, other = self.file("one.svm", "3 1:1\n5 2:1\n"), self.file("other.svm", "3 1:1\n6 2:1\n")
        saved = self.folder / "saved"
        self.good("--model", "softmax", "--data", one, "--mode", "serial", "--save", saved)
        self.good("--model", "softmax", "--data", one, "--mode", "serial", "--load", saved)
        self.bad("--model", "softmax", "--data", other, "--mode", "serial", "--load", saved, says=["3,5", "3,6"])
