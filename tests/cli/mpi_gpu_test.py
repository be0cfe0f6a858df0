"""bench_mpi --node-mode gpu and hybrid, on the emulated device: the modes between ranks, with a GPU inside of each."""

from program import RANK_MODES, RanksTest, needs_mpirun
from cuda_test import why_no_gpu

SPAM = ("--data", "builtin:spam,part=train", "--transform", "log1p", "--normalize", "l2", "--l2", "1e-3", "--threads", "1", "--epochs", "3")
TWO = ("--transport", "inproc", "--ranks", "2")
EMULATED = ("--device", "emu", "--gpu-streams", "2", "--gpu-workers", "4")
EXAMPLES = 4837


class GpusInRanks(RanksTest):
    def test_every_mode_learns_as_much_as_with_threads(self):
        runs = self.records(*SPAM, *TWO, *EMULATED, "--mode", "all", "--node-mode", "hogwild,gpu,hybrid")
        losses = {(summary["mode"], summary["node_mode"]): summary["train_loss"] for summary in runs["summary"]}
        self.assertEqual(set(losses), {(mode, node) for mode in RANK_MODES for node in ("hogwild", "gpu", "hybrid")})
        for (mode, node), loss in losses.items():
            self.assertLess(abs(loss / losses[mode, "hogwild"] - 1), 0.05, (mode, node))  # it began at 3 times as much
        for mode in ("bsp", "backup"):  # the same sums of the same batches, but for their order
            for node in ("gpu", "hybrid"):
                self.assertLess(abs(losses[mode, node] / losses[mode, "hogwild"] - 1), 1e-3 if mode == "bsp" else 0.02, (mode, node))
        for run, summary in zip(runs["run"], runs["summary"]):
            on_gpu, node = summary["gpu_updates"], summary["node_mode"]
            self.assertEqual(on_gpu + summary["cpu_updates"], sum(rank["examples"] for rank in summary["ranks_detail"]))
            if node != "hybrid":  # there either side may have been too late for anything
                self.assertEqual((summary["cpu_updates"] == 0, on_gpu == 0), (node == "gpu", node == "hogwild"), summary)
            self.assertEqual(run["machine"]["gpu"], None if node == "hogwild" else "emulated device")
            self.assertEqual(run["options"].get("device"), None if node == "hogwild" else "emu")
            self.assertEqual("emulated device: placement" in (summary["remark"] or ""), node != "hogwild")

    def test_gradients_that_came_too_late_are_no_updates(self):
        flags = (*SPAM, *TWO, *EMULATED, "--mode", "backup", "--backup", "1", "--batch", "64", "--pad", "2", "--straggler", "rank:1=4x")
        for summary in self.records(*flags, "--node-mode", "hogwild,gpu,hybrid")["summary"]:
            self.assertGreater(summary["dropped_updates"], 0)
            if summary["node_mode"] == "gpu":
                self.assertEqual(summary["cpu_updates"], 0)
            self.assertEqual(summary["gpu_updates"] + summary["cpu_updates"], sum(rank["examples"] for rank in summary["ranks_detail"]))

    @needs_mpirun
    def test_processes(self):
        summaries = self.by_kind(self.good_ranks(2, *SPAM, *EMULATED, "--mode", "bsp,ssp", "--node-mode", "gpu", "--json", "-").stdout)["summary"]
        for summary in summaries:
            self.assertGreaterEqual(summary["gpu_updates"], 3 * EXAMPLES)

    def test_factorizations(self):
        flags = ("--model", "mf", "--data", "builtin:ratings,part=train", "--l2", "0.05", "--epochs", "2", "--threads", "1", *TWO, *EMULATED)
        for summary in self.records(*flags, "--mode", "bsp,local", "--node-mode", "gpu,hybrid")["summary"]:
            self.assertEqual(summary["stopped"], "epochs")
            if summary["node_mode"] == "gpu":
                self.assertGreater(summary["gpu_updates"], 0)

    def test_several_gpus_of_a_rank_add_up_what_one_gathers(self):
        flags = (*SPAM, *TWO, *EMULATED, "--mode", "bsp", "--batch", "2048")  # chunks for all GPUs of a rank
        threads = self.records(*flags, "--node-mode", "hogwild,gpu")["summary"][0]["train_loss"]
        one = self.records(*flags, "--node-mode", "gpu")["summary"][0]["train_loss"]
        self.assertLess(abs(one / threads - 1), 1e-5)
        for gpus, placement, name in ((1, (), None), (2, (), "spread"), (2, ("cpu",), "cpu"), (2, ("gpu",), "gpu"), (3, ("spread",), "spread")):
            with self.subTest(gpus=gpus, placement=placement):
                records = self.records(*flags, "--node-mode", "gpu,hybrid", "--gpus", gpus, *(("--server-placement", *placement) if placement else ()))
                for run, summary in zip(records["run"], records["summary"]):
                    self.assertLess(abs(summary["train_loss"] / one - 1), 1e-5, summary["node_mode"])
                    self.assertEqual(run["options"]["gpus"], gpus)
                    self.assertEqual(run["options"]["server_placement"], placement[0] if placement else "auto")
                    self.assertEqual(f"{gpus} GPUs, server placement {name}, " in summary["remark"], gpus > 1, summary["remark"])
                    self.assertEqual(summary["gpu_updates"] + summary["cpu_updates"], sum(rank["examples"] for rank in summary["ranks_detail"]))
                self.assertEqual(records["summary"][0]["gpu_updates"], 3 * EXAMPLES)
                if gpus > 1:  # of rank 0; all have had a part
                    self.assertTrue(all(int(n) > 0 for n in records["summary"][0]["remark"].split("examples of each: ")[1].split()))
        slow = self.records(*flags, "--node-mode", "gpu", "--gpus", "2", "--step", "0.01")["summary"][0]["train_loss"]
        self.assertGreater(abs(slow / one - 1), 1e-2)  # another step is seen

    def test_what_cannot_be_is_refused(self):
        for flags, says in (((*TWO, *EMULATED, "--mode", "bsp", "--deterministic", "--node-mode", "gpu"), ["--deterministic", "--node-mode hogwild"]),
                            (("--transport", "sim", "--ranks", "2", "--device", "emu", "--node-mode", "hybrid"), ["--transport sim", "--transport inproc"]),
                            ((*TWO, "--device", "emu"), ["--device does nothing with --node-mode hogwild", "gpu or hybrid"]),
                            ((*TWO, "--sync-ms", "1", "--device", "emu", "--node-mode", "gpu"), ["--sync-ms does nothing with --node-mode gpu", "hybrid"]),
                            ((*TWO, "--device", "none", "--node-mode", "gpu"), ["--device none"]),
                            ((*TWO, *EMULATED, "--node-mode", "gpu", "--rule", "adagrad"), ["--rule adagrad", "--rule sgd"]),
                            ((*TWO, *EMULATED, "--node-mode", "gpu", "--placement", "split"), ["--placement split", "--placement mirror"]),
                            ((*TWO, *EMULATED, "--mode", "bsp", "--node-mode", "gpu", "--storage", "bf16"), ["--storage bf16", "mode bsp"]),
                            ((*TWO, *EMULATED, "--mode", "bsp", "--node-mode", "gpu", "--model", "mlp"), ["--model mlp", "mode bsp"]),
                            ((*TWO, *EMULATED, "--node-mode", "gpu", "--model", "cut"), ["cut"]),
                            ((*TWO, "--gpus", "2"), ["--gpus does nothing with --node-mode hogwild", "gpu or hybrid"]),
                            *(((*TWO, *EMULATED, "--node-mode", "gpu", "--gpus", n), [f"--gpus {n} is out of range", "give 1 to 8"]) for n in ("0", "9")),
                            ((*TWO, *EMULATED, "--node-mode", "gpu", "--gpus", "all"), ["--gpus", "whole number"]),
                            ((*TWO, *EMULATED, "--node-mode", "gpu", "--server-placement", "cpu"), ["--server-placement does nothing with one GPU", "give --gpus 2"]),
                            ((*TWO, *EMULATED, "--node-mode", "gpu", "--gpus", "2", "--server-placement", "host"), ["--server-placement", "auto, cpu, gpu, spread"]),
                            *(((*TWO, *EMULATED, "--node-mode", "gpu", "--gpus", "2", "--mode", mode), [f"--gpus 2 add up gradients, and mode {mode}", "give --mode bsp"])
                              for mode in ("ssp", "local")),
                            ((*TWO, *EMULATED, "--node-mode", "gpu", "--gpus", "2", "--placement", "pinned"), ["--placement pinned keeps one for all", "give --placement mirror"])):
            with self.subTest(flags=flags):
                self.bad(*SPAM, *flags, "--curve", self.folder / "run.jsonl", says=says)
                self.assertFalse((self.folder / "run.jsonl").exists())

    def test_without_a_gpu(self):
        sentence = why_no_gpu()
        if sentence is None:
            print("skipped: a GPU is here, so what is said without one cannot be heard")
            self.skipTest("a GPU is here")
        says = sentence.strip().split(": ", 1)[1]
        self.bad(*SPAM, *TWO, "--node-mode", "gpu", status=77, says=says)
        node_modes = {run["node_mode"] for run in self.records(*SPAM, *TWO, "--mode", "local", "--node-mode", "all", "--epochs", "1")["run"]}
        self.assertIn("hogwild", node_modes)
        self.assertFalse(node_modes & {"gpu", "hybrid"})
