"""bench_shm --record and --replay: the same digest on one thread, and what does not fit together."""

from program import GOOD, RATINGS, ProgramTest

SPAM = ("--data", "builtin:spam", "--transform", "log1p", "--normalize", "l2", "--epochs", "1", "--quiet")


class Replay(ProgramTest):
    def setUp(self):
        super().setUp()
        self.recording = self.folder / "recording"

    def test_replay_ends_at_the_recorded_bits(self):
        for threads in 1, 2, 4:
            with self.subTest(threads=threads):
                ran = self.records(*SPAM, "--threads", threads, "--record", self.recording)["summary"][0]
                again = self.records(*SPAM, "--replay", self.recording)["summary"][0]
                self.assertEqual(again["digest"], ran["digest"])
                self.assertEqual((ran["threads"], again["threads"]), (threads, 1))
                self.assertEqual(again["train_loss"], ran["train_loss"])

    def test_ratings(self):
        flags = ("--model", "mf", "--data", self.file("good.tsv", RATINGS), "--epochs", 2)
        ran = self.records(*flags, "--threads", 2, "--record", self.recording)["summary"][0]
        self.assertEqual(self.records(*flags, "--replay", self.recording)["summary"][0]["digest"], ran["digest"])
        self.assertIn("replay x2", self.good(*flags, "--replay", self.recording).stdout)

    def test_another_run_is_refused(self):
        self.good(*SPAM, "--threads", 2, "--record", self.recording)
        self.bad(*SPAM, "--replay", self.recording, "--seed", 2, says=["--seed 1, not 2", str(self.recording)])
        self.bad(*SPAM, "--replay", self.recording, "--step", 0.5, says="--step")
        self.bad(*SPAM, "--replay", self.recording, "--epochs", 2, says="--epochs")
        self.bad(*SPAM, "--replay", self.recording, "--data", "builtin:spam,part=train", says="--data")

    def test_files(self):
        data = ("--data", self.file("good.svm", GOOD))
        self.good(*data, "--threads", 2, "--record", self.recording)
        content = self.recording.read_bytes()
        cut = self.file("cut", content[:-9])
        self.bad(*data, "--replay", cut, says=[cut, "record it again"])
        other = self.file("other", "not this")
        self.bad(*data, "--replay", other, says=[other, "--record"])
        self.bad(*data, "--replay", self.folder / "no", says=["No such file", "/no"])
        self.bad(*data, "--record", self.folder / "no" / "where", says="--record")
        self.bad(*data, "--record", data[1], says=["--record", "--data"])

    def test_contradictions(self):
        data = ("--data", self.file("good.svm", GOOD))
        record = (*data, "--record", self.recording)
        self.bad(*record, "--threads", "1,2", says="--record")
        self.bad(*record, "--mode", "cached", says=["--record", "hogwild"])
        self.bad(*record, "--mode", "serial,hogwild", says=["--record", "hogwild"])
        self.bad(*record, "--rule", "adam", says=["--record", "sgd"])
        self.bad(*record, "--simulate-workers", 2, says=["--record", "--simulate-workers"])
        self.bad(*record, "--replay", self.recording, says=["--record", "--replay"])
        self.bad(*data, "--replay", self.recording, "--threads", 2, says=["--replay", "--threads"])
        self.bad(*record, "--threads", 2, "--epochs", 10**7, "--quiet", says=["operations", "--epochs"])
        self.assertFalse(self.recording.exists())
