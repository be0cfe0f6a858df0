"""Every bad input ends with one sentence that names the place, and exit status 2; beside each, the good one."""

import gzip
import lzma
import os
import subprocess
import unittest

from program import BENCH, GOOD, RATINGS, ProgramTest


class BadData(ProgramTest):
    def data(self, name, content, *flags, says):
        path = self.file(name, content)
        self.bad("--data", path, *flags, says=says if isinstance(says, list) else [path + says])

    def test_good_data_passes(self):
        self.good("--data", self.file("good.svm", GOOD))
        self.good("--data", self.file("good.svm.gz", gzip.compress(GOOD.encode())))
        self.good("--data", self.file("good.svm.xz", lzma.compress(GOOD.encode())))
        self.good("--model", "mf", "--data", self.file("good.tsv", RATINGS))
        self.good("--model", "mf", "--data", self.file("good.csv", "user,item,rating\n" + RATINGS.replace("\t", ",")))
        self.good("--model", "mf", "--data", self.file("good.dat", RATINGS.replace("\t", "::")))
        self.good("--data", self.file("zero_one.svm", GOOD.replace("-1 ", "0 ").replace("+1 ", "1 ")))

    def test_no_data(self):
        self.bad(says="--data")

    def test_missing_file(self):
        self.bad("--data", self.folder / "nowhere.svm", says=["nowhere.svm", "No such file"])

    def test_directory(self):
        self.bad("--data", self.folder, says=[str(self.folder), "directory"])

    def test_empty_file(self):
        self.data("empty.svm", "", says=["empty.svm"])
        self.data("comments.svm", "# nothing\n\n", says=["comments.svm"])

    def test_truncated_archives(self):
        for name, pack in ("cut.gz", gzip.compress), ("cut.xz", lzma.compress):
            packed = pack((GOOD * 200).encode())
            self.good("--data", self.file("whole-" + name, packed))
            self.data(name, packed[: len(packed) // 2], says=[name])

    def test_values_that_are_no_numbers(self):
        for value in "nan", "inf", "x", "", "1e999", "0x10":
            with self.subTest(value=value):
                self.data("value.svm", GOOD + f"+1 3:{value}\n", says=":9")

    def test_ids(self):
        for id_ in "-1", str(2**40), str(2**32 - 1), "x", "1.5":
            with self.subTest(id=id_):
                self.data("id.svm", GOOD + f"+1 {id_}:1\n", says=":9")
                self.data("id.tsv", RATINGS + f"{id_}\t1\t3\n", "--model", "mf", says=":13")
        self.data("twice.svm", GOOD + "+1 3:1 3:2\n", says=":9")
        self.good("--data", self.file("large.svm", GOOD + f"+1 {2**32 - 2}:1\n"))

    def test_text(self):
        self.data("text.svm", "It was a dark and stormy night.\n", says=":1")
        self.data("binary.svm", bytes(range(256)) * 20, says=["binary.svm"])
        self.data("text.tsv", RATINGS + "no ratings here\n", "--model", "mf", says=":13")
        self.data("colon.tsv", "1\t2\t3\n:5" + 100 * "x", "--model", "mf", says=":2")  # a bad last line without its end

    def test_labels(self):
        self.data("label.svm", GOOD + "3 1:1\n", says=":9")
        self.data("label.svm", GOOD + "nan 1:1\n", says=":9")
        self.data("mixed.svm", GOOD + "0 1:1\n", says=["mixed.svm"])

    def test_data_of_the_other_kind(self):
        self.data("good.svm", GOOD, "--model", "mf", says=["good.svm"])
        self.data("good.tsv", RATINGS, says=["good.tsv"])
        self.bad("--data", "builtin:spam", "--model", "mf", says="spam")
        self.bad("--data", "builtin:ratings", says="ratings")

    def test_sources(self):
        self.bad("--data", "builtin:nothing", says=["nothing", "spam"])
        self.bad("--data", "builtin:spam,part=half", says="part")
        self.bad("--data", "synthetic:nothing", says=["nothing", "zipf"])
        self.bad("--data", "synthetic:zipf,colour=3", says="colour")
        self.bad("--data", "synthetic:zipf,examples=0", says="examples")
        self.bad("--data", "synthetic:zipf,examples=-5", says="examples")
        self.bad("--data", "synthetic:zipf,examples=1e18", says="synthetic:zipf")
        self.good("--data", "synthetic:zipf,examples=100,features=500")

    def test_test_set(self):
        good = self.file("good.svm", GOOD)
        self.bad("--data", good, "--test", self.folder / "nowhere", says="nowhere")
        self.bad("--data", good, "--test", self.file("bad.svm", GOOD + "+1 3:x\n"), says="bad.svm:9")
        self.good("--data", good, "--test", self.file("other.svm", "+1 1:1 999:1\n-1 2:1\n"))


class BadFlags(ProgramTest):
    def setUp(self):
        super().setUp()
        self.data = ("--data", self.file("good.svm", GOOD))

    def test_values(self):
        for flag, value in (
            ("--mode", "fast"), ("--mode", ""), ("--mode", "serial,,hogwild"), ("--model", "forest"), ("--threads", "0"),
            ("--threads", "-2"), ("--threads", "two"), ("--threads", "1,"), ("--threads", "1.5"), ("--threads", "9999999999"),
            ("--team", "pthreads"), ("--pin", "yes"), ("--epochs", "-1"), ("--epochs", "many"), ("--step", "-1"),
            ("--step", "0"), ("--step", "automatic"), ("--step", "nan"), ("--step", "inf"), ("--step", "1e999"), ("--schedule", "cosine"),
            ("--decay", "0"), ("--phase", "0"), ("--phase", "x"), ("--decay", "1.5"), ("--l2", "-0.1"), ("--l2", "nan"), ("--l2", "1e39"), ("--step", "1e300"), ("--rule", "lion"), ("--seed", "-1"),
            ("--seed", "x"), ("--hot-rows", "-1"), ("--flush", "0"), ("--flush", "100000"), ("--target-loss", "nan"),
            ("--transform", "sqrt"), ("--normalize", "max"), ("--curve", "curve.txt"), ("--curve", "-"), ("--predict", "-"),
        ):
            with self.subTest(flag=flag, value=value):
                self.bad(*self.data, flag, value, says=flag if value != "-" else "--json")

    def test_factors(self):
        ratings = ("--model", "mf", "--data", self.file("good.tsv", RATINGS))
        for factors in "0", "2", "257", "-4", "x":
            with self.subTest(factors=factors):
                self.bad(*ratings, "--factors", factors, says="--factors")
        for factors in 3, 20, 256:
            self.good(*ratings, "--factors", factors)
        self.bad(*ratings, "--normalize", "l2", says="--normalize")

    def test_options_of_models(self):
        data = self.file("good.svm", GOOD)
        for factors in 1, 65:
            self.bad("--model", "fm", "--data", data, "--factors", factors, says="--factors")
        for hidden in 0, 129, "x":
            self.bad("--model", "mlp", "--data", data, "--hidden", hidden, says="--hidden")
        graph = ("--model", "cut", "--data", self.file("graph", "0 1:1\n1 2:1\n0 1:1 2:1\n"))
        self.bad(*graph, "--l2", "1", says="--l2")
        self.bad(*graph, "--test", graph[3], says="--test")
        self.bad(*graph, "--normalize", "l2", says="--normalize")

    def test_log1p_needs_values_above_minus_one(self):
        self.bad("--data", self.file("negative.svm", GOOD + "+1 3:-1\n"), "--transform", "log1p", says=["log1p", "-1"])

    def test_unknown_flags(self):
        self.bad(*self.data, "--bogus", says="--bogus")
        self.bad(*self.data, "file.svm", says="file.svm")
        self.bad(*self.data, "--epochs", says="--epochs")
        for later in "--codec", "--staleness", "--device":  # known to the design, not built yet
            self.bad(*self.data, later, "1", says=later)

    def test_a_later_flag_overrides(self):
        records = self.records(*self.data, "--epochs", "2", "--epochs", "3")
        self.assertEqual(records["point"][-1]["epoch"], 3)

    def test_one_model_per_file(self):
        for flag in "--save", "--predict":
            target = self.folder / "out"
            self.bad(*self.data, "--mode", "serial,hogwild", flag, target, says=flag)
            self.assertFalse(target.exists())


class BadOutputs(ProgramTest):
    def setUp(self):
        super().setUp()
        self.data = ("--data", self.file("good.svm", GOOD), "--quiet")

    def test_places_that_cannot_be_written(self):
        for flag in "--json", "--curve", "--predict", "--save":
            with self.subTest(flag=flag):
                self.bad(*self.data, flag, self.folder / "no" / "where.jsonl", says=flag)
                folder = self.folder / "folder.jsonl"
                folder.mkdir(exist_ok=True)
                self.bad(*self.data, flag, folder, says=flag)

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full here")
    def test_full_disk(self):
        for flag in "--json", "--predict", "--save":
            with self.subTest(flag=flag):
                self.bad(*self.data, flag, "/dev/full", says=["/dev/full", "No space left"])

    def test_bad_input_writes_over_nothing(self):
        for flag in "--json", "--curve", "--predict", "--save":
            with self.subTest(flag=flag):
                kept = self.file("kept.jsonl", "precious")
                self.bad("--data", self.file("bad.svm", "+1 1:x\n"), flag, kept, says="bad.svm:1")
                with open(kept) as file:
                    self.assertEqual(file.read(), "precious")

    def test_flags_of_the_modes(self):
        for flag in "--batch", "--merge-every":
            for value in "0", "-1", "x":
                self.bad(*self.data, flag, value, says=flag)
        for flag in "--replica", "--data-per-worker":
            self.bad(*self.data, flag, "x", says=[flag, "give one of"])

    def test_flags_that_nothing_obeys(self):
        for flag, value, obeying in (("--batch", 8, "batched"), ("--batch", "all", "snapshot"), ("--batch", 8, "conflictfree"), ("--flush", 4, "cached"),
                                     ("--hot-rows", 0, "cached"), ("--data-per-worker", "shard", "averaged"),  # a default too: it was asked for
                                     ("--replica", "core", "replicated"), ("--merge-every", 64, "replicated")):
            with self.subTest(flag=flag, value=value):
                self.bad(*self.data, flag, value, says=[flag, "hogwild", "leave it out", obeying])
                self.bad(*self.data, "--mode", "serial,locked", flag, value, says=[flag, "serial, locked", obeying])
                for modes in obeying, f"serial,{obeying}", "all", "auto":
                    self.good(*self.data, "--mode", modes, flag, value)
        self.good("--inspect", *self.data, "--flush", 4)
        self.bad(*self.data, "--phase", 2, says=["--phase", "exponential", "--schedule backoff"])
        self.good(*self.data, "--phase", 2, "--schedule", "backoff")
        self.bad(*self.data, "--decay", 0.5, "--schedule", "constant", says=["--decay", "constant", "leave one"])
        for schedule in "exponential", "inverse", "backoff":
            self.good(*self.data, "--decay", 0.5, "--schedule", schedule)

    def test_a_mode_that_is_refused_writes_over_nothing(self):
        kept = self.file("kept.jsonl", "precious")
        self.bad(*self.data, "--mode", "serial,cached", "--rule", "adam", "--curve", kept, says=["cached", "adam"])
        self.bad(*self.data, "--mode", "roundrobin", "--team", "tbb", "--curve", kept, says=["roundrobin", "--team threads"])
        with open(kept) as file:
            self.assertEqual(file.read(), "precious")

    def test_a_model_that_does_not_fit_writes_over_nothing(self):
        model, kept = self.folder / "model", self.file("kept.jsonl", "precious")
        self.good(*self.data, "--mode", "serial", "--save", model)
        self.bad(*self.data, "--model", "svm", "--load", model, "--curve", kept, says="--model")
        with open(kept) as file:
            self.assertEqual(file.read(), "precious")

    def test_one_file_for_two_flags(self):
        same = self.folder / "same.jsonl"
        self.bad(*self.data, "--curve", same, "--json", same, says=["--curve", "--json"])
        self.bad(*self.data, "--predict", self.data[1], says=["--predict", "--data"])
        with open(self.data[1]) as file:
            self.assertEqual(file.read(), GOOD)
        self.bad(*self.data, "--json", self.folder / "x.csv", says="--json")

    def test_a_diverged_run_does_not_replace_a_model(self):
        model, spam = self.folder / "model", ("--data", "builtin:spam", "--mode", "serial", "--epochs", "2")
        self.good(*spam, "--save", model)
        before = model.read_bytes()
        process = self.run_bench(*spam, "--step", "1e6", "--load", model, "--save", model)
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertIn("was not written", process.stderr)
        self.assertEqual(model.read_bytes(), before)

    def test_lost_output_is_an_error(self):
        with open("/dev/full", "w") as full:
            process = subprocess.run([BENCH, *self.data[:2]], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
        self.assertEqual(process.returncode, 2, process.stderr)
        self.assertIn("stdout", process.stderr)

    def test_junk_to_load(self):
        model = self.folder / "model"
        self.good(*self.data, "--mode", "serial", "--save", model)
        self.good(*self.data, "--load", model)
        whole = model.read_bytes()
        flipped = bytes([*whole[:40], whole[40] ^ 1, *whole[41:]])
        for name, content in ("empty", b""), ("text", b"hello\n" * 50), ("cut", whole[:-9]), ("flipped", flipped):
            with self.subTest(name=name):
                self.bad(*self.data, "--load", self.file(name, content), says=name)
        self.bad(*self.data, "--load", self.folder / "nowhere", says="nowhere")
        self.bad(*self.data, "--load", self.folder, says=str(self.folder))
        self.bad(*self.data, "--model", "svm", "--load", model, says="--model")
        self.bad(*self.data, "--normalize", "l2", "--load", model, says="--normalize")
        self.bad("--model", "mf", "--data", self.file("good.tsv", RATINGS), "--load", model, says="--model")
