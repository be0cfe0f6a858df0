"""What bench_mpi is told: help, and one sentence, said once, for every wrong flag."""

import unittest

from program import BENCH_MPI, GOOD, RANK_MODES, RATINGS, RanksTest, mpirun, needs_mpirun

FLAGS = ("--mode --node-mode --staleness --visibility --topology --allow-disconnected --servers --architecture --reducer --ranks-per-node --codec --overlap --deterministic "
         "--compensate --dc-lambda --local-rounds --weight --participation --outer-momentum --backup --evict-after --partition --balance --pad --straggler --audit "
         "--deadline --transport --ranks --sim --calibrate --trace --verbose --model --data --test --transform --normalize --factors --hidden --tile --threads --team "
         "--pin --epochs --batch --step --schedule --decay --phase --l2 --l1 --rule --seed --hot-rows --flush --target-loss --telemetry "
         "--curve --json --predict --save --load --checkpoint --every --resume --quiet --version --help").split()


# For each flag that not every mode obeys: a value, and the modes that do, some with what that needs.
OBEYED = {
    "--staleness": (3, ["ssp", "pushsum"]),
    "--visibility": ("at-least", ["ssp"]),  # a default too: it was asked for
    "--topology": ("ring", ["gossip", "adpsgd", "pushsum"]),
    "--servers": ("colocated", ["ssp", "async"]),
    "--compensate": ("none", ["async"]),
    "--architecture": ("server", ["bsp"]),
    "--reducer": ("ring", ["bsp"]),
    "--codec": ("none", ["bsp"]),
    "--overlap": ("off", ["bsp"]),
    "--deterministic": (None, ["bsp"]),
    "--local-rounds": (1, ["local"]),
    "--weight": ("ranks", ["local"]),
    "--participation": (1, ["local"]),
    "--outer-momentum": (0, ["local"]),
    "--backup": (0, ["backup"]),
    "--evict-after": (0, ["backup"]),
}


def obeying(flag):
    """The flags that choose a mode that obeys this one."""
    return ("--mode", OBEYED[flag][1][0]) if flag in OBEYED else ()


class Words(RanksTest):
    def test_help_lists_every_flag_and_mode(self):
        shown = self.good("--help").stdout
        for flag in FLAGS:
            self.assertRegex(shown, rf"[\s,]{flag}\s")
        for mode in RANK_MODES + ["hogwild", "cached", "hypercube", "one-peer"]:
            self.assertRegex(shown, rf"\n +{mode} +\w")  # each with its line

    def test_version_names_the_library_and_the_modes(self):
        shown = self.good("--version").stdout
        self.assertRegex(shown, r"\nmpi +\S")
        self.assertIn("ranks     " + ", ".join(RANK_MODES), shown)

    @needs_mpirun
    def test_many_ranks_answer_once(self):
        self.assertEqual(self.good_ranks(3, "--version").stdout.count("sounder "), 1)


class BadFlags(RanksTest):
    def setUp(self):
        super().setUp()
        self.data = ("--data", self.file("good.svm", GOOD), "--quiet")

    def test_values(self):
        for flag, value in (
            ("--mode", "fast"), ("--mode", ""), ("--mode", "bsp,,ssp"), ("--mode", "hogwild"), ("--node-mode", "bsp"), ("--node-mode", "auto"),
            ("--staleness", "-1"), ("--staleness", "x"), ("--staleness", "2000000"), ("--staleness", "3..1"), ("--staleness", "1.."), ("--staleness", "..2"), ("--visibility", "all"), ("--architecture", "star"),
            ("--reducer", "star"), ("--codec", "zip"), ("--codec", "int8:2"), ("--codec", "topk:0"), ("--codec", "topk:x"), ("--codec", "topk:1.5"), ("--compensate", "all"), ("--dc-lambda", "-1"), ("--dc-lambda", "nan"), ("--servers", "many"),
            ("--servers", "dedicated:"), ("--servers", "dedicated:0"), ("--servers", "dedicated:x"), ("--local-rounds", "0"),
            ("--backup", "-1"), ("--backup", "x"), ("--evict-after", "-1"), ("--weight", "half"), ("--participation", "0"), ("--participation", "1.5"), ("--outer-momentum", "1"), ("--partition", "name"),
            ("--balance", "even"), ("--pad", "-1"), ("--pad", "x"), ("--straggler", "rank:1"), ("--straggler", "often"), ("--deadline", "0"),
            ("--deadline", "inf"), ("--transport", "tcp"), ("--ranks", "0"), ("--ranks", "x"), ("--threads", "0"),
            ("--step", "0"), ("--every", "-1"), ("--epochs", "-1"), ("--curve", "curve.txt"),
        ):
            with self.subTest(flag=flag, value=value):
                self.bad(*self.data, *obeying(flag), flag, value, says=flag)

    def test_flags_that_need_others(self):
        self.bad(*self.data, "--ranks", "2", says=["--ranks", "--transport inproc", "mpirun -n 2"])
        self.bad(*self.data, "--mode", "local", "--transport", "inproc", "--ranks", "3", "--servers", "dedicated:1", says=["--servers", "local"])
        self.bad(*self.data, "--mode", "async", "--transport", "inproc", "--ranks", "2", "--servers", "dedicated:2", says="--servers")
        self.bad(*self.data, "--mode", "bsp", "--architecture", "server", "--transport", "inproc", "--ranks", "3", "--servers", "dedicated:1",
                 says=["--servers", "--mode ssp"])
        self.bad(*self.data, "--mode", "gossip", "--topology", "nowhere", "--transport", "inproc", "--ranks", "2", says="--topology")
        self.bad(*self.data, "--mode", "ssp", "--staleness", "1..3", "--visibility", "exact", says=["--staleness", "--visibility"])
        self.bad(*self.data, "--mode", "backup", "--backup", "2", "--transport", "inproc", "--ranks", "2", says="--backup")
        self.bad(*self.data, "--mode", "backup", "--backup", "1", "--balance", "fixed", "--transport", "inproc", "--ranks", "2", says="--balance")
        self.bad(*self.data, "--node-mode", "cached", "--rule", "adam", says=["cached", "adam"])
        self.bad(*self.data, "--mode", "bsp", "--architecture", "server", "--deterministic", says=["--deterministic", "--architecture server"])
        self.bad(says="--data")
        self.bad("--model", "mf", "--data", self.file("good.tsv", RATINGS), "--normalize", "l2", says="--normalize")

    def test_flags_that_no_mode_obeys(self):
        for flag, (value, modes) in OBEYED.items():
            words = (flag,) if value is None else (flag, value)
            others = [mode for mode in ("bsp", "local", "gossip") if mode not in modes][:2]
            with self.subTest(flag=flag, others=others):
                self.bad(*self.data, "--mode", ",".join(others), *words,
                         says=[f"{flag} does nothing in mode {', '.join(others)}:", "leave it out", "--mode " + " or ".join(modes)])
            for good in *modes, f"local,{modes[0]}", "all":
                with self.subTest(flag=flag, good=good):
                    self.good(*self.data, "--epochs", 0, "--mode", good, *words)
        self.bad(*self.data, "--backup", 9, "--evict-after", 3, "--topology", "nowhere", says=["does nothing", "bsp"])

    def test_flags_that_others_leave_nothing_to_do(self):
        by_server, async_ = (*self.data, "--epochs", 0, "--architecture", "server"), (*self.data, "--epochs", 0, "--mode", "async", "--dc-lambda", 0.1)
        for reducer in "ring", "double-ring", "tree", "hierarchical", "mpi", "deterministic":
            self.bad(*by_server, "--reducer", reducer, says=["--reducer", "--architecture server"])
        self.bad(*by_server, "--codec", "int8", says=["--codec", "--architecture server"])
        self.good(*by_server, "--servers", "colocated")
        self.bad(*async_, says=["--dc-lambda", "--compensate none"])
        self.bad(*async_, "--compensate", "scale", says=["--dc-lambda", "--compensate scale"])
        self.good(*async_, "--compensate", "dc")
        gossip = (*self.data, "--epochs", 0, "--mode", "gossip", "--allow-disconnected")
        self.bad(*gossip, says=["--allow-disconnected", "--topology"])
        self.good(*gossip, "--topology", "ring")
        backup = (*self.data, "--epochs", 0, "--mode", "backup", "--evict-after", 3, "--transport", "inproc", "--ranks")
        self.bad(*backup, 4, "--backup", 0, says=["--evict-after 3", "--backup 0"])
        self.bad(*backup, 3, says=["--evict-after 3", "of 3 ranks"])  # --backup is one in four
        self.good(*backup, 4)
        self.good(*backup, 3, "--backup", 1)

    def test_how_gradients_travel(self):
        bsp = (*self.data, "--epochs", 1, "--mode", "bsp", "--transport", "inproc", "--ranks", 4)
        self.bad(*bsp, "--ranks-per-node", 2, says=["--ranks-per-node", "--reducer ring", "--reducer hierarchical"])
        self.bad(*bsp, "--reducer", "hierarchical", "--ranks-per-node", -1, says="--ranks-per-node")
        for reducer in "double-ring", "tree", "hierarchical":
            self.good(*bsp, "--reducer", reducer)
        self.good(*bsp, "--reducer", "hierarchical", "--ranks-per-node", 2)
        self.bad(*bsp, "--overlap", "maybe", says=["--overlap", "maybe", "on, off"])
        self.bad(*bsp, "--codec", "int8", "--reducer", "ring", says=["--reducer", "--codec int8"])
        self.bad(*bsp, "--codec", "int8", "--deterministic", says=["--codec", "--deterministic"])
        self.bad(*bsp, "--codec", "int8", "--checkpoint", self.folder / "run.checkpoint", says=["--checkpoint", "--codec"])
        for codec in "int8", "onebit", "topk", "topk:0.5":
            self.good(*bsp, "--codec", codec)
        kept = self.records(*bsp, "--codec", "topk:0.5")["run"][0]["options"]
        self.assertEqual((kept["codec"], kept["topk_share"]), ("topk", 0.5))

    def test_a_range_of_staleness_is_of_ssp(self):
        self.bad(*self.data, "--mode", "pushsum", "--staleness", "1..3", says=["--staleness 1..3", "pushsum", "ssp"])
        self.bad(*self.data, "--mode", "bsp", "--staleness", "1..3", says=["--staleness", "bsp"])
        for mode, staleness in ("pushsum", 3), ("ssp", "1..3"), ("ssp,local", "1..3"):
            self.good(*self.data, "--epochs", 0, "--mode", mode, "--staleness", staleness)
        ran = self.records(*self.data, "--epochs", 0, "--mode", "all", "--staleness", "1..3")["run"]
        self.assertEqual([run["mode"] for run in ran], [mode for mode in RANK_MODES if mode != "pushsum"])

    def test_topologies_are_looked_at_before_any_run(self):
        ranks = (*self.data, "--epochs", 1, "--threads", 1, "--transport", "inproc", "--ranks")
        table = self.folder / "out.csv"
        parts = self.file("parts", "0 1\n2 3\n")
        for topology, count, says in (("nowhere", 3, "nowhere"), ("hypercube", 3, "power of two"), ("random:3", 3, "random:3"), (parts, 4, "2 parts"),
                                      (parts, 3, f"{parts}:2")):
            for modes in "bsp,adpsgd", "bsp,gossip", "bsp,pushsum":
                with self.subTest(topology=topology, modes=modes):
                    self.bad(*ranks, count, "--mode", modes, "--topology", topology, "--curve", table, says=says)
                    self.assertFalse(table.exists())
        self.good(*ranks, 4, "--mode", "bsp,adpsgd", "--topology", "hypercube")
        self.good(*ranks, 4, "--mode", "bsp,gossip", "--topology", parts, "--allow-disconnected")
        for topology, left in ("hypercube", ["bsp", "ssp", "async", "local", "backup", "rma"]), ("star", RANK_MODES):
            ran = self.records(*ranks, 3, "--mode", "all", "--topology", topology)
            self.assertEqual([run["mode"] for run in ran["summary"]], left)

    def test_why_a_mode_has_no_checkpoints(self):
        target = self.folder / "run.checkpoint"
        for mode, why in ("backup", "the state of the rule"), ("adpsgd", "no moment"), ("pushsum", "no moment"), ("rma", "no moment"):
            self.bad(*self.data, "--mode", mode, "--checkpoint", target, says=["--checkpoint", f"--mode {mode}", why, "--mode bsp or local"])
            self.assertFalse(target.exists())
        self.good(*self.data, "--mode", "bsp", "--checkpoint", target)
        self.assertTrue(target.exists())

    def test_the_race_of_steps_is_on_a_rank_that_has_examples(self):
        for lines in 1, 2:
            with self.subTest(lines=lines):
                flags = ("--data", self.file("few.svm", "".join(GOOD.splitlines(True)[:lines])), "--mode", "bsp", "--step", "auto", "--epochs", 1, "--threads", 1,
                         "--transport", "inproc", "--ranks", 3)
                few = self.records(*flags)
                self.assertGreater(few["run"][0]["options"]["step"], 0)
                dealt = [rank["examples"] for rank in few["summary"][0]["ranks_detail"]]
                self.assertEqual((dealt[0], sum(dealt)), (0, lines))

    def test_flags_of_other_programs_are_unknown(self):
        for flag in "--record", "--replay", "--simulate-workers", "--inspect", "--backoff", "--bogus":
            with self.subTest(flag=flag):
                self.bad(*self.data, flag, "1", says=flag)

    def test_one_model_per_file(self):
        for flag in "--save", "--predict":
            target = self.folder / "out"
            self.bad(*self.data, "--mode", "bsp,ssp", flag, target, says=flag)
            self.bad(*self.data, "--node-mode", "serial,hogwild", flag, target, says=flag)
            self.assertFalse(target.exists())

    @needs_mpirun
    def test_ranks_say_it_once(self):
        for flags, says in (((*self.data, "--mode", "fast"), "--mode"), ((*self.data, "--bogus"), "--bogus"), ((), "--data"),
                            ((*self.data, "--transport", "inproc", "--ranks", "2"), "mpirun"),
                            (("--data", self.folder / "nowhere.svm"), "nowhere.svm"),
                            ((*self.data, "--mode", "bsp,adpsgd", "--topology", "no-graph"), "no-graph"),
                            ((*self.data, "--mode", "bsp", "--topology", "ring"), "--topology does nothing"),
                            (("--data", self.file("bad.svm", GOOD + "+1 3:x\n")), "bad.svm:9")):
            with self.subTest(flags=flags):
                self.says_once(self.run_ranks(2, *flags), says)

    @needs_mpirun
    def test_ranks_must_be_told_the_same(self):
        for flag, one, other in (("--epochs", "2", "3"), ("--staleness", "1", "2"), ("--staleness", "1..3", "2..3"), ("--node-mode", "hogwild", "atomic")):
            with self.subTest(flag=flag):
                first, second = (mpirun(1, *self.data, "--mode", "ssp", flag, value) for value in (one, other))
                self.says_once(self.run_command([*first, ":", *second[second.index("-n"):]]), flag)
        # A flag that only a later rank cannot read is said by that rank.
        first, second = mpirun(1, *self.data), ["-n", "1", BENCH_MPI, *self.data, "--bogus"]
        self.says_once(self.run_command([*first, ":", *second]), "--bogus")


