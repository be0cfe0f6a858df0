"""Every mode on 4 real ranks reaches the loss of one process within 5 % after the same epochs, on every shipped set."""

from program import RANK_MODES, ProgramTest, RanksTest, needs_mpirun

EPOCHS = 20
TOLERANCE = 1.05
SETS = {
    "spam": ["--model", "logistic", "--data", "builtin:spam,part=train", "--transform", "log1p", "--normalize", "l2"],
    "ratings": ["--model", "mf", "--factors", 16, "--data", "builtin:ratings"],
    "fashion": ["--model", "softmax", "--data", "builtin:fashion,part=train"],
}


@needs_mpirun
class Convergence(RanksTest):
    def one_process(self, flags):
        serial = ProgramTest()
        return serial.records("--mode", "serial", "--epochs", EPOCHS, "--l2", 1e-3, *flags)["summary"][0]["train_loss"]

    def losses(self, flags, *more):
        records = self.folder / "records.jsonl"
        self.good_ranks(4, "--mode", "all", "--threads", 1, "--epochs", EPOCHS, "--l2", 1e-3, "--quiet", "--json", records, *flags, *more)
        return {s["mode"]: s["train_loss"] for s in self.by_kind(records.read_text())["summary"]}

    def test_every_mode_on_every_shipped_set(self):
        for name, flags in SETS.items():
            serial = self.one_process(flags)
            losses = self.losses(flags)
            self.assertEqual(list(losses), RANK_MODES)
            for mode, loss in losses.items():
                with self.subTest(set=name, mode=mode):
                    self.assertLess(loss, TOLERANCE * serial)

    def test_5_percent_is_less_than_what_hardly_any_progress_costs(self):
        serial = self.one_process(SETS["spam"])
        for mode, loss in self.losses(SETS["spam"], "--step", 0.005).items():
            with self.subTest(mode=mode):
                self.assertGreater(loss, TOLERANCE * serial)
